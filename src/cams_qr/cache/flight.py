"""One flight per query: while one caller asks CAMS for a number, others that share the store wait for that answer.

The leader holds a lease in Redis, so that a leader that dies or is frozen does not hold up the others.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from cams_qr.cache.entry import Entry
from cams_qr.deadline import Deadline
from cams_qr.lua import lua
from cams_qr.problems import Problem

if TYPE_CHECKING:
    from cams_qr.redis_store import Store

# A leader's leases. It renews its lease while it waits for a permit, but cannot while it connects to CAMS or calls it.
_CONNECTING_SECONDS = 1.0
_WAITING_SECONDS = 0.3
# Time to store an answer that arrives at the last moment.
_STORING_SECONDS = 0.2
_LONGEST_SECONDS = 600.0
_LOOK_SECONDS = 0.02


class Flight(NamedTuple):
    """The answer that has `landed`; if there is none, this caller leads and must ask CAMS.

    `seconds_in_call` is how long it waited while others called CAMS. `renew` extends its lease to so many seconds from
    now. `still_leads` does so too, and returns whether it still leads: not if it was frozen and another took over.
    """

    landed: Entry | None
    seconds_in_call: float = 0.0
    still_leads: Callable[[float], bool] = lambda seconds: True
    renew: Callable[[float], bool] = lambda seconds: True

    def waiting(self) -> None:
        """Tell the others that this caller still waits for a permit; call it at least every _WAITING_SECONDS."""
        self.renew(_WAITING_SECONDS)


class Flights:
    """The flights of all queries, for the instances that share the store."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._lead_script = store.script(lua(__file__, "lead"))
        self._renew_script = store.script(lua(__file__, "renew"))

    @contextmanager
    def flight(
        self, key: str, find: Callable[[], Entry | None], patience: Deadline, call: Deadline
    ) -> Iterator[Flight]:
        """Lead the flight of a key, in order to ask CAMS, or wait until `find` returns what its leader fetched.

        If a leader dies, the others are free when its lease expires. While the leader waits for a permit, followers use
        up their `patience`. While it calls CAMS, they use up their time for a `call`, and `patience` is paused. Raises
        Problem: `throttled` if patience ends, `upstream_timeout` if the time for a call does.
        """
        lock, token = f"{key}:flight", os.urandom(16).hex()
        seconds_in_call = 0.0
        while (lease := self._lead(lock, token, _CONNECTING_SECONDS)) > 0:
            if lease > _WAITING_SECONDS:
                seconds_in_call += _wait_within(call, "upstream_timeout")
            else:
                _wait_within(min(call, patience.earlier(-seconds_in_call)), "throttled")
            if (landed := find()) is not None:
                yield Flight(landed, seconds_in_call)
                return
        try:
            # Check again: the previous leader may have stored its answer since the last check.
            yield Flight(
                find(),
                seconds_in_call,
                lambda seconds: self._still_leads(find, lock, token, seconds + _STORING_SECONDS),
                lambda seconds: self._renew(lock, token, seconds),
            )
        finally:
            self._renew(lock, token, 0)

    def _lead(self, lock: str, token: str, seconds: float) -> float:
        """Take the lead and return 0 if it is free or there is no store; else the seconds left of the other's lease."""
        return self._run(self._lead_script, 0, lock, token, _lease(seconds), _lease(_LONGEST_SECONDS)) / 1000

    def _renew(self, lock: str, token: str, seconds: float) -> bool:
        """Extend this caller's lease to `seconds` from now. Returns whether it still held it."""
        return bool(self._run(self._renew_script, 1, lock, token, _lease(seconds)))

    def _still_leads(self, find: Callable[[], Entry | None], lock: str, token: str, seconds: float) -> bool:
        """Renew the lease, or take the lead again if it expired and nobody has found the answer since."""
        if self._renew(lock, token, seconds):
            return True
        return not self._lead(lock, token, seconds) and find() is None

    def _run(self, script: Any, default: int, lock: str, *arguments: Any) -> int:
        return self._store.attempt(lambda client: int(script(client, [lock], arguments)), default)


def _wait_within(deadline: Deadline, problem: str) -> float:
    """Wait until the next look; returns the seconds waited. Raises Problem if the time is over."""
    started = time.monotonic()
    if deadline.remaining() <= 0:
        raise Problem(problem, "Another request is fetching this number's list; retry later.")
    time.sleep(min(_LOOK_SECONDS, deadline.remaining()))
    return time.monotonic() - started


def _lease(seconds: float) -> int:
    """A lease in milliseconds."""
    return int(min(seconds, _LONGEST_SECONDS) * 1000)
