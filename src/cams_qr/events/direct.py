"""A direct call by another function: `{"phoneNumber": "...", "custSpaceId": "..."}`."""

from collections.abc import Sequence
from typing import Any

from cams_qr.events.call import Call
from cams_qr.outcome import Outcome
from cams_qr.problems import Problem
from cams_qr.query import QUERY_FIELDS, parse_query
from cams_qr.settings import Settings


def recognise(document: dict[str, Any]) -> bool:
    """Whether the event has a field of a query at its top level."""
    return not QUERY_FIELDS.isdisjoint(document)


def decode(document: dict[str, Any], settings: Settings, request_id: str) -> Call:
    """Make a Call with one query, or the problem with it."""
    try:
        query = parse_query(document)
    except Problem as problem:
        return Call("direct", (problem,), lambda outcomes: encode(outcomes, request_id))
    return Call("direct", (query,), lambda outcomes: encode(outcomes, request_id))


def encode(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """`{"status": 200, "result": {...}}` or `{"status": ..., "problem": {...}}`."""
    result = outcomes[0].result
    if isinstance(result, Problem):
        return {"status": result.status, "problem": result.to_dict(request_id)}
    return {"status": 200, "result": result.model_dump(mode="json", by_alias=True)}
