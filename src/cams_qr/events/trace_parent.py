"""Finds an event's trace: in an HTTP header, or in a CloudEvent's extension attribute."""

from typing import Any

from cams_qr.events import cloud_event, stream
from cams_qr.events.http import api_gateway, http_trigger
from cams_qr.events.json_text import parse_loosely
from cams_qr.trace import parse_traceparent

_NAME = "traceparent"


def trace_of(document: Any, trigger: object) -> str | None:
    """The trace ID that an event of this trigger kind names, if any; for a stream, the one that all messages name."""
    if trigger in (http_trigger, api_gateway):
        return _trace_of_headers(document.get("headers"))
    if trigger is cloud_event:
        return parse_traceparent(document.get(_NAME))
    if trigger is stream:
        traces = {_trace_of_message(element) for element in document}
        return traces.pop() if len(traces) == 1 else None
    return None


def _trace_of_message(element: Any) -> str | None:
    if isinstance(element, str) and _NAME in element:
        element = parse_loosely(element.encode(errors="replace"))
    return parse_traceparent(element.get(_NAME)) if cloud_event.recognise(element) else None


def _trace_of_headers(headers: Any) -> str | None:
    """The trace ID in headers, whose names may have any case and whose values may be lists; None if sent twice."""
    if not isinstance(headers, dict) or _NAME not in map(str.lower, headers):
        return None
    values = [value for name, value in headers.items() if name.lower() == _NAME]
    while len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    return parse_traceparent(values[0]) if len(values) == 1 else None
