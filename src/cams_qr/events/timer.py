"""A timer event; its payload is a query or a batch, as JSON text.

Source: "Formats of events for different triggers" (`triggerTime`, `triggerName`, `payload`).
"""

from typing import Any

from cams_qr.events import batch
from cams_qr.events.call import QueryOrProblem
from cams_qr.events.messages import parse_message, read_query
from cams_qr.problems import Problem


def recognise(document: Any) -> bool:
    """Whether the event has `triggerTime` and `payload` at its top level."""
    return isinstance(document, dict) and "triggerTime" in document and "payload" in document


def read(document: Any) -> QueryOrProblem | list[QueryOrProblem]:
    """The query in the payload, or those of a batch; or the problem with the payload."""
    payload = document["payload"]
    try:
        if isinstance(payload, str):
            payload = parse_message(payload, "payload")
    except Problem as problem:
        return problem
    if not batch.recognise(payload):
        return read_query(payload, "payload")
    queries = batch.read(payload)
    return queries[0] if isinstance(queries, list) and len(queries) == 1 else queries
