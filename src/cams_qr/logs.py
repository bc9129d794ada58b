"""One JSON line on standard output per invocation, with nothing secret in it."""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from pydantic_core import to_json

from cams_qr import trace
from cams_qr.problems import Problem

_logger = logging.getLogger("cams_qr")


def configure(level: str) -> None:
    """Write only lines of this level and above."""
    _logger.setLevel(level)


def level_of(status: int) -> int:
    """The level of a line about an answer with this status."""
    if status < 400:
        return logging.INFO
    return logging.ERROR if status >= 500 else logging.WARNING


def log(level: int, fields: Mapping[str, Any]) -> None:
    """Write one line and flush it, since a frozen instance flushes nothing; fields that are None are left out.

    Lines of an invocation with a trace contain its id. Python's logging is bypassed, since the platform's handler would
    put a prefix before the JSON.
    """
    if _logger.isEnabledFor(level):
        line = {"level": logging.getLevelName(level), **fields}
        if None in line.values():
            line = {name: value for name, value in line.items() if value is not None}
        if (trace_id := trace.current()) is not None:
            line["traceId"] = trace_id
        # print would write the line and its end separately, and another thread between them.
        sys.stdout.write(f"{_to_json(line)}\n")
        sys.stdout.flush()


def _to_json(line: Mapping[str, Any]) -> str:
    """The line in ASCII, whatever the encoding of standard output."""
    try:
        return to_json(line).decode("ascii")
    except ValueError:
        # This takes five times as long, but can escape any text, even if it is not valid Unicode.
        return json.dumps(line, separators=(",", ":"))


def internal_error(error: Exception, request_id: str) -> Problem:
    """The problem for a bug of ours, which reveals nothing about it; the stack goes to the log."""
    log(logging.ERROR, {"requestId": request_id, "stack": stack_of(error)})
    return Problem("internal_error", "The function failed internally; its log has the stack trace.")


def stack_of(error: BaseException) -> list[str]:
    """Where an error came from: file, line and function of each frame, and the error's type.

    Its message and local values are left out, since they can contain anything that a caller or CAMS sent.
    """
    return [*_frames(error.__traceback__), type(error).__name__]


def _frames(stack: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(stack)]
