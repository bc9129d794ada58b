"""A message from an SMQ (MNS) topic: a JSON notification, a body with attributes, or the raw text.

Raw text that is JSON looks like a direct call, and counts as one; base64 does not. Source: "SMQ topic triggers".
"""

from typing import Any

from cams_qr.events.call import QueryOrProblem
from cams_qr.events.messages import find_query, read_message

_MESSAGE_FIELDS = ("Message", "body")
# An HTTP request that is not recognised as one needs an answer, not an exception.
_HTTP_FIELDS = ("requestContext", "httpMethod")


def recognise(document: Any) -> bool:
    """Whether the event has a message at its top level, or is itself a message, as text."""
    if isinstance(document, str):
        return find_query(document) is not None
    if not isinstance(document, dict) or any(field in document for field in _HTTP_FIELDS):
        return False
    return any(field in document for field in _MESSAGE_FIELDS)


def read(document: Any) -> QueryOrProblem:
    """The query in the message, or the problem with it."""
    if isinstance(document, str):
        return read_message(document, "message")
    field = next(name for name in _MESSAGE_FIELDS if name in document)
    return read_message(document[field], field)
