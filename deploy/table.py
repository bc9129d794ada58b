"""A table of what was found, one row as soon as it is known, for `make doctor` and `make verify`."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

Mark = Literal["✓", "✗", "?"]

_WIDTH = 22


class Finding(NamedTuple):
    """One row. `mend` is the one command or page that helps; `?` is for what could not be looked at."""

    mark: Mark
    what: str
    found: str
    mend: str = ""


def fine(what: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding("✓", what, found)


def wrong(what: str, found: str, mend: str) -> Finding:
    """It is not, and this helps."""
    return Finding("✗", what, found, mend)


def unknown(what: str, found: str, mend: str = "") -> Finding:
    """Nobody looked, for this reason."""
    return Finding("?", what, found, mend)


def show(findings: Iterable[Finding]) -> list[Finding]:
    """Print each row as it comes; returns them all."""
    shown = []
    for finding in findings:
        print(f"{finding.mark} {finding.what:<{_WIDTH}} {finding.found}", flush=True)
        if finding.mend:
            print(f"  {'':<{_WIDTH}} → {finding.mend}", flush=True)
        shown.append(finding)
    return shown


def are_fine(findings: Iterable[Finding]) -> bool:
    """Whether no row is wrong; what is unknown is not."""
    return all(finding.mark != "✗" for finding in findings)
