"""A timer event; its payload is a query or a batch, as JSON text.

Source: "Formats of events for different triggers" (`triggerTime`, `triggerName`, `payload`).
"""

from typing import Any

from cams_qr.events import batch
from cams_qr.events.answers import answer_message, answer_messages
from cams_qr.events.call import Call
from cams_qr.events.json_text import parse_json
from cams_qr.events.messages import read_message
from cams_qr.problems import Problem
from cams_qr.settings import Settings


def recognise(document: Any) -> bool:
    """Whether the event has `triggerTime` and `payload` at its top level."""
    return isinstance(document, dict) and "triggerTime" in document and "payload" in document


def decode(document: Any, settings: Settings, request_id: str) -> Call:
    """Make a Call of the payload."""
    payload = document["payload"]
    many = _batch(payload, settings, request_id)
    if many is not None and len(many.queries) > 1:
        return Call("timer", many.queries, answer_messages)
    queries = many.queries if many else (read_message(payload, "payload"),)
    return Call("timer", queries, answer_message)


def _batch(payload: Any, settings: Settings, request_id: str) -> Call | None:
    try:
        document = parse_json(payload, "payload") if isinstance(payload, str) else payload
    except Problem:
        return None
    return batch.decode(document, settings, request_id) if batch.recognise(document) else None
