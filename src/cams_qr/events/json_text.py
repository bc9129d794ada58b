"""JSON from callers, parsed once: flaws are kept in the document, so that it is recognised before it is refused."""

import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from cams_qr.problems import Problem
from cams_qr.query import invalid_field, printable_name

MAX_DEPTH = 100
# Every runtime can parse this many levels: Python 3.10 fails before 1,000, later versions do not.
_MAX_PARSED_DEPTH = 500
# A parsed object or array takes ten times the memory of its brackets. No query has one in so few characters.
_CHARACTERS_PER_CONTAINER = 24
# Finding this many takes a third of a second; a thousand CloudEvents have 50,000.
_MAX_MARKS = 1_000_000
# No event has more fields at its top level.
_MAX_OUTLINED = 64
_MARK = re.compile(r'["\[\]{},]')
_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1, ",": 0}
_SPACE = " \t\n\r"
_CONTAINERS = (dict, list)


def parse(data: bytes | str, field: str) -> Any:
    """Parse JSON that may still have a duplicate key, a NaN or more than 100 levels, which only `check` refuses.

    Of an object that would take far more memory than its text, there is only an outline, which `check` refuses, too.
    Raises Problem `invalid_request` that names `field` for such an array, and for what is not JSON in UTF-8 or has more
    than 500 levels.
    """
    text = to_text(data, field) if isinstance(data, bytes) else data
    try:
        if _is_dense(text):
            if is_array(text):
                raise _too_many(field)
            return outline(text, field)
        document = _decoder.decode(text)
    except RecursionError:
        raise _too_deep(field) from None
    except ValueError:
        raise _not_json(field) from None
    # Most events have too few brackets to be worth a look.
    if _brackets(text, 0, len(text)) > _MAX_PARSED_DEPTH and sum(1 for _ in _levels(document)) > _MAX_PARSED_DEPTH:
        raise _too_deep(field)
    return document


def check(document: Any, field: str) -> Any:
    """The parsed document, if it is strict JSON of at most 100 levels. Raises Problem `invalid_request` otherwise."""
    for depth, level in enumerate(_levels(document), start=1):
        for container in level:
            if isinstance(container, _NotANumber):
                raise _not_json(field)
            if isinstance(container, _Outline):
                raise _too_many(field)
            if isinstance(container, _RepeatedKey):
                raise invalid_field(printable_name(container.key), "is given twice; give it once")
        if depth > MAX_DEPTH:
            raise _too_deep(field)
    return document


def parse_strictly(data: bytes | str, field: str) -> Any:
    """Parse and check JSON. Raises Problem `invalid_request` that names `field`, or the key given twice."""
    return check(parse(data, field), field)


def is_array(text: str) -> bool:
    """Whether the text is that of a JSON array, if it is JSON."""
    return text.lstrip(_SPACE).startswith("[")


def outline(text: str, field: str) -> Any:
    """The first fields of a JSON object, each of them None, by which a large event is recognised.

    Raises Problem `invalid_request` that names `field` if it is no object.
    """
    found = _Outline()
    for item in islice(split(text, field), _MAX_OUTLINED):
        if item is None:
            break
        entry = item.lstrip(_SPACE)
        if not entry.startswith('"'):
            raise _not_json(field)
        found[_decoder.decode(entry[: _end_of_string(entry, 0, field)])] = None
    return found


def split(text: str, field: str) -> Iterator[str | None]:
    """The text of each item of a JSON array or object, unparsed, so that their number and sizes can be limited first.

    None stands for what is left of one that takes too long to split. Raises Problem `invalid_request` that names
    `field` if brackets or quotes do not match, or for more than 500 levels.
    """
    start = at = len(text) - len(text.lstrip(_SPACE)) + 1
    depth = 1
    for _ in range(_MAX_MARKS):
        mark = _MARK.search(text, at)
        if mark is None:
            raise _not_json(field)
        at = mark.end()
        if mark[0] == '"':
            at = _end_of_string(text, mark.start(), field)
            continue
        depth += _DEEPER[mark[0]]
        if depth > _MAX_PARSED_DEPTH:
            raise _too_deep(field)
        if depth == 0:
            yield from _last_item(text, start, at, field)
            return
        if depth == 1 and mark[0] == ",":
            yield text[start : mark.start()]
            start = at
    yield None


def _last_item(text: str, start: int, end: int, field: str) -> Iterator[str]:
    """The item before the end of an array or object, unless that is empty."""
    if text.lstrip(_SPACE)[:1] + text[end - 1] not in ("[]", "{}") or text[end:].strip(_SPACE):
        raise _not_json(field)
    item = text[start : end - 1]
    if item.strip(_SPACE) or text[start - 1] == ",":
        yield item


def to_text(data: bytes, field: str) -> str:
    """The text of UTF-8. Raises Problem `invalid_request` that names `field` if it is none."""
    try:
        return decode_utf8(data)
    except UnicodeDecodeError:
        raise invalid_field(field, "is not UTF-8; send JSON in UTF-8") from None


def decode_utf8(data: bytes) -> str:
    """Decode UTF-8, with or without a byte order mark. Raises UnicodeDecodeError."""
    return data.removeprefix(BOM_UTF8).decode()


def _not_json(field: str) -> Problem:
    return invalid_field(field, "is not JSON; send one JSON object")


def _too_many(field: str) -> Problem:
    return invalid_field(field, "has too many objects and arrays; send one flat JSON object")


def _too_deep(field: str) -> Problem:
    return invalid_field(field, "is nested too deeply; send one flat JSON object")


def _end_of_string(text: str, quote: int, field: str) -> int:
    try:
        return _decoder.raw_decode(text, quote)[1]
    except ValueError:
        raise _not_json(field) from None


def _is_dense(text: str) -> bool:
    """Whether there is more than one object or array in 24 characters, outside strings. Raises ValueError."""
    most = max(_MAX_PARSED_DEPTH, len(text) // _CHARACTERS_PER_CONTAINER)
    # Most texts have so few brackets that it does not matter where they are.
    if _brackets(text, 0, len(text)) <= most:
        return False
    found = at = 0
    while found <= most and (quote := text.find('"', at)) >= 0:
        found += _brackets(text, at, quote)
        at = _decoder.raw_decode(text, quote)[1]
    return found + _brackets(text, at, len(text)) > most


def _brackets(text: str, start: int, end: int) -> int:
    return text.count("[", start, end) + text.count("{", start, end)


def _levels(document: Any) -> Iterator[list[Any]]:
    """The objects and arrays of each level of nesting, from the outside."""
    values = [document]
    while level := [value for value in values if isinstance(value, _CONTAINERS)]:
        yield level
        values = [value for item in level for value in (item.values() if isinstance(item, dict) else item)]


class _NotANumber(dict[str, Any]):
    """Stands for NaN or an infinity, which JSON does not have, or for a number of more digits than Python reads."""


class _Outline(dict[str, Any]):
    """Stands for an object that is too large to parse."""


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
        return _NOT_A_NUMBER


_NOT_A_NUMBER = _NotANumber()
_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=lambda name: _NOT_A_NUMBER)
