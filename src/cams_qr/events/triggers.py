"""Decodes any event: picks the trigger kind that recognises it, and lets that module make a Call of it.

Each trigger kind is a module with `recognise(document)`, which looks only at the shape of the event, and
`decode(document, settings, request_id)`, which returns a Call and never raises. They are tried in the order of
TRIGGERS; the first to recognise the event decodes it. If InvokeFunction wrapped the event in an HTTP request, it is
unwrapped first (`invoke_function`).
"""

from typing import Any, Protocol

from pydantic_core import from_json

from cams_qr import logs, trace
from cams_qr.events import batch, cloud_event, direct, invoke_function, stream, timer, topic
from cams_qr.events.answers import answer_direct, answer_message
from cams_qr.events.call import Call
from cams_qr.events.http import api_gateway, http_trigger
from cams_qr.events.json_text import parse_elements, parse_json, parse_loosely
from cams_qr.events.messages import is_message
from cams_qr.events.trace_parent import trace_of
from cams_qr.problems import FieldError, Problem
from cams_qr.settings import Settings


class Trigger(Protocol):
    """A trigger kind's module."""

    def recognise(self, document: Any) -> bool: ...

    def decode(self, document: Any, settings: Settings, request_id: str) -> Call: ...


TRIGGERS: tuple[Trigger, ...] = (http_trigger, api_gateway, cloud_event, timer, batch, direct, stream, topic)
# Buses with one message per event, which fails as a whole; a stream's messages fail individually.
_SINGLE_MESSAGE: dict[Trigger, str] = {cloud_event: "cloud_event", timer: "timer", topic: "topic"}
_NO_KIND = Problem(
    "invalid_request",
    "This kind of event is not supported; send an HTTP request through a trigger or gateway, "
    'or an object like {"phoneNumber": "8613800001234"}.',
    errors=(FieldError("phoneNumber", "is required"),),
)
# Far more than a query in base64 needs.
_MAX_TEXT_BYTES = 4096


def decode(event: bytes, settings: Settings, request_id: str) -> Call:
    """Make a Call of the bytes that Function Compute delivers. Never raises: the Call holds any problem.

    From here on, the invocation belongs to the trace that the event names, if any.
    """
    return direct.decode_repeated(event) or _decode(event, settings, request_id, may_be_wrapped=True)


def _decode(event: bytes, settings: Settings, request_id: str, may_be_wrapped: bool) -> Call:
    try:
        document, trigger = _recognise(event, settings, may_be_wrapped)
    except Problem as problem:
        return _malformed(event, problem, settings, request_id)
    try:
        trace.follow(trace_of(document, trigger))
        if trigger is None:
            return _unreadable(_NO_KIND)
        if trigger is http_trigger and may_be_wrapped and invoke_function.recognise(document):
            return _unwrapped(document, settings, request_id)
        return trigger.decode(document, settings, request_id)
    except Exception as error:
        return _unreadable(logs.internal_error(error, request_id))


def _recognise(event: bytes, settings: Settings, may_be_wrapped: bool) -> tuple[Any, Trigger | None]:
    """The event's document, and its trigger kind, if there is one. Raises Problem if it is not strict JSON."""
    # If a header decides what a caller may see, and in what a caller has wrapped, a key that is given twice matters.
    if may_be_wrapped and settings.cust_space_header is None:
        document = _http_request(event)
        if document is not None:
            return document, http_trigger
    document = _text_of_a_topic(event) or parse_json(event, "event")
    return document, _trigger(document)


def _http_request(event: bytes) -> Any:
    """The event, if it is one of an HTTP trigger; if a key is given twice, the last one counts.

    The platform encodes such an event, so it need not be parsed strictly, which takes four times as long. The request's
    body is.
    """
    try:
        document = from_json(event, allow_inf_nan=False)
    except ValueError:
        return None
    return document if http_trigger.recognise(document) else None


def _unwrapped(document: Any, settings: Settings, request_id: str) -> Call:
    """The payload's Call. Only one layer is unwrapped, because Function Compute adds only one."""
    try:
        payload = invoke_function.payload(document)
    except Problem as problem:
        return _unreadable(problem)
    call = _decode(payload, settings, request_id, may_be_wrapped=False)
    return invoke_function.in_own_space(call, document, settings)


def _trigger(document: Any) -> Trigger | None:
    for trigger in TRIGGERS:
        if trigger.recognise(document):
            return trigger
    return None


def _malformed(event: bytes, problem: Problem, settings: Settings, request_id: str) -> Call:
    """A Call for an event that is not strict JSON. Nobody reads a bus's answer, so there it must fail, not get lost."""
    document = parse_loosely(event)
    trigger = _trigger(document)
    trace.follow(trace_of(document, trigger))
    if trigger is stream:
        return stream.decode(parse_elements(event), settings, request_id)
    if trigger in _SINGLE_MESSAGE:
        return Call(_SINGLE_MESSAGE[trigger], (problem,), answer_message)
    return _unreadable(problem)


def _unreadable(problem: Problem) -> Call:
    """A Call that is answered like a direct call, with the problem."""
    return Call("unknown", (problem,), answer_direct)


def _text_of_a_topic(event: bytes) -> str | None:
    """The event as text if it is a phone number, which JSON would read as a number, or a query in base64."""
    if event.startswith((b"{", b"[")) or len(event) > _MAX_TEXT_BYTES:
        return None
    text = event.decode("ascii", "replace")
    return text if is_message(text) else None
