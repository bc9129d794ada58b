"""A direct call by another function: `{"phoneNumber": "...", "custSpaceId": "..."}`."""

from functools import lru_cache
from typing import Any

from cams_qr.events.answers import answer_direct
from cams_qr.events.call import Call
from cams_qr.events.json_text import parse_json
from cams_qr.events.messages import is_query, read_query
from cams_qr.problems import Problem
from cams_qr.settings import Settings

# Far more than a query needs.
_MAX_REPEATED_BYTES = 256


def recognise(document: Any) -> bool:
    """Whether the event has a query's field at its top level."""
    return is_query(document)


def decode(document: Any, settings: Settings, request_id: str) -> Call:
    """Make a Call with one query; the caller reads the answer, so failures are returned."""
    return Call("direct", (read_query(document, "event"),), answer_direct)


def decode_repeated(event: bytes) -> Call | None:
    """The Call of an event that is a valid query and nothing else, which callers send again and again; else None."""
    return _decode_once(event) if len(event) <= _MAX_REPEATED_BYTES else None


@lru_cache(maxsize=1000)
def _decode_once(event: bytes) -> Call | None:
    try:
        query = read_query(parse_json(event, "event"), "event")
    except Problem:
        return None
    return None if isinstance(query, Problem) else Call("direct", (query,), answer_direct)
