"""A direct call by another function: `{"phoneNumber": "...", "custSpaceId": "..."}`."""

from typing import Any

from cams_qr.events.answers import answer_direct
from cams_qr.events.call import Call
from cams_qr.events.messages import is_query, read_query
from cams_qr.settings import Settings


def recognise(document: Any) -> bool:
    """Whether the event has a query's field at its top level."""
    return is_query(document)


def decode(document: Any, settings: Settings, request_id: str) -> Call:
    """Make a Call with one query; the caller reads the answer, so failures are returned."""
    return Call("direct", (read_query(document, "event"),), answer_direct)
