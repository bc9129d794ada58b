"""JSON from callers, parsed once: flaws are kept in the document, so that it is recognised before it is refused."""

import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from typing import Any

from cams_qr.problems import Problem
from cams_qr.query import invalid_field

MAX_DEPTH = 100
# Every runtime can parse this many levels: Python 3.10 fails before 1,000, later versions do not.
_MAX_PARSED_DEPTH = 500
_CONTAINERS = (dict, list)


def parse(data: bytes | str, field: str) -> Any:
    """Parse JSON that may still have a duplicate key, a NaN or more than 100 levels, which only `check` refuses.

    Raises Problem `invalid_request` that names `field` if it is not JSON in UTF-8, or has more than 500 levels.
    """
    try:
        text = decode_utf8(data) if isinstance(data, bytes) else data
        document = _decode(text)
    except UnicodeDecodeError:
        raise invalid_field(field, "is not UTF-8; send JSON in UTF-8") from None
    except RecursionError:
        raise _too_deep(field) from None
    except ValueError:
        raise invalid_field(field, "is not JSON; send one JSON object") from None
    # Most events have too few brackets to be worth a look.
    if text.count("[") + text.count("{") > _MAX_PARSED_DEPTH and sum(1 for _ in _levels(document)) > _MAX_PARSED_DEPTH:
        raise _too_deep(field)
    return document


def check(document: Any, field: str) -> Any:
    """The parsed document, if it is strict JSON of at most 100 levels. Raises Problem `invalid_request` otherwise."""
    for depth, level in enumerate(_levels(document), start=1):
        for container in level:
            if isinstance(container, _NotANumber):
                raise invalid_field(field, "is not JSON; send one JSON object")
            if isinstance(container, _RepeatedKey):
                raise invalid_field(container.key, "is given twice; give it once")
        if depth > MAX_DEPTH:
            raise _too_deep(field)
    return document


def parse_strictly(data: bytes | str, field: str) -> Any:
    """Parse and check JSON. Raises Problem `invalid_request` that names `field`, or the key given twice."""
    return check(parse(data, field), field)


def decode_utf8(data: bytes) -> str:
    """Decode UTF-8, with or without a byte order mark. Raises UnicodeDecodeError."""
    return data.removeprefix(BOM_UTF8).decode()


def _too_deep(field: str) -> Problem:
    return invalid_field(field, "is nested too deeply; send one flat JSON object")


def _levels(document: Any) -> Iterator[list[Any]]:
    """The objects and arrays of each level of nesting, from the outside."""
    values = [document]
    while level := [value for value in values if isinstance(value, _CONTAINERS)]:
        yield level
        values = [value for item in level for value in (item.values() if isinstance(item, dict) else item)]


class _NotANumber(dict[str, Any]):
    """Stands for NaN or an infinity, which JSON does not have, or for a number of more digits than Python reads."""


class _RepeatedKey(dict[str, Any]):
    """An object in which `key` is given twice; its last value counts."""

    key: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    flawed = _RepeatedKey(found)
    [(flawed.key, _)] = Counter(key for key, _ in pairs).most_common(1)
    return flawed


def _integer(digits: str) -> int | _NotANumber:
    try:
        return int(digits)
    except ValueError:
        return _NotANumber()


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_constant=lambda name: _NotANumber()
).decode
