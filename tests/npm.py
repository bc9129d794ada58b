"""Runs what npm has installed; the Makefile's `npm ci` installs it wherever there is npm."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

needs_npm = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")

_ENVIRONMENT = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}


def run(folder: Path, tool: str, *arguments: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """What `tool`, a package's in `folder`, prints. Fails the test where the tool fails."""
    program = (folder / "node_modules" / ".bin" / tool).absolute()
    command = [program, *arguments]
    assert program.exists(), f"npm ci --prefix {folder}"
    settings = os.environ | _ENVIRONMENT | environment
    done = subprocess.run(
        command, env=settings, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
