"""A direct call with many queries: `{"queries": [{"phoneNumber": "..."}, ...]}`, 1 to 100."""

from typing import Any

from cams_qr.events.answers import answer_batch, answer_direct
from cams_qr.events.call import Call
from cams_qr.events.messages import read_query
from cams_qr.query import invalid_field
from cams_qr.settings import Settings

MAX_QUERIES = 100


def recognise(document: Any) -> bool:
    """Whether the event has `queries` at its top level."""
    return isinstance(document, dict) and "queries" in document


def decode(document: Any, settings: Settings, request_id: str) -> Call:
    """Make a Call with one query per item; the caller reads the answer, so failures are returned."""
    items = document["queries"]
    wrong = None
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_QUERIES:
        wrong = invalid_field("queries", f"must be a list of 1 to {MAX_QUERIES} queries")
    elif len(document) > 1:
        unknown = next(name for name in document if name != "queries")
        wrong = invalid_field(unknown[:64], "is not a field of a batch; the only field is queries")
    if wrong:
        return Call("batch", (wrong,), answer_direct)
    queries = tuple(read_query(item, f"queries[{place}]") for place, item in enumerate(items))
    return Call("batch", queries, answer_batch)
