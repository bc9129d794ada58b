"""What a permit is, and who asks for one; `local.py` grants them for one instance, `account.py` for all of them."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

from cams_qr.deadline import Deadline, Departure
from cams_qr.problems import Problem

WINDOW_SECONDS = 1.0
# How much later than its moment a call may reach CAMS, so that no window holds one too many: at least, and at most.
GUARD_MIN_SECONDS = 0.015
GUARD_SECONDS = 0.06  # Whatever happens once, no permit has to wait for longer because of it.
HORIZON_SECONDS = 15.0

# The pace of calls that CAMS throttles, as TCP has it: what is left of it at a throttle, and what part of the quota is
# added in a window.
PACE_DECREASE = 0.95
PACE_GROWTH = 0.01

# Who waits for a permit is back so much before its moment, to sign its call.
READY_SECONDS = 0.005
# How often who waits says that it still does.
_REPORT_SECONDS = 0.1


class Caller(NamedTuple):
    """Who wants a permit: its `ticket` is the same when it comes back for the same; `bulk` lets people go first."""

    ticket: str
    bulk: bool


class Permit(NamedTuple):
    """Leave for one call; `booked` is when it was granted, on the clock of the throttle it is from."""

    departure: Departure
    booked: float


class Throttle(Protocol):
    """Where permits come from: this instance (LocalThrottle), or the whole account (AccountThrottle)."""

    def permit(
        self, caller: Caller, deadline: Deadline, waiting: Callable[[], None] = ...
    ) -> AbstractContextManager[Permit]:
        """Hold a permit for one call, once its moment has almost come; who waits says so by `waiting`, now and then.

        Raises Problem `throttled` when none can be had by `deadline`, at once where that can be foreseen; after its
        `retry_after`, in seconds, one can be had.
        """
        ...

    def throttled(self, permit: Permit, retry_after: float) -> None:
        """CAMS throttled a call all the same: grant fewer, and none for `retry_after` seconds."""
        ...


def wait_until(moment: float, waiting: Callable[[], None] = lambda: None) -> None:
    """Sleep until a moment of the monotonic clock."""
    while (left := moment - time.monotonic()) > 0:
        waiting()
        time.sleep(min(left, _REPORT_SECONDS))


@contextmanager
def noting(answered: Callable[[], None]) -> Iterator[None]:
    """A block that makes one call: `answered` is called at its end where CAMS answered, be it with an error."""
    try:
        yield
    except Problem as problem:
        if problem.upstream:
            answered()
        raise
    answered()


def no_permit(seconds: float) -> Problem:
    """The refusal of a permit that could be had in so many seconds."""
    return Problem(
        "throttled", "All calls to CAMS that the quota allows are taken; ask again later.", retry_after=seconds
    )
