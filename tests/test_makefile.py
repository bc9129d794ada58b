"""`make` alone lists every target, each with a line; every variable that a line names is one that the target reads."""

import re
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path("Makefile").read_text()


def make(*arguments: str) -> str:
    # An outer make would pass its own flags on.
    done = subprocess.run(
        ["make", *arguments], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    return done.stdout


def listed() -> dict[str, str]:
    lines = [line.strip().partition(" ") for line in make().splitlines()]
    return {target: says.strip() for target, _, says in lines}


def test_it_lists_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert list(listed()) == phony.split()


def test_the_variables_it_names_are_read() -> None:
    named = {name for says in listed().values() for name in re.findall(r"\b[A-Z][A-Z_]{2,}\b", says)} - {"CAMS"}
    assert {"PORT", "BUCKET", "SEED"} <= named
    assert {name for name in named if not re.search(rf"\({name}\)", MAKEFILE)} == set()


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ([], []),
        (["DOCTOR=off"], ["--no-doctor"]),
        (["VERIFY=off"], ["--no-verify"]),
        (["DOCTOR=off", "VERIFY=off"], ["--no-doctor", "--no-verify"]),
    ],
)
def test_the_checks_around_a_deployment_can_be_skipped(given: list[str], flags: list[str]) -> None:
    assert re.findall(r"--no-(?:doctor|verify)", make("-n", "deploy", "STACK=s", "BUCKET=b", *given)) == flags
