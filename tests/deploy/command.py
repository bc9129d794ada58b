"""Runs `python -m deploy` in a process of its own, forked from one that has imported it."""

import hashlib
import importlib
import multiprocessing
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

from alibabacloud_credentials.utils import auth_constant, auth_util


def package(runtime: str, content: bytes) -> str:
    """A package's name in the bucket."""
    return f"cams-qr/{runtime}-1.0.0-{hashlib.sha256(content).hexdigest()}.zip"


# What the stand-in cloud holds; the last is another one by the time that Function Compute reads it.
PACKAGE, NEWER, SWAPPED = package("python3.10", b"zip"), package("python3.12", b"newer"), package("python3.10", b"good")
_TIMEOUT_SECONDS = 50

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.deploy.preloaded"])


def run(environment: Mapping[str, str], *arguments: str, typed: str | None = None) -> "CompletedProcess[str]":
    """What it printed, and its exit code; `typed` at a terminal, if it has one. Raises TimeoutError."""
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        process = _CONTEXT.Process(target=_main, args=(environment, arguments, stdout, stderr, typed), daemon=True)
        process.start()
        try:
            process.join(_TIMEOUT_SECONDS)
            if process.exitcode is None:
                raise TimeoutError(f"it printed: {stdout.read_text()}")
            return CompletedProcess(arguments, process.exitcode, stdout.read_text(), stderr.read_text())
        finally:
            process.kill()


def _main(
    environment: Mapping[str, str], arguments: tuple[str, ...], stdout: Path, stderr: Path, typed: str | None
) -> None:
    for descriptor, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    if typed is not None:
        keyboard, terminal = os.openpty()
        os.write(keyboard, typed.encode())
        sys.stdin = os.fdopen(terminal)
    warnings.simplefilter("ignore")
    os.environ.clear()
    os.environ.update(environment)
    # These have read the environment of the process that this one was forked from.
    for module in (auth_util, auth_constant):
        importlib.reload(module)
    sys.argv = ["deploy", *arguments]
    from deploy.__main__ import main

    sys.exit(main())
