"""One JSON line on standard output for each invocation, and nothing secret in it."""

import json
import logging
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from cams_qr import trace
from cams_qr.problems import Problem

_logger = logging.getLogger("cams_qr")
_encode = json.JSONEncoder(separators=(",", ":")).encode


def configure(level: str) -> None:
    """Write only lines of at least this level."""
    _logger.setLevel(level)


def level_of(status: int) -> int:
    """The level of a line about an answer of that status."""
    if status < 400:
        return logging.INFO
    return logging.ERROR if status >= 500 else logging.WARNING


def log(level: int, fields: Mapping[str, Any]) -> None:
    """Write one line, whole and at once, for a frozen instance flushes nothing; fields that are None are left out.

    Each names the trace of the invocation, where it has one. Past the platform's own handler, which would put a prefix
    before the JSON.
    """
    if _logger.isEnabledFor(level):
        line = {"level": logging.getLevelName(level), **{k: v for k, v in fields.items() if v is not None}}
        if (trace_id := trace.current()) is not None:
            line["traceId"] = trace_id
        print(_encode(line), flush=True)


def internal_error(error: Exception, request_id: str) -> Problem:
    """Our bug, as a problem that tells nothing of it; its stack goes to the log."""
    log(logging.ERROR, {"requestId": request_id, "stack": stack_of(error)})
    return Problem("internal_error", "This function failed; its log says where.")


def stack_of(error: BaseException) -> list[str]:
    """Where an error came from: file, line and function of each frame, and its type.

    Without its message and without local values, for these can hold anything a caller or CAMS sent.
    """
    return [*_frames(error.__traceback__), type(error).__name__]


def _frames(stack: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(stack)]
