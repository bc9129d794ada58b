"""Event streaming: a JSON array of messages, each an object or JSON text, a CloudEvent or the raw data of one.

Sources: "Formats of events for different triggers"; Kafka's elements are JSON text, RocketMQ's are objects.
"""

from typing import Any

from cams_qr.events import cloud_event
from cams_qr.events.call import QueryOrProblem
from cams_qr.events.json_text import check
from cams_qr.events.messages import parse_message
from cams_qr.problems import Problem


def recognise(document: Any) -> bool:
    """Whether the event is a non-empty array."""
    return isinstance(document, list) and bool(document)


def parse_messages(document: list[Any]) -> list[Any]:
    """The stream with each message parsed and checked on its own; a Problem stands for one that is not strict JSON."""
    return [_parse_message(message, f"[{place}]") for place, message in enumerate(document)]


def read(document: Any) -> list[QueryOrProblem]:
    """The query of each message, or the problem with it."""
    return [_read_message(message) for message in document]


def _parse_message(message: Any, name: str) -> Any:
    try:
        return parse_message(message, name) if isinstance(message, str) else check(message, name)
    except Problem as problem:
        return problem


def _read_message(message: Any) -> QueryOrProblem:
    if isinstance(message, Problem):
        return message
    return cloud_event.read(message if cloud_event.recognise(message) else {"data": message})
