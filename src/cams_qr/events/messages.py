"""Finds the query in what a caller sent: an object, or a bus message, which may be text or base64."""

import base64
import re
from typing import Any

from cams_qr.events.call import QueryOrProblem
from cams_qr.events.json_text import decode_utf8, parse_strictly
from cams_qr.problems import Problem
from cams_qr.query import QUERY_FIELDS, invalid_field, normalise_phone_number, parse_query

# What Python's str() makes of bytes; compiled when first needed.
_BYTES = r"""(?s)b(['"])((?:[^\\]|\\[\\'"nrt]|\\x[0-9a-f]{2})*)\1"""
# Far more than an encoded query needs.
_MAX_ENCODED = 4096
MAX_MESSAGE_BYTES = 64 * 1024


def read_query(fields: Any, field: str) -> QueryOrProblem:
    """The query in a JSON object, or the problem with it; `field` names the object."""
    if not isinstance(fields, dict):
        return invalid_field(field, 'is not a query; send an object like {"phoneNumber": "8613800001234"}')
    try:
        return parse_query(fields.items())
    except Problem as problem:
        return problem


def read_message(message: Any, field: str) -> QueryOrProblem:
    """The query in a bus message: an object, or text as `parse_message` takes it; or the problem with it."""
    try:
        return read_query(parse_message(message, field) if isinstance(message, str) else message, field)
    except Problem as problem:
        return problem


def parse_message(text: str, field: str) -> Any:
    """The document in a message's text: a query as `find_query` finds it, or any JSON. Raises Problem."""
    query = find_query(text)
    return parse_strictly(text, field) if query is None else query


def find_query(text: str) -> dict[str, Any] | None:
    """The query in a text that is a phone number, or either in base64 or in bytes made text (`b'...'`); else None.

    SMQ clients encode what they send by default, EventBridge decodes only if its source is configured to
    (`IsBase64Decode`), and Kafka's values in the format `Binary` are encoded. A function that sends `str(event)` to
    Kafka sends bytes made text, as in the vendor's examples. A phone number is never decoded, although some are valid
    base64. A JSON object is never valid base64.
    """
    if _is_phone_number(text):
        return {"phoneNumber": text.strip()}
    if len(text) > _MAX_ENCODED:
        return None
    try:
        decoded = decode_utf8(_decode(text))
        query = {"phoneNumber": decoded.strip()} if _is_phone_number(decoded) else parse_strictly(decoded, "message")
    except (ValueError, Problem):
        return None
    return query if is_query(query) else None


def too_large() -> Problem:
    """The problem with a message of more than MAX_MESSAGE_BYTES, with what a bus adds to it."""
    return Problem("payload_too_large", f"Send a message of at most {MAX_MESSAGE_BYTES} bytes.")


def is_query(document: Any) -> bool:
    """Whether this is a JSON object with a query's field at its top level."""
    return isinstance(document, dict) and not QUERY_FIELDS.isdisjoint(document)


def _decode(text: str) -> bytes:
    """The bytes of base64 or of `b'...'`. Raises ValueError."""
    shown = re.fullmatch(_BYTES, text)
    if shown:
        return shown[2].encode().decode("unicode_escape").encode("latin-1")
    return base64.b64decode("".join(text.split()), validate=True)


def _is_phone_number(text: str) -> bool:
    """Whether the text is a phone number in a common notation, and nothing else."""
    try:
        return len(text) <= 64 and bool(normalise_phone_number(text.strip()))
    except ValueError:
        return False
