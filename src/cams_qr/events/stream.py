"""Event streaming: a JSON array of messages, each an object or JSON text, a CloudEvent or the raw data of one.

Sources: "Formats of events for different triggers"; Kafka's elements are JSON text, RocketMQ's are objects.
"""

from typing import Any

from cams_qr.deadline import Deadline
from cams_qr.events import cloud_event
from cams_qr.events.call import QueryOrProblem
from cams_qr.events.json_text import parse_strictly, split
from cams_qr.events.messages import MAX_MESSAGE_BYTES, parse_message, too_large
from cams_qr.problems import Problem

MAX_MESSAGES = 1000
_TOO_MANY = f"The stream has more than {MAX_MESSAGES} messages, or takes too long; lower the trigger's batch size."


def recognise(document: Any) -> bool:
    """Whether the event is a non-empty array."""
    return isinstance(document, list) and bool(document)


def parse_messages(text: str, deadline: Deadline) -> list[Any]:
    """The messages in an array's text, each parsed and checked on its own; a Problem stands for one that is no good.

    After the first MAX_MESSAGES, or the deadline, a Problem stands for all others, which are not read. Raises Problem
    `invalid_request` if the text is not an array.
    """
    messages: list[Any] = []
    for place, message in enumerate(split(text, "event")):
        if message is None or place == MAX_MESSAGES or deadline.remaining() <= 0:
            return [*messages, Problem("throttled", _TOO_MANY)]
        messages.append(_parse_message(message, f"[{place}]"))
    return messages


def read(document: Any) -> list[QueryOrProblem]:
    """The query of each message, or the problem with it."""
    return [_read_message(message) for message in document]


def _parse_message(text: str, name: str) -> Any:
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        return too_large()
    try:
        message = parse_strictly(text, name)
        return parse_message(message, name) if isinstance(message, str) else message
    except Problem as problem:
        return problem


def _read_message(message: Any) -> QueryOrProblem:
    if isinstance(message, Problem):
        return message
    return cloud_event.read(message if cloud_event.recognise(message) else {"data": message})
