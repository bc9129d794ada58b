"""One JSON line on standard output for each invocation, and nothing secret in it."""

import json
import logging
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

_logger = logging.getLogger("cams_qr")


class _StandardOutput(logging.Handler):
    """Writes each line whole and at once: a frozen instance flushes nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        # Function Compute prefixes what goes through its own root handler; a log store reads plain JSON better.
        print(record.getMessage(), flush=True)


def configure(level: str) -> None:
    """Send this package's lines of at least `level` to standard output, past the platform's handlers."""
    _logger.handlers = [_StandardOutput()]
    _logger.propagate = False
    _logger.setLevel(level)


def log(level: int, fields: Mapping[str, Any]) -> None:
    """Write one line; fields that are None are left out."""
    if _logger.isEnabledFor(level):
        line = {"level": logging.getLevelName(level), **{k: v for k, v in fields.items() if v is not None}}
        _logger.log(level, "%s", json.dumps(line, separators=(",", ":")))


def stack_of(error: BaseException) -> list[str]:
    """Where an error came from: file, line and function of each frame, and its type.

    Without its message and without local values, for these can hold anything a caller or CAMS sent.
    """
    return [*_frames(error.__traceback__), type(error).__name__]


def _frames(stack: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(stack)]
