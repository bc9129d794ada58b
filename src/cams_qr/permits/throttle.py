"""What permits and callers are; `local.py` grants permits for one instance, `account.py` for all of them."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from cams_qr.deadline import Deadline, Departure
from cams_qr.problems import Problem

WINDOW_SECONDS = 1.0
# The guard: how much later than its moment a call may reach CAMS without putting one call too many into a window.
GUARD_SECONDS = 0.035
# The part of the guard that always remains for the network's delay on the way to CAMS.
WAY_SECONDS = 0.0075
# No single event makes permits wait longer than this.
HORIZON_SECONDS = 15.0

# If CAMS throttles, the pace changes as in TCP: each throttle multiplies it by the decrease; each window adds the
# growth, a fraction of the quota.
PACE_DECREASE = 0.95
PACE_GROWTH = 0.01

# A waiting caller wakes up this long before its moment, to sign its call.
READY_SECONDS = 0.005
# How often a waiting caller reports that it is still waiting.
_REPORT_SECONDS = 0.1


class Caller(NamedTuple):
    """Who asks for a permit. A retry of the same query has the same `ticket`; `bulk` callers let people go first."""

    ticket: str
    bulk: bool


class Permit(NamedTuple):
    """Permission for one call; `booked` is when it was granted, on its throttle's own clock."""

    departure: Departure
    booked: float


class Throttle(Protocol):
    """Grants permits for one instance (LocalThrottle) or for the whole account (AccountThrottle)."""

    def permit(
        self, caller: Caller, deadline: Deadline, waiting: Callable[[], None] = ...
    ) -> AbstractContextManager[Permit]:
        """Wait for a permit and hold it for one call; returns shortly before the call may leave.

        `waiting` is called every 0.1 s during the wait. Raises Problem `throttled` if no permit is available by
        `deadline`, immediately if that is foreseeable; its `retry_after`, in seconds, says when one will be. Raises
        DepartureMissed if the process was frozen meanwhile.
        """
        ...

    def record_throttle(self, permit: Permit, retry_after: float) -> None:
        """CAMS throttled this call anyway: grant fewer permits, and none for `retry_after` seconds."""
        ...


def wait_until(moment: float, waiting: Callable[[], None] = lambda: None) -> None:
    """Sleep until a moment of the monotonic clock."""
    while time.monotonic() < moment:
        waiting()
        # That may have taken a while.
        time.sleep(max(0.0, min(moment - time.monotonic(), _REPORT_SECONDS)))


def no_permit(seconds: float) -> Problem:
    """The problem `throttled`; a permit will be available in `seconds`."""
    return Problem("throttled", "The quota for calls to CAMS is used up; retry later.", retry_after=seconds)
