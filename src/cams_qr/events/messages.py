"""Finds the query in what a caller sent: an object, or a bus message, which may be text or base64."""

import base64
import re
from typing import Any

from cams_qr.events.call import QueryOrProblem
from cams_qr.events.json_text import decode_utf8, parse_json
from cams_qr.problems import Problem
from cams_qr.query import QUERY_FIELDS, invalid_field, normalise_phone_number, parse_query

# What Python's str() makes of bytes; compiled when first needed.
_BYTES = r"""(?s)b(['"])((?:[^\\]|\\[\\'"nrt]|\\x[0-9a-f]{2})*)\1"""


def read_query(fields: Any, field: str) -> QueryOrProblem:
    """The query in a JSON object, or the problem with it; `field` names the object."""
    if not isinstance(fields, dict):
        return invalid_field(field, 'is not a query; send an object like {"phoneNumber": "8613800001234"}')
    try:
        return parse_query(fields.items())
    except Problem as problem:
        return problem


def read_message(message: Any, field: str) -> QueryOrProblem:
    """The query in a bus message: an object, its JSON text, or just a phone number; text may be in base64."""
    if not isinstance(message, str):
        return read_query(message, field)
    text = plain_text(message)
    if is_phone_number(text):
        return read_query({"phoneNumber": text.strip()}, field)
    try:
        return read_query(parse_json(text, field), field)
    except Problem as problem:
        return problem


def plain_text(message: str) -> str:
    """The text of a bus message: decoded if it is a query in base64 or in bytes made text (`b'...'`), else unchanged.

    SMQ clients encode what they send by default, EventBridge decodes only if its source is configured to
    (`IsBase64Decode`), and Kafka's values in the format `Binary` are encoded. A function that sends `str(event)` to
    Kafka sends bytes made text, as in the vendor's examples. A phone number is never decoded, although some are valid
    base64. A JSON object is never valid base64.
    """
    if is_phone_number(message):
        return message
    try:
        text = decode_utf8(_decoded(message))
        found = is_phone_number(text) or is_query(parse_json(text, "message"))
    except (ValueError, Problem):
        return message
    return text if found else message


def _decoded(message: str) -> bytes:
    """The bytes of base64 or of `b'...'`. Raises ValueError."""
    shown = re.fullmatch(_BYTES, message)
    if shown:
        return shown[2].encode().decode("unicode_escape").encode("latin-1")
    return base64.b64decode("".join(message.split()), validate=True)


def is_message(text: str) -> bool:
    """Whether a text that is not a JSON object is still a query: a phone number, or a query in base64."""
    return is_phone_number(text) or plain_text(text) != text


def is_phone_number(text: str) -> bool:
    """Whether the text is a phone number in a common notation, and nothing else."""
    try:
        return len(text) <= 64 and bool(normalise_phone_number(text.strip()))
    except ValueError:
        return False


def is_query(document: Any) -> bool:
    """Whether this is a JSON object with a query's field at its top level."""
    return isinstance(document, dict) and not QUERY_FIELDS.isdisjoint(document)
