"""Event streaming: a JSON array of messages, each an object or JSON text, a CloudEvent or the raw data of one.

Sources: "Formats of events for different triggers"; Kafka's elements are JSON text, RocketMQ's are objects.
"""

from typing import Any

from cams_qr.events import cloud_event
from cams_qr.events.answers import answer_messages
from cams_qr.events.call import Call, QueryOrProblem
from cams_qr.events.json_text import parse_json
from cams_qr.events.messages import is_message
from cams_qr.problems import Problem
from cams_qr.settings import Settings


def recognise(document: Any) -> bool:
    """Whether the event is a non-empty array."""
    return isinstance(document, list) and bool(document)


def decode(document: Any, settings: Settings, request_id: str) -> Call:
    """Make a Call with one query per message; a Problem stands for one that could not be read."""
    queries = tuple(_read_element(element, place) for place, element in enumerate(document))
    return Call("stream", queries, answer_messages)


def _read_element(element: Any, place: int) -> QueryOrProblem:
    if isinstance(element, Problem):
        return element
    name = f"[{place}]"
    if isinstance(element, str) and not is_message(element):
        try:
            element = parse_json(element, name)
        except Problem as problem:
            return problem
    if cloud_event.recognise(element):
        return cloud_event.read_cloud_event(element)
    return cloud_event.read_cloud_event({"data": element})
