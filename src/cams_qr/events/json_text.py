"""JSON from callers, parsed strictly; and loosely, to recognise what an event was meant to be."""

import json
from codecs import BOM_UTF8
from collections import Counter
from typing import Any

from cams_qr.problems import Problem
from cams_qr.query import invalid_field

MAX_DEPTH = 100
# Every runtime can parse this many levels: Python 3.10 fails before 1,000, later versions do not.
_MAX_LOOSE_DEPTH = 500


def parse_json(data: bytes | str, field: str) -> Any:
    """Parse JSON strictly: UTF-8, no duplicate keys, no NaN, and at most 100 levels, whatever the runtime's limit.

    Raises Problem `invalid_request` that names `field`.
    """
    try:
        text = decode_utf8(data) if isinstance(data, bytes) else data
        document = _decode(text)
        if text.count("[") + text.count("{") > MAX_DEPTH and _is_deeper_than(document, MAX_DEPTH):
            raise RecursionError
        return document
    except UnicodeDecodeError:
        raise invalid_field(field, "is not UTF-8; send JSON in UTF-8") from None
    except _DuplicateKey as error:
        raise invalid_field(str(error), "is given twice; give it once") from None
    except RecursionError:
        raise invalid_field(field, "is nested too deeply; send one flat JSON object") from None
    except ValueError:
        raise invalid_field(field, "is not JSON; send one JSON object") from None


def parse_loosely(data: bytes) -> Any:
    """Parse JSON, even with duplicate keys, NaN or deep nesting, to recognise an event; None if it is not JSON."""
    try:
        document = json.loads(decode_utf8(data))
    except (ValueError, RecursionError):
        return None
    return None if _is_deeper_than(document, _MAX_LOOSE_DEPTH) else document


def parse_elements(data: bytes) -> list[Any]:
    """The elements of a JSON array that `parse_loosely` can parse: each parsed strictly, or the Problem with it."""
    text = decode_utf8(data).strip()
    elements: list[Any] = []
    start = _next_element(text, 1)
    while text[start] != "]":
        _, end = _loose.raw_decode(text, start)
        try:
            elements.append(parse_json(text[start:end], f"[{len(elements)}]"))
        except Problem as problem:
            elements.append(problem)
        start = _next_element(text, end)
    return elements


def decode_utf8(data: bytes) -> str:
    """Decode UTF-8, with or without a byte order mark. Raises UnicodeDecodeError."""
    return data.removeprefix(BOM_UTF8).decode()


def _next_element(text: str, start: int) -> int:
    while text[start] in " \t\r\n,":
        start += 1
    return start


def _is_deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        containers = (item for item in layer if isinstance(item, dict | list))
        layer = [inner for item in containers for inner in (item.values() if isinstance(item, dict) else item)]
    return any(isinstance(item, dict | list) for item in layer)


class _DuplicateKey(Exception):
    pass


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise _DuplicateKey(next(name for name, count in counts.items() if count > 1)[:64])
    return found


def _reject_constant(name: str) -> Any:
    raise ValueError(name)


_loose = json.JSONDecoder()
_decode = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_reject_constant).decode
