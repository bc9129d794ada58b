"""A direct call with many queries: `{"queries": [{"phoneNumber": "..."}, ...]}`, 1 to 100."""

from typing import Any

from cams_qr.events.call import QueryOrProblem
from cams_qr.events.messages import read_query
from cams_qr.problems import Problem
from cams_qr.query import invalid_field, printable_name

MAX_QUERIES = 100


def recognise(document: Any) -> bool:
    """Whether the event has `queries` at its top level."""
    return isinstance(document, dict) and "queries" in document


def read(document: Any) -> list[QueryOrProblem] | Problem:
    """The query of each item, or the problem with the batch."""
    items = document["queries"]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_QUERIES:
        return invalid_field("queries", f"must be a list of 1 to {MAX_QUERIES} queries")
    if len(document) > 1:
        unknown = next(name for name in document if name != "queries")
        return invalid_field(printable_name(unknown), "is not a field of a batch; the only field is queries")
    return [read_query(item, f"queries[{place}]") for place, item in enumerate(items)]
