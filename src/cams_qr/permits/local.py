"""Permits of one instance on its own: a fixed share of the quota, first come, first served."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cams_qr.deadline import Deadline, Departure
from cams_qr.permits.throttle import (
    HORIZON_SECONDS,
    PACE_DECREASE,
    PACE_GROWTH,
    READY_SECONDS,
    WINDOW_SECONDS,
    Caller,
    Permit,
    no_permit,
    wait_until,
)
from cams_qr.problems import Problem

# How much later than its moment a call may reach CAMS. Most have been answered by then, so it may be generous.
_GUARD_SECONDS = 0.06


@dataclass(slots=True)
class _Call:
    """A permitted call: when it may leave, and when it was answered. Until then, it may still be under way."""

    moment: float
    ended: float = math.inf

    def end(self) -> None:
        """Record that CAMS has answered."""
        self.ended = time.monotonic()

    def arrived(self) -> float:
        """The latest time at which it can have reached CAMS."""
        return min(self.moment + _GUARD_SECONDS, self.ended)


class LocalThrottle:
    """At most `limit` calls reach CAMS in any rolling window, from all threads of one instance."""

    def __init__(self, limit: int) -> None:
        self._calls = deque([_Call(-math.inf)] * limit, maxlen=limit)
        self._pace = Pace(limit)
        self._opens = -math.inf
        self._lock = threading.Lock()

    @contextmanager
    def permit(
        self, caller: Caller, deadline: Deadline, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[Permit]:
        """See Throttle.permit."""
        call = self._book(deadline)
        booked = time.monotonic()
        wait_until(call.moment - READY_SECONDS, waiting)
        try:
            yield Permit(Departure(call.moment, call.moment + _GUARD_SECONDS / 2), booked)
        except Problem as problem:
            # CAMS has answered, even if with an error.
            if problem.upstream:
                call.end()
            raise
        call.end()

    def record_throttle(self, permit: Permit, retry_after: float) -> None:
        """See Throttle.record_throttle."""
        self._pace.lower(permit.booked)
        self._opens = max(self._opens, time.monotonic() + min(retry_after, HORIZON_SECONDS))

    def _book(self, deadline: Deadline) -> _Call:
        with self._lock:
            now = time.monotonic()
            spaced = self._calls[-1].moment + self._pace.pause()
            moment = max(now, self._opens, spaced, self._calls[0].arrived() + WINDOW_SECONDS)
            if moment - now > deadline.remaining():
                raise no_permit(moment - now)
            call = _Call(moment)
            self._calls.append(call)
            return call


class Pace:
    """The rate at which CAMS accepts calls, if below `limit`: lowered by each throttle, then slowly raised."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._rate = limit
        self._since = self._lowered = -math.inf

    def pause(self) -> float:
        """Seconds between two calls; 0 at full pace."""
        rate = self._now()
        return WINDOW_SECONDS / rate if rate < self._limit else 0.0

    def lower(self, booked: float) -> None:
        """CAMS throttled a call. Ignored if the call was booked before the pace was last lowered."""
        if booked >= self._lowered:
            self._rate = max(self._limit / 20, self._now() * PACE_DECREASE)
            self._since = self._lowered = time.monotonic()

    def _now(self) -> float:
        if self._rate >= self._limit:
            return self._limit
        return min(self._limit, self._rate + self._limit * PACE_GROWTH * (time.monotonic() - self._since))


def instance_throttle(account_qps: int, instances: int) -> LocalThrottle:
    """This instance's share of the account's quota if `instances`, at most `account_qps`, run without Redis.

    Source: ListPhoneMessageQrdl, "QPS limit": 5 calls a second per account, including all its users and roles.
    """
    return LocalThrottle(account_qps // instances)
