"""The table of findings that `make doctor` and `make verify` print, row by row."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

Mark = Literal["✓", "✗", "?"]

_WIDTH = 22


class Finding(NamedTuple):
    """One row. `fix` is the one command or page that helps; `?` means that it could not be checked."""

    mark: Mark
    what: str
    found: str
    fix: str = ""


def fine(what: str, found: str) -> Finding:
    """The row for a check that passed."""
    return Finding("✓", what, found)


def wrong(what: str, found: str, fix: str) -> Finding:
    """The row for a check that failed, and how to fix it."""
    return Finding("✗", what, found, fix)


def unknown(what: str, found: str, fix: str = "") -> Finding:
    """The row for what could not be checked, and why."""
    return Finding("?", what, found, fix)


def show(findings: Iterable[Finding]) -> list[Finding]:
    """Print each row as soon as it is known; returns them all."""
    shown = []
    for finding in findings:
        print(f"{finding.mark} {finding.what:<{_WIDTH}} {finding.found}", flush=True)
        if finding.fix:
            print(f"  {'':<{_WIDTH}} → {finding.fix}", flush=True)
        shown.append(finding)
    return shown


def are_fine(findings: Iterable[Finding]) -> bool:
    """Whether no check failed; unknown rows do not count."""
    return all(finding.mark != "✗" for finding in findings)
