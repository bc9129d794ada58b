"""A direct call by another function: `{"phoneNumber": "...", "custSpaceId": "..."}`."""

from typing import Any

from cams_qr.events.call import QueryOrProblem
from cams_qr.events.messages import is_query, read_query


def recognise(document: Any) -> bool:
    """Whether the event has a query's field at its top level."""
    return is_query(document)


def read(document: Any) -> QueryOrProblem:
    """The query, or the problem with it."""
    return read_query(document, "event")
