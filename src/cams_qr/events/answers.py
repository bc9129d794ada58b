"""Answers to functions, and to event buses, which read no answer: for them, failures are raised."""

import json
from collections.abc import Sequence
from typing import Any

from cams_qr.outcome import Outcome
from cams_qr.problems import Problem


class QueryFailed(Exception):
    """A query from an event bus failed, and nobody reads an answer. The message is the problem as JSON.

    Function Compute then retries the event, or sends it to the `onFailure` destination.
    """


def answer_direct(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """The answer to a single query: `{"status": 200, "result": {...}}` or `{"status": ..., "problem": {...}}`."""
    return _answer(outcomes[0], request_id)


def answer_batch(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """`{"status": 207, "results": [...]}`: in order, the answer that each query would get on its own."""
    return {"status": 207, "results": [_answer(outcome, request_id) for outcome in outcomes]}


def answer_message(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """The answer to a single bus message. Raises QueryFailed on any failure."""
    _raise_for(outcomes[0], request_id)
    return _answer(outcomes[0], request_id)


def answer_messages(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """The answer to several bus messages. Raises QueryFailed if one of them failed for a retryable reason.

    The whole batch is then delivered again. Permanent failures are only returned, so that they do not block the others.
    """
    for outcome in outcomes:
        if isinstance(outcome.result, Problem) and outcome.result.retryable:
            _raise_for(outcome, request_id)
    return answer_batch(outcomes, request_id)


def _answer(outcome: Outcome, request_id: str) -> dict[str, Any]:
    result = outcome.result
    if isinstance(result, Problem):
        return {"status": result.status, "problem": result.to_dict(request_id)}
    return {"status": 200, "result": result.model_dump(mode="json", by_alias=True)}


def _raise_for(outcome: Outcome, request_id: str) -> None:
    if isinstance(outcome.result, Problem):
        raise QueryFailed(json.dumps(outcome.result.to_dict(request_id)))
