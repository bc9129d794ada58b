"""The trace that the current invocation belongs to, for its log lines and problems.

There are two formats: W3C's `traceparent` (Trace Context; the CloudEvents extension "Distributed Tracing" uses the
same), and Jaeger's `{trace}:{span}:{parent}:{flags}`, which Function Compute passes as `context.tracing.span_context`
if tracing is on. Source: the built-in runtimes' `fc_rapis_context.py`; python3.12's documented context has no tracing.
"""

import re
from contextvars import ContextVar
from typing import Any

_current: ContextVar[str | None] = ContextVar("trace_id", default=None)
# Lower case only. Version 00 ends after the flags, later versions may go on. Version ff and all-zero IDs are invalid.
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[^\x00-\x1f]*)?"
)
_JAEGER = re.compile(r"(?!0+:)([0-9a-f]{1,32}):(?!0+:)[0-9a-f]{1,16}:[0-9a-f]{1,16}:[0-9a-f]{1,2}", re.IGNORECASE)


def begin(context: Any) -> None:
    """Begin an invocation: its trace is Function Compute's own, if its context has one."""
    _current.set(parse_span_context(getattr(getattr(context, "tracing", None), "span_context", None)))


def follow(trace_id: str | None) -> None:
    """Make the event's trace the invocation's; None changes nothing."""
    if trace_id is not None:
        _current.set(trace_id)


def current() -> str | None:
    """The trace ID in 32 hexadecimal digits, or None if the invocation belongs to no trace."""
    return _current.get()


def parse_traceparent(value: Any) -> str | None:
    """The trace ID in a `traceparent`; None for anything else."""
    found = _TRACEPARENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or (found[1] == "00" and found[3]):
        return None
    return found[2]


def parse_span_context(value: Any) -> str | None:
    """The trace ID in a Jaeger span context, padded to 32 digits as W3C specifies; None for anything else."""
    found = _JAEGER.fullmatch(value) if isinstance(value, str) else None
    return found[1].lower().zfill(32) if found else None
