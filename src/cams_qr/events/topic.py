"""A message from an SMQ (MNS) topic: a JSON notification, a body with attributes, or the raw text.

Raw text that is JSON looks like a direct call, and counts as one; base64 does not. Source: "SMQ topic triggers".
"""

from typing import Any

from cams_qr.events.answers import answer_message
from cams_qr.events.call import Call
from cams_qr.events.messages import is_message, read_message
from cams_qr.settings import Settings

_MESSAGE_FIELDS = ("Message", "body")


def recognise(document: Any) -> bool:
    """Whether the event has a message at its top level, or is itself a message, as text."""
    if isinstance(document, str):
        return is_message(document)
    return isinstance(document, dict) and any(field in document for field in _MESSAGE_FIELDS)


def decode(document: Any, settings: Settings, request_id: str) -> Call:
    """Make a Call with the query in the message."""
    if isinstance(document, str):
        return Call("topic", (read_message(document, "message"),), answer_message)
    field = next(name for name in _MESSAGE_FIELDS if name in document)
    return Call("topic", (read_message(document[field], field),), answer_message)
