"""Makes a Call of any event: parses it once, and lets the trigger that recognises it read what it asks for.

`bytes → document → Trigger → Call`. The document of a topic's raw text is that text, and that of an event which is not
JSON is the Problem with it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from cams_qr import logs, trace
from cams_qr.deadline import Deadline
from cams_qr.events import batch, cloud_event, direct, invoke_function, stream, timer, topic, unknown
from cams_qr.events.answers import bus_call, function_call, stream_call
from cams_qr.events.call import Call
from cams_qr.events.http import api_gateway, http_trigger
from cams_qr.events.http.answer import http_call
from cams_qr.events.json_text import check, is_array, outline, parse, to_text
from cams_qr.events.messages import MAX_MESSAGE_BYTES, too_large
from cams_qr.events.trace_parent import trace_of
from cams_qr.problems import Problem
from cams_qr.settings import Settings


class Trigger(NamedTuple):
    """A way to invoke the function, by its name in the log.

    `recognise` looks only at a document's shape, and `read` finds the queries, or the HTTP request. `call` makes the
    Call of these, and so decides what a failure means: a response, an answer that a function reads, or an exception.
    """

    name: str
    recognise: Callable[[Any], bool]
    read: Callable[[Any], Any]
    call: Callable[[str, Any, Settings, str], Call]


_UNKNOWN = Trigger("unknown", unknown.recognise, unknown.read, function_call)
# The first to recognise an event reads it.
TRIGGERS = (
    Trigger("http_trigger", http_trigger.recognise, http_trigger.read, http_call),
    Trigger("api_gateway", api_gateway.recognise, api_gateway.read, http_call),
    Trigger("cloud_event", cloud_event.recognise, cloud_event.read, bus_call),
    Trigger("timer", timer.recognise, timer.read, bus_call),
    Trigger("batch", batch.recognise, batch.read, function_call),
    Trigger("direct", direct.recognise, direct.read, function_call),
    Trigger("stream", stream.recognise, stream.read, stream_call),
    Trigger("topic", topic.recognise, topic.read, bus_call),
    _UNKNOWN,
)


def decode(event: bytes, settings: Settings, request_id: str, deadline: Deadline) -> Call:
    """Make a Call of the bytes that Function Compute delivers. Never raises: the Call holds any problem.

    What is left of a stream at the deadline is not read.

    From here on, the invocation belongs to the trace that the event names, if any.
    """
    document = _parse(event, deadline)
    if not invoke_function.recognise(document):
        return _call(document, len(event), settings, request_id)
    trace.follow(trace_of(document))
    try:
        payload = invoke_function.payload(document)
    except Problem as problem:
        return _call(problem, 0, settings, request_id)
    # Only one layer is unwrapped, because Function Compute adds only one.
    call = _call(_parse(payload, deadline), len(payload), settings, request_id)
    return invoke_function.in_own_space(call, document, settings)


def _parse(event: bytes, deadline: Deadline) -> Any:
    """The event's document; each message of a stream is parsed, too. Of a message that is too large, an outline."""
    # JSON would read a phone number as a number.
    if not event.startswith((b"{", b"[")) and topic.recognise(text := event.decode("ascii", "replace")):
        return text
    try:
        text = to_text(event, "event")
        if is_array(text):
            return stream.parse_messages(text, deadline)
        if len(event) > MAX_MESSAGE_BYTES and _trigger_of(shape := outline(text, "event")).call is bus_call:
            return shape
        return parse(text, "event")
    except Problem as problem:
        return problem


def _trigger_of(document: Any) -> Trigger:
    return next(trigger for trigger in TRIGGERS if trigger.recognise(document))


def _call(document: Any, size: int, settings: Settings, request_id: str) -> Call:
    trace.follow(trace_of(document))
    trigger = _trigger_of(document)
    try:
        if trigger.call is bus_call and size > MAX_MESSAGE_BYTES:
            raise too_large()
        # What is wrong with one message of a stream stands in its place.
        if trigger.call is not stream_call:
            check(document, "event")
        return trigger.call(trigger.name, trigger.read(document), settings, request_id)
    except Problem as problem:
        failure = problem
    except Exception as error:
        failure = logs.internal_error(error, request_id)
    # The event fails in its caller's way: a bus's must not get lost, and an HTTP request gets a response.
    failed = _UNKNOWN if trigger.call is function_call else trigger
    call = bus_call if failed.call is stream_call else failed.call
    return call(failed.name, failure, settings, request_id)
