"""Answers to functions, and to event buses, which read no answer: for them, failures are raised."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from cams_qr.events.call import Answer, Call, QueryOrProblem, compact_json
from cams_qr.outcome import Outcome
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList
from cams_qr.settings import Settings

Asked = QueryOrProblem | list[QueryOrProblem]
_Answerer = Callable[[Sequence[Outcome], str], dict[str, Any]]


class QueryFailed(Exception):
    """A query from an event bus failed, and nobody reads an answer. The message is the problem as JSON.

    Function Compute then retries the event, or sends it to the `onFailure` destination.
    """


def function_call(trigger: str, asked: Asked, settings: Settings, request_id: str) -> Call:
    """The Call of a function, which reads the answer: failures are returned."""
    return _call(trigger, asked, lambda problem: False)


def bus_call(trigger: str, asked: Asked, settings: Settings, request_id: str) -> Call:
    """The Call of a single message of a bus, which may hold a batch: any failure is raised."""
    return _call(trigger, asked, lambda problem: True)


def stream_call(trigger: str, asked: list[QueryOrProblem], settings: Settings, request_id: str) -> Call:
    """The Call of several messages of a bus: only a retryable failure is raised, and all are then delivered again.

    Permanent failures are only returned, so that they do not block the others.
    """
    return _call(trigger, asked, lambda problem: problem.retryable)


def bytes_of(found: QrCodeList) -> int:
    """How long a list makes an answer."""
    return len(compact_json(_found(found)))


def _call(trigger: str, asked: Asked, is_raised: Callable[[Problem], bool]) -> Call:
    if isinstance(asked, list):
        return Call(trigger, tuple(asked), partial(_encode, _answer_all, is_raised))
    return Call(trigger, (asked,), partial(_encode, _answer_one, is_raised))


def _encode(
    answer: _Answerer, is_raised: Callable[[Problem], bool], outcomes: Sequence[Outcome], request_id: str
) -> Answer:
    """The answer. Raises QueryFailed for a failure that is raised; of several, for one that a retry may mend."""
    failures = [outcome.result for outcome in outcomes if isinstance(outcome.result, Problem)]
    raised = sorted(filter(is_raised, failures), key=lambda failure: not failure.retryable)
    if raised:
        raise QueryFailed(json.dumps(raised[0].to_dict(request_id)))
    document = answer(outcomes, request_id)
    return Answer(document["status"], compact_json(document))


def _answer_all(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """`{"status": 207, "results": [...]}`: in order, the answer that each query would get on its own."""
    return {"status": 207, "results": [_answer_one([outcome], request_id) for outcome in outcomes]}


def _answer_one(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """`{"status": 200, "result": {...}}` or `{"status": ..., "problem": {...}}`."""
    result = outcomes[0].result
    if not isinstance(result, Problem):
        return _found(result)
    return {"status": result.status, "problem": result.to_dict(request_id)}


def _found(result: QrCodeList) -> dict[str, Any]:
    return {"status": 200, "result": result.model_dump(mode="json", by_alias=True)}
