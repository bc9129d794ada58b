"""The Call, which is made of every event, whatever its trigger."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cams_qr.outcome import Outcome
from cams_qr.problems import Problem
from cams_qr.query import QrQuery

# Function Compute states no limit for answers; this is the smallest that is told of for a body (the developer
# community's question 605753).
MAX_ANSWER_BYTES = 6_000_000

QueryOrProblem = QrQuery | Problem


class Answer(NamedTuple):
    """What the handler returns, JSON in bytes, and the status that it tells.

    The built-in runtimes pass bytes on as they are, and write an object in Python, with indents and sorted keys, which
    takes longer and more space. Source: `execute_request_handler` and `to_json` in their `bootstrap.py` (a copy of
    python3.9's: github.com/cheless/fc-runtime).
    """

    status: int
    content: bytes


def compact_json(document: Any) -> bytes:
    """The document as JSON without spaces, in ASCII."""
    return json.dumps(document, separators=(",", ":")).encode()


class Call(NamedTuple):
    """Where a request came from (`trigger`, `route`), its queries, and how to answer it.

    `queries` are in the caller's order; a Problem stands for one that could not be read. `encode` takes one outcome per
    query and the invocation's request ID; for a bus event, it raises QueryFailed if a query failed. An `interactive`
    caller waits for a permit for at most CAMS_MAX_WAIT_SECONDS.
    """

    trigger: str
    queries: tuple[QueryOrProblem, ...]
    encode: Callable[[Sequence[Outcome], str], Answer]
    route: str | None = None
    interactive: bool = False
