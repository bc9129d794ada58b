"""Permits: at most so many calls to CAMS in any rolling window, first come first served."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from cams_qr.deadline import Deadline
from cams_qr.problems import Problem


class Throttle(Protocol):
    """Where permits come from: this instance (LocalThrottle), or the whole account."""

    def permit(self, deadline: Deadline, waiting: Callable[[], None] = ...) -> AbstractContextManager[float]:
        """Hold a permit for one call; yields the seconds waited for it. A caller in a shared line is told by `waiting`,
        every now and then, that it is still there.

        Raises Problem `throttled` when none can be had by `deadline`, at once where that can be foreseen;
        its `retry_after` is the time in seconds until one could be had.
        """
        ...

    def pushback(self, seconds: float) -> None:
        """CAMS throttled a call all the same: grant nothing for so many seconds, and then gradually."""
        ...


@dataclass(slots=True)
class _Call:
    """A permitted call: the latest time it may have reached CAMS, as far as is known yet."""

    time: float = field(default_factory=time.monotonic)
    over: bool = False


class LocalThrottle:
    """At most `limit` calls in any rolling `window` seconds, for all threads of one instance.

    A call counts from its permit until it is over, for nobody here knows when in between it reached CAMS. So
    the limit holds where it is measured, at CAMS, however slow or uneven the network is.
    """

    def __init__(self, limit: int, window: float) -> None:
        self._limit = limit
        self._window = window
        self._calls = deque([_Call(-math.inf, over=True)] * limit, maxlen=limit)
        self._openings: deque[float] = deque()
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def permit(self, deadline: Deadline, waiting: Callable[[], None] = lambda: None) -> Iterator[float]:
        """See Throttle.permit."""
        arrived = time.monotonic()
        call = self._enter(deadline)
        try:
            yield call.time - arrived
        finally:
            self._leave(call)

    def pushback(self, seconds: float) -> None:
        """See Throttle.pushback."""
        with self._changed:
            opens = max([time.monotonic() + seconds, *islice(self._openings, 1)])
            # The next calls, as many as the window holds, go one by one at half the usual pace.
            self._openings = deque(opens + place * 2 * self._window / self._limit for place in range(self._limit))
            self._changed.notify_all()

    def _enter(self, deadline: Deadline) -> _Call:
        with self._changed:
            self._refuse_after(deadline, len(self._line))
            ticket = object()
            self._line.append(ticket)
            try:
                while (wait := self._wait_of(ticket)) > 0:
                    self._refuse_after(deadline, self._line.index(ticket))
                    self._changed.wait(min(wait, deadline.remaining()))
                call = _Call()
                self._calls.append(call)
                if self._openings:
                    self._openings.popleft()
                return call
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()

    def _leave(self, call: _Call) -> None:
        with self._changed:
            call.time = time.monotonic()
            call.over = True
            self._changed.notify_all()

    def _wait_of(self, ticket: object) -> float:
        """Seconds until this ticket may go; infinite while that depends on another call or caller."""
        oldest = self._calls[0]
        if self._line[0] is not ticket or not oldest.over:
            return math.inf
        return max(oldest.time + self._window, self._opening(0)) - time.monotonic()

    def _opening(self, place: int) -> float:
        """The moment before which pushback lets nobody go who has so many callers in line before them."""
        return self._openings[min(place, len(self._openings) - 1)] if self._openings else -math.inf

    def _refuse_after(self, deadline: Deadline, place: int) -> None:
        """Raise unless the caller at this place in the line can have its turn by `deadline`."""
        rounds, call = divmod(place, self._limit)
        now = time.monotonic()
        wait = max(0.0, self._calls[call].time + self._window - now) + rounds * self._window
        wait = max(wait, self._opening(place) - now)
        blocked = not self._calls[call].over and deadline.remaining() <= 0
        if wait > deadline.remaining() or blocked:
            raise no_permit(wait)


def instance_throttle(account_qps: int, instances: int) -> LocalThrottle:
    """This instance's share of the account's quota when `instances` of them cannot see one another.

    Whole calls a second while there is one for each instance; past that, one call every so many seconds.
    Source: ListPhoneMessageQrdl, "QPS limit": 5 calls a second for an account with all its users and roles.
    """
    if instances <= account_qps:
        return LocalThrottle(account_qps // instances, 1.0)
    return LocalThrottle(1, instances / account_qps)


def no_permit(seconds: float) -> Problem:
    """The refusal of a permit that could be had in so many seconds."""
    return Problem(
        "throttled", "All calls to CAMS that the quota allows are taken; ask again later.", retry_after=seconds
    )
