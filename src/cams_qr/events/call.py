"""What every trigger kind makes of an event."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cams_qr.outcome import Outcome
from cams_qr.problems import Problem
from cams_qr.query import QrQuery

Question = QrQuery | Problem


class Call(NamedTuple):
    """Who asked (`trigger`, `route`), what they ask, and how they want to be answered.

    `queries` are in the caller's order; one that could not be read is the Problem with it. `encode` takes one
    outcome for each, and the invocation's request id, and returns what Function Compute hands back; it raises
    QueryFailed for a bus. An `interactive` caller waits for a permit no longer than CAMS_MAX_WAIT_SECONDS.
    """

    trigger: str
    queries: tuple[Question, ...]
    encode: Callable[[Sequence[Outcome], str], object]
    route: str | None = None
    interactive: bool = False
