"""What every trigger kind makes of an event: a Call; and what they share in reading and answering one."""

import base64
import json
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cams_qr.outcome import Outcome
from cams_qr.problems import Problem
from cams_qr.query import QUERY_FIELDS, QrQuery, invalid_field, normalise_phone_number, parse_query

Question = QrQuery | Problem
MAX_DEPTH = 100
# What every runtime can parse: Python 3.10 stops before 1,000 levels, later ones do not.
_MAX_LOOSE_DEPTH = 500


class QueryFailed(Exception):
    """A query of a bus event failed, and nobody reads answers there; the message is the problem as JSON.

    Raised for Function Compute, whose retries and `onFailure` destination see to it.
    """


class Call(NamedTuple):
    """Who asked (`trigger`, `route`), what they ask, and how they want to be answered.

    `queries` are in the caller's order; one that could not be read is the Problem with it. `encode` takes one
    outcome for each and returns what Function Compute hands back; it raises QueryFailed for a bus. An `interactive`
    caller waits for a permit no longer than CAMS_MAX_WAIT_SECONDS.
    """

    trigger: str
    queries: tuple[Question, ...]
    encode: Callable[[Sequence[Outcome]], object]
    route: str | None = None
    interactive: bool = False


def parse_json(data: bytes | str, field: str) -> Any:
    """Parse JSON, strictly: UTF-8, no key twice, no NaN, at most 100 levels deep, whatever the runtime's own limit.

    Raises Problem `invalid_request` that names `field`.
    """
    try:
        text = _text(data) if isinstance(data, bytes) else data
        document = _decode(text)
        if text.count("[") + text.count("{") > MAX_DEPTH and _deeper(document, MAX_DEPTH):
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
    """JSON with keys given twice, NaN and much depth, to see what kind of event it is; None where it is no JSON."""
    try:
        document = json.loads(_text(data))
    except (ValueError, RecursionError):
        return None
    return None if _deeper(document, _MAX_LOOSE_DEPTH) else document


def parse_elements(data: bytes) -> list[Any]:
    """The elements of a JSON array that `parse_loosely` can read: each strictly parsed, or the Problem with it."""
    text = _text(data).strip()
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


def question(fields: Any, field: str) -> Question:
    """The query in a JSON object, or the problem with it; `field` names the object."""
    if not isinstance(fields, dict):
        return invalid_field(field, 'is no query; send an object like {"phoneNumber": "8613800001234"}')
    try:
        return parse_query(fields)
    except Problem as problem:
        return problem


def message_question(message: Any, field: str) -> Question:
    """The query in a message of a bus: an object, that as JSON text, or just a phone number; texts also in base64."""
    if not isinstance(message, str):
        return question(message, field)
    text = plain_text(message)
    if is_phone_number(text):
        return question({"phoneNumber": text.strip()}, field)
    try:
        return question(parse_json(text, field), field)
    except Problem as problem:
        return problem


def plain_text(message: str) -> str:
    """The text of a bus's message: where it is a query in base64, that query; else the message as it is.

    SMQ's clients encode what they send unless told otherwise, EventBridge decodes only where its source says so
    (`IsBase64Decode`), and Kafka's values in the format `Binary` are encoded. A phone number stays one, though some
    are good base64; and no JSON object is base64.
    """
    if is_phone_number(message):
        return message
    try:
        text = _text(base64.b64decode("".join(message.split()), validate=True))
        found = is_phone_number(text) or is_query(parse_json(text, "message"))
    except (ValueError, Problem):
        return message
    return text if found else message


def is_message(text: str) -> bool:
    """Whether a text that is no JSON object is a query all the same: a phone number, or a query in base64."""
    return is_phone_number(text) or plain_text(text) != text


def is_phone_number(text: str) -> bool:
    """Whether the text is a phone number, as people write them, and nothing else."""
    try:
        return len(text) <= 64 and bool(normalise_phone_number(text.strip()))
    except ValueError:
        return False


def is_query(document: Any) -> bool:
    """Whether this is a JSON object with a field of a query at its top level."""
    return isinstance(document, dict) and not QUERY_FIELDS.isdisjoint(document)


def answer_one(outcome: Outcome, request_id: str) -> dict[str, Any]:
    """`{"status": 200, "result": {...}}` or `{"status": ..., "problem": {...}}`."""
    result = outcome.result
    if isinstance(result, Problem):
        return {"status": result.status, "problem": result.to_dict(request_id)}
    return {"status": 200, "result": result.model_dump(mode="json", by_alias=True)}


def answer_all(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """`{"status": 207, "results": [...]}`, each as `answer_one` has it, in order."""
    return {"status": 207, "results": [answer_one(outcome, request_id) for outcome in outcomes]}


def answer_message(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """The answer to a bus's one message. Raises QueryFailed for a failure of any kind."""
    _raise_for(outcomes[0], request_id)
    return answer_one(outcomes[0], request_id)


def answer_messages(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """The answer to a bus's many messages. Raises QueryFailed where one failed for a reason that may pass.

    All of them come again then. One that will never do is only returned, so that it does not hold up the others.
    """
    for outcome in outcomes:
        if isinstance(outcome.result, Problem) and outcome.result.retryable:
            _raise_for(outcome, request_id)
    return answer_all(outcomes, request_id)


def _raise_for(outcome: Outcome, request_id: str) -> None:
    if isinstance(outcome.result, Problem):
        raise QueryFailed(json.dumps(outcome.result.to_dict(request_id)))


def _text(data: bytes) -> str:
    """UTF-8, with or without a byte order mark."""
    return data.removeprefix(BOM_UTF8).decode()


def _next_element(text: str, start: int) -> int:
    while text[start] in " \t\r\n,":
        start += 1
    return start


def _deeper(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        containers = (item for item in layer if isinstance(item, dict | list))
        layer = [inner for item in containers for inner in (item.values() if isinstance(item, dict) else item)]
    return any(isinstance(item, dict | list) for item in layer)


class _DuplicateKey(Exception):
    pass


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _DuplicateKey(name[:64])
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


_loose = json.JSONDecoder()
_decode = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant).decode
