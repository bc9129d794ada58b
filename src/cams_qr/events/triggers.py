"""How a caller asked, and how that caller wants to be answered: one module for each trigger kind.

A module has `recognise(document)`, which looks at nothing but the shape of the event, and
`decode(document, settings, request_id)`, which makes a Call of it and raises nothing. `decode` below tries the
modules in the order of TRIGGERS; the first that recognises the event gets it. Before that it takes an event out of the
request that InvokeFunction may have put around it (`invoke_function`).
"""

from typing import Any, Protocol

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
# Those that bring one message.
_BUSES: dict[Trigger, str] = {cloud_event: "cloud_event", timer: "timer", topic: "topic"}
_NO_KIND = Problem(
    "invalid_request",
    "This event is of no supported kind: send an HTTP request through a trigger or gateway, "
    'or an object like {"phoneNumber": "8613800001234"}.',
    errors=(FieldError("phoneNumber", "is required"),),
)
# Far more than a query in base64 needs.
_MAX_TEXT_BYTES = 4096


def decode(event: bytes, settings: Settings, request_id: str) -> Call:
    """Make a Call of the bytes Function Compute delivers. Raises nothing: what is wrong is in the Call.

    From here on the invocation belongs to the trace that the event names.
    """
    return _decode(event, settings, request_id, may_be_wrapped=True)


def _decode(event: bytes, settings: Settings, request_id: str, may_be_wrapped: bool) -> Call:
    try:
        document = _text_of_a_topic(event) or parse_json(event, "event")
    except Problem as problem:
        return _flawed(event, problem, settings, request_id)
    try:
        trace.follow(trace_of(document))
        if may_be_wrapped and invoke_function.recognise(document):
            return _unwrapped(document, settings, request_id)
        trigger = _trigger(document)
        if trigger is None:
            return _unreadable(_NO_KIND)
        return trigger.decode(document, settings, request_id)
    except Exception as error:
        return _unreadable(logs.internal_error(error, request_id))


def _unwrapped(document: Any, settings: Settings, request_id: str) -> Call:
    """The payload's Call. A wrapping inside the wrapping is none: Function Compute makes one."""
    try:
        payload = invoke_function.payload(document)
    except Problem as problem:
        return _unreadable(problem)
    call = _decode(payload, settings, request_id, may_be_wrapped=False)
    return invoke_function.in_own_space(call, document, settings)


def _trigger(document: Any) -> Trigger | None:
    return next((trigger for trigger in TRIGGERS if trigger.recognise(document)), None)


def _flawed(event: bytes, problem: Problem, settings: Settings, request_id: str) -> Call:
    """A Call for an event that is no strict JSON. Nobody reads a bus's answers, so there it must fail, not be lost."""
    document = parse_loosely(event)
    trace.follow(trace_of(document))
    trigger = _trigger(document)
    if trigger is stream:
        return stream.decode(parse_elements(event), settings, request_id)
    if trigger in _BUSES:
        return Call(_BUSES[trigger], (problem,), answer_message)
    return _unreadable(problem)


def _unreadable(problem: Problem) -> Call:
    """A Call that is answered like a direct one, with the problem."""
    return Call("unknown", (problem,), answer_direct)


def _text_of_a_topic(event: bytes) -> str | None:
    """The event as text where that is a phone number or in base64, which as JSON would be a number or nothing."""
    if event.startswith((b"{", b"[")) or len(event) > _MAX_TEXT_BYTES:
        return None
    text = event.decode("ascii", "replace")
    return text if is_message(text) else None
