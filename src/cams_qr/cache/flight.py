"""One flight per query: while one caller asks CAMS for a number, others that share the store wait for that answer.

The leader holds a lease in Redis, so that a leader that dies or is frozen does not hold up the others.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cams_qr.cache.entry import Entry
from cams_qr.deadline import Deadline
from cams_qr.lua import lua
from cams_qr.outcome import Effort
from cams_qr.problems import Problem

if TYPE_CHECKING:
    from cams_qr.redis_store import Command, Store

# A leader's phases, and its leases: until it calls or waits for a permit; while it waits, which it then renews.
_CALLING, _QUEUED = "calling ", "queued "
_LEAD_SECONDS = 1.0
_QUEUED_SECONDS = 0.3
# Time to store an answer that arrives at the last moment.
_STORING_SECONDS = 0.2
_LONGEST_SECONDS = 600.0
_LOOK_SECONDS = 0.05


class Flights:
    """The flights of all queries, for the instances that share the store; entries are fresh for `ttl` seconds."""

    def __init__(self, store: "Store", ttl: float) -> None:
        self.store = store
        self.ttl = ttl
        self.look, self.land = (store.script(lua(__file__, name)) for name in ("look", "land"))


class Flight:
    """A caller's part in the flight of its query, for a `with` block; without `flights`, every caller leads its own.

    `known` is the best entry there is, fresh or stale: `take_in` finds it, given the JSON in the store and the
    milliseconds for which that is kept. `answers` are those of the commands that were sent along, if there are any.
    """

    def __init__(
        self,
        known: Entry | None = None,
        flights: Flights | None = None,
        key: str = "",
        take_in: Callable[[Any, int], Entry | None] = lambda text, left: None,
    ) -> None:
        self.known = known
        self.answers: list[Any] = []
        self._flights = flights
        self._keys = [key, f"{key}:flight"]
        self._take_in = take_in
        self._token = os.urandom(16).hex()
        # The leader, if another leads; and when this caller's own lease ends, 0 if it has none.
        self._leader: bytes | None = None
        self._leased_until = 0.0

    def __enter__(self) -> "Flight":
        return self

    def __exit__(self, *error: object) -> None:
        if self._leased_until:
            self.land("", 0)

    def look(self, also: "Sequence[Command]" = ()) -> None:
        """Look for the entry, and lead if it is not fresh and nobody else does; `also` are commands to send along."""
        if self._flights is None:
            return
        look, until = self._flights.look, time.monotonic() + _LEAD_SECONDS
        arguments = (_ms(self._flights.ttl), _CALLING + self._token, _ms(_LEAD_SECONDS), _ms(_LONGEST_SECONDS))

        def ask(client: Any) -> tuple[Any, int, bytes | None, bool, list[Any]]:
            (text, left, leader), answers = look.run_with(also, client, self._keys, arguments)
            # It may have called itself queued, too.
            return text, int(left), leader, leader is not None and leader.endswith(self._token.encode()), answers

        nothing: tuple[Any, ...] = (None, 0, None, False, [])
        text, left, leader, is_ours, self.answers = self._flights.store.attempt(ask, nothing)
        self._leader, self._leased_until = (None, until) if is_ours else (leader, 0.0)
        self.known = self._take_in(text, left)

    def follow(self, patience: Deadline, call: Deadline, effort: Effort) -> Entry | None:
        """Wait until the leader's answer has landed, or this caller leads and must ask CAMS: then there is no entry.

        While the leader waits for a permit, followers use up their `patience`. While it calls CAMS, they use up their
        time for a `call`, and `patience` is paused. What they have waited is added to `effort`. Raises Problem:
        `throttled` if time is up while the leader waits, `upstream_timeout` if it is while the leader calls.
        """
        while self._leader is not None:
            started, is_queued = time.monotonic(), self._leader.startswith(_QUEUED.encode())
            _wait_within(min(call, patience) if is_queued else call, "throttled" if is_queued else "upstream_timeout")
            self.look()
            seconds = time.monotonic() - started
            if is_queued:
                effort.permit_wait += seconds
            else:
                effort.upstream += seconds
                patience = Deadline(patience.at + seconds)
        return self.known if _is_fresh(self.known) else None

    def take_over(self) -> None:
        """Lead, whoever else does."""
        self._leader = None

    def waiting(self) -> None:
        """Tell the others that this caller waits for a permit; call it at least every _QUEUED_SECONDS."""
        if time.monotonic() < self._leased_until:
            self._hold(_QUEUED, _QUEUED_SECONDS)

    def still_leads(self, seconds: float) -> bool:
        """Whether it leads, and so may call for so many seconds; not if it was frozen and another took over.

        Redis is asked only if the lease has ended.
        """
        if 0 < self._leased_until <= time.monotonic():
            self.look()
        if self._leased_until:
            self._hold(_CALLING, min(seconds + _STORING_SECONDS, _LONGEST_SECONDS))
        return self._leader is None and not _is_fresh(self.known)

    def land(self, text: str, seconds: float) -> None:
        """End the flight, and keep `text`, the JSON of an entry, for so many seconds."""
        self._leased_until = 0.0
        if self._flights is not None:
            land, arguments = self._flights.land, (self._token, text, _ms(seconds))
            self._flights.store.attempt(lambda client: land(client, self._keys, arguments), None)

    def _hold(self, phase: str, seconds: float) -> None:
        """Begin a phase, with a lease of its own. There is no answer to wait for: until its lease ends, it leads."""
        if self._flights is not None:
            self._leased_until = time.monotonic() + seconds
            self._flights.store.tell(("SET", self._keys[1], phase + self._token, "PX", _ms(seconds)))


def _is_fresh(entry: Entry | None) -> bool:
    return entry is not None and entry.fresh_seconds() > 0


def _wait_within(deadline: Deadline, problem: str) -> None:
    """Wait until the next look. Raises Problem if the time is over."""
    if deadline.remaining() <= 0:
        raise Problem(problem, "Another request is fetching this number's list; retry later.")
    time.sleep(min(_LOOK_SECONDS, deadline.remaining()))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
