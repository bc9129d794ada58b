"""`make` alone lists every target, each with a line; what is given to it is text, never code."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path("Makefile").read_text()
# What make or a recipe reads; MAKE is a command, and the last two have rules of their own.
READ = set(re.findall(r"(?:[${(]|value )([A-Z_]{3,})\b", MAKEFILE)) - {"MAKE", "MAKEFILE_LIST", "TOKEN", "VENV"}
TARGETS = re.findall(r"^([a-z-]+):.* ## ", MAKEFILE, re.MULTILINE)
CODE = [
    *("x; touch RAN", "$(shell touch RAN)", "$(touch RAN)", "`touch RAN`", "x\ntouch RAN"),
    *("'; touch RAN; '", '"; touch RAN; "', "x) touch RAN;;"),
]
# It tells what it is called with, an argument a line.
PYTHON = """#!/bin/sh
printf '<%s>\\n' "$@" >> called
echo "${TOKEN-no token}" >> tokens
echo 3.10
"""


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
    named = {name for says in listed().values() for name in re.findall(r"\b[A-Z][A-Z_]{2,}\b", says)} - {
        "CAMS",
        "TOKEN",
    }
    assert {"PORT", "BUCKET", "SEED"} <= named
    assert {name for name in named if name not in READ} == set()


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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile, in which all is installed; Python and other programs only say that they were run."""
    shutil.copy("Makefile", tmp_path)
    program = tmp_path / ".venv/bin/python"
    modules = re.findall(r"\S+(?=/package-lock)|(?:tests|examples)/[a-z]+(?=[ )])", MAKEFILE)
    for folder in (tmp_path / "bin", tmp_path / "deploy", program.parent, *(tmp_path / m for m in modules)):
        folder.mkdir(parents=True, exist_ok=True)
    for path in (program, *(tmp_path / "bin" / name for name in ("npm", "chromium", "apt-get"))):
        path.write_text(PYTHON)
        path.chmod(0o755)
    shutil.copy("deploy/find-python", tmp_path / "deploy")
    for file in ("", "-test", "-dev", "-ros", "-fuzz"):
        (tmp_path / f"requirements{file}.txt").touch()
    for module in modules:
        (tmp_path / module / "package-lock.json").touch()
        (tmp_path / module / "node_modules").mkdir(exist_ok=True)
    for stamp in (".run", ".test", ".dev"):
        (program.parent.parent / stamp).touch()
    return tmp_path


def run_in(project: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    path = {"PATH": f"{project / 'bin'}:/usr/bin:/bin"}
    return subprocess.run(["make", *arguments], cwd=project, env=path | environment, capture_output=True, text=True)


@pytest.mark.parametrize("is_exported", [False, True], ids=["command line", "environment"])
@pytest.mark.parametrize("code", CODE)
def test_what_is_given_is_no_code(project: Path, code: str, is_exported: bool) -> None:
    given = dict.fromkeys(READ, code)
    ran = []
    for target in (*TARGETS, ".venv/bin/python"):
        if target == ".venv/bin/python":
            shutil.rmtree(project / ".venv", ignore_errors=True)
        elif target == "clean":
            continue
        run_in(project, target, *([] if is_exported else [f"{n}={v}" for n, v in given.items()]), **given)
        if list(project.rglob("RAN*")):
            ran.append(target)
            (project / "RAN").unlink(missing_ok=True)
    assert ran == []


@pytest.mark.parametrize("code", CODE)
def test_it_arrives_as_it_is(project: Path, code: str) -> None:
    assert run_in(project, "deploy", f"BUCKET={code}", f"STACK={code}", f"NUMBER={code}").returncode == 0
    called = (project / "called").read_text()
    assert [f"<--{name}={code}>\n" in called for name in ("bucket", "stack", "number")] == [True] * 3, called
    assert run_in(project, "model", f"SEED={code}", f"UNKNOWN={code}").returncode == 0
    assert f"<--seed={code}>\n" in (project / "called").read_text()
    assert not (project / "RAN").exists()


@pytest.mark.parametrize("venv", [*CODE, "a b", "$x", "a:b"])
def test_a_folder_that_is_no_plain_path_is_refused(project: Path, venv: str) -> None:
    for arguments, environment in (([f"VENV={venv}"], {}), ([], {"VENV": venv})):
        refused = run_in(project, "run", *arguments, **environment)
        assert (refused.returncode, "VENV must be a plain path" in refused.stderr) == (2, True), refused
    assert not (project / "RAN").exists()


def test_a_token_is_in_no_command_line_and_no_log(project: Path) -> None:
    for target in ("verify", "deploy"):
        told = run_in(project, target, "--trace", "STACK=s", "BUCKET=b", TOKEN="eyJ.secret")
        assert (told.returncode, "eyJ" in told.stdout + told.stderr) == (0, False)
    assert "eyJ" not in (project / "called").read_text()
    assert (project / "tokens").read_text() == "eyJ.secret\n" * 2
    refused = run_in(project, "verify", "STACK=s", "TOKEN=eyJ.secret")
    assert (refused.returncode, "TOKEN=… make" in refused.stderr, "eyJ" in refused.stderr) == (2, True, False)


def test_what_is_required(project: Path) -> None:
    for target, name in {"doctor": "BUCKET", "deploy": "STACK", "verify": "STACK", "remove": "STACK"}.items():
        refused = run_in(project, target)
        assert (refused.returncode, f"{name}: is missing" in refused.stderr) == (2, True), refused.stderr
