"""What other functions are handed back, and what a bus is: it reads no answer, so there a failure is raised."""

import json
from collections.abc import Sequence
from typing import Any

from cams_qr.outcome import Outcome
from cams_qr.problems import Problem


class QueryFailed(Exception):
    """A query of a bus event failed, and nobody reads answers there; the message is the problem as JSON.

    Raised for Function Compute, whose retries and `onFailure` destination see to it.
    """


def answer_direct(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """The answer to a single query: `{"status": 200, "result": {...}}` or `{"status": ..., "problem": {...}}`."""
    return _answer(outcomes[0], request_id)


def answer_batch(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """`{"status": 207, "results": [...]}`: in order, what each query would be answered by itself."""
    return {"status": 207, "results": [_answer(outcome, request_id) for outcome in outcomes]}


def answer_message(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """The answer to a bus's one message. Raises QueryFailed for a failure of any kind."""
    _raise_for(outcomes[0], request_id)
    return _answer(outcomes[0], request_id)


def answer_messages(outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """The answer to a bus's many messages. Raises QueryFailed where one failed for a reason that may pass.

    All of them come again then. One that will never do is only returned, so that it does not hold up the others.
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
