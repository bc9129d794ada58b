"""Runs `python -m deploy` as make does, in a process of its own; it is forked from one that has imported everything."""

import multiprocessing
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

_TIMEOUT_SECONDS = 120

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["deploy.__main__"])


def run(environment: Mapping[str, str], *arguments: str) -> "CompletedProcess[str]":
    """What it printed, and its exit code."""
    with TemporaryDirectory() as folder:
        printed = [Path(folder, name) for name in ("stdout", "stderr")]
        process = _CONTEXT.Process(target=_main, args=(environment, arguments, *printed))
        process.start()
        process.join(_TIMEOUT_SECONDS)
        process.kill()
        process.join()
        stdout, stderr = (path.read_text() for path in printed)
    return CompletedProcess(arguments, process.exitcode or 0, stdout, stderr)


def _main(environment: Mapping[str, str], arguments: tuple[str, ...], stdout: Path, stderr: Path) -> None:
    for descriptor, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    warnings.simplefilter("ignore")
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["deploy", *arguments]
    from deploy.__main__ import main

    sys.exit(main())
