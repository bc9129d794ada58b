"""Runs `python -m deploy` in a process of its own, forked from one that has imported the largest library."""

import hashlib
import multiprocessing
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory


def package(runtime: str, content: bytes) -> str:
    """A package's name in the bucket."""
    return f"cams-qr/{runtime}-1.0.0-{hashlib.sha256(content).hexdigest()}.zip"


# What the stand-in cloud holds; the last is another one by the time that Function Compute reads it.
PACKAGE, NEWER, SWAPPED = package("python3.10", b"zip"), package("python3.12", b"newer"), package("python3.10", b"good")
_TIMEOUT_SECONDS = 50

_CONTEXT = multiprocessing.get_context("forkserver")
# Not the other SDKs: they read credentials from the environment when they are imported.
_CONTEXT.set_forkserver_preload(["alibabacloud_oss_v2"])


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
    sys.argv = ["deploy", *arguments]
    from deploy.__main__ import main

    sys.exit(main())
