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
