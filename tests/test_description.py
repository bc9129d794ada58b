"""The description as others read it: valid, and true of what the function answers behind a gateway."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from local.fc import make_context
from local.gateway import gateway
from local.serve import serve
from tests.conftest import CODE, Function

DOCUMENT = Path("docs/openapi.json")
HOOKS = Path(__file__).parent / "schemathesis_hooks.py"


@pytest.fixture
def address(function: Function) -> Iterator[str]:
    function.configure(CACHE_TTL_SECONDS="60")
    with serve(gateway(function.start().handler, lambda: make_context("python3.10", 10))) as address:
        yield address


def test_it_is_valid() -> None:
    OpenAPIV31SpecValidator(json.loads(DOCUMENT.read_text())).validate()


@pytest.mark.timeout(180)
def test_it_is_true(address: str, tmp_path: Path) -> None:
    """All checks; nothing is created or removed here, so there are no states to walk through."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(DOCUMENT.resolve()), "--url", f"http://{address}"]
    options = ["--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--seed", "1"]
    options += ["--generation-database", ":memory:"]
    environment = {"SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": f"{HOOKS.parent}:{CODE}", "PATH": os.environ["PATH"]}
    done = subprocess.run([*command, *options], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Operations:       6 selected / 6 total" in done.stdout
    assert "failures" not in done.stdout
