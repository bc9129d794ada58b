"""Finds an event's trace: in an HTTP header, or in a CloudEvent's extension attribute."""

from typing import Any

from cams_qr.events import cloud_event
from cams_qr.trace import parse_traceparent

_NAME = "traceparent"


def trace_of(document: Any) -> str | None:
    """The trace ID that an event names, if any; for a stream, the one that all messages name."""
    if isinstance(document, list):
        traces = {_trace_of_message(message) for message in document}
        return traces.pop() if len(traces) == 1 else None
    if isinstance(document, dict) and "headers" in document:
        return _trace_of_headers(document["headers"])
    return _trace_of_message(document)


def _trace_of_message(document: Any) -> str | None:
    return parse_traceparent(document.get(_NAME)) if cloud_event.recognise(document) else None


def _trace_of_headers(headers: Any) -> str | None:
    """The trace ID in headers, whose names may have any case and whose values may be lists; None if sent twice."""
    if not isinstance(headers, dict):
        return None
    values = [value for name, value in headers.items() if name.lower() == _NAME]
    while len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    return parse_traceparent(values[0]) if len(values) == 1 else None
