"""The Call, which is made of every event, whatever its trigger."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cams_qr.outcome import Outcome
from cams_qr.problems import Problem
from cams_qr.query import QrQuery

QueryOrProblem = QrQuery | Problem


class Call(NamedTuple):
    """Where a request came from (`trigger`, `route`), its queries, and how to answer it.

    `queries` are in the caller's order; a Problem stands for one that could not be read. `encode` takes one outcome per
    query and the invocation's request ID, and returns the handler's result; for a bus event, raises QueryFailed if a
    query failed. An `interactive` caller waits for a permit for at most CAMS_MAX_WAIT_SECONDS.
    """

    trigger: str
    queries: tuple[QueryOrProblem, ...]
    encode: Callable[[Sequence[Outcome], str], object]
    route: str | None = None
    interactive: bool = False
