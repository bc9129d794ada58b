"""Account-wide permits: one queue in Redis for all instances.

One round trip tells a caller the moment at which its call may leave, or that there is none before its deadline. The
call leaves then, whatever becomes of the queue. `lua/take.lua` books the moments; the files beside it explain how.

While Redis is unavailable:

1. Every answer from Redis says how far ahead moments are promised, which seat this instance has and, if anybody waits,
   how many seats there are: one for each instance that asked recently.
2. If nobody waited when an instance lost Redis, it calls at any time, but at most once a window, or its share of the
   quota if that is more; otherwise it first waits until all promised moments, plus one window, have passed, and then
   takes turns (turns.py).
3. It tries Redis every PROBE_SECONDS, also while it waits for its turn.
4. The first instance to find Redis again closes the queue until all others have tried too and their turns have left the
   window; callers that ask in between get a moment after that.
5. If Redis is available but has forgotten its promises, the queue closes in the same way, and meanwhile whoever waits
   for a promised moment reminds it of that, every PROBE_SECONDS.

No wait depends on a wall clock.
"""

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

from cams_qr.deadline import Deadline, Departure, DepartureMissed
from cams_qr.permits.queue_clock import QueueClock
from cams_qr.permits.scripts import TAKE, THROTTLED
from cams_qr.permits.throttle import (
    GUARD_MAX_SECONDS,
    GUARD_MIN_SECONDS,
    HORIZON_SECONDS,
    PACE_DECREASE,
    PACE_GROWTH,
    READY_SECONDS,
    SPAN_SECONDS,
    WINDOW_SECONDS,
    Caller,
    Permit,
    no_permit,
    on_answer,
    wait_until,
)
from cams_qr.permits.turns import Turns
from cams_qr.problems import Problem
from cams_qr.redis_store import ANSWER_SECONDS, PROBE_SECONDS, Store, StoreUnavailable

_MICRO = 1_000_000
# How long an instance relies on what it knows of the queue; Redis keeps the queue twice as long.
_MEMORY_SECONDS = 60.0
# Within this time, all active instances have found Redis and told what they were promised: a probe, and the slowest
# answer.
SETTLE_SECONDS = PROBE_SECONDS + 2 * ANSWER_SECONDS
_MAX_CLOCK_TRIES = 4
# How long a busy machine may delay a question and its answer.
_SCHEDULING_SECONDS = 0.03
# How long an instance keeps its seat after the moment it was told.
_KEPT_SEAT_SECONDS = 3.0
# The part of the guard that always remains for the network's delay on the way to CAMS.
_WAY_SECONDS = GUARD_MIN_SECONDS / 2


class _Answer(NamedTuple):
    """The answer of TAKE: `moment` is when to leave, when to ask again, or when a permit would be available.

    `seats` is 0 if nobody waits.
    """

    verdict: bytes
    now: int
    moment: int
    asked: int
    place: int = -1
    promised: int = 0
    seat: int = 0
    seats: int = 0


class AccountThrottle:
    """At most `limit` calls reach CAMS in any rolling second, from all instances that share the store.

    `patience` is how many seconds people wait for a permit; `instances` is the most that can run.
    """

    def __init__(self, store: Store, account: str, limit: int, instances: int, patience: float) -> None:
        self._store = store
        parts = ("state", "arrivals", "appointments", "set-aside", "seats", "bulk")
        self._keys = [f"cams-qr:{{{account}}}:permits:{part}" for part in parts]
        self._take = store.script(TAKE)
        self._throttled = store.script(THROTTLED)
        self._limit = limit
        self._patience = patience
        self._horizon = max(HORIZON_SECONDS, patience + 2 * WINDOW_SECONDS)
        self._instance = os.urandom(16).hex()
        self._clock = QueueClock()
        self._turns = Turns(limit, instances)
        self._seat: int | None = None
        self._seats = 0
        self._seat_until = 0.0
        # When the queue last answered, and the last moment it promised to this instance, both on its clock.
        self._learned = 0
        self._held = 0
        # How many seconds ahead moments were promised to anybody.
        self._promised_ahead = 0.0
        self._learned_at = -math.inf
        # When Redis last failed to answer, if it is unavailable.
        self._missed_at: float | None = None
        self._answer_took: float | None = None
        # How far in advance a caller must know its moment, to sign and send its call in time.
        self._lead = 0.0

    @contextmanager
    def permit(
        self, caller: Caller, deadline: Deadline, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[Permit]:
        """See Throttle.permit."""
        permit = self._hold(caller, deadline, waiting)
        wait_until(permit.departure.at - self._lead - READY_SECONDS, waiting)
        try:
            with on_answer(lambda: self._note_answer(permit)):
                yield permit
        except DepartureMissed:
            late = time.monotonic() - permit.departure.at
            self._lead = min(max(self._lead, late), 2 * ANSWER_SECONDS)
            raise

    def _note_answer(self, permit: Permit) -> None:
        """Measure the time from the call's moment to its answer."""
        self._answer_took = max(0.0, time.monotonic() - permit.departure.at)

    def record_throttle(self, permit: Permit, retry_after: float) -> None:
        """See Throttle.record_throttle."""
        self._turns.record_throttle(retry_after)
        note = {
            "window": _micro(WINDOW_SECONDS),
            "horizon": _micro(self._horizon),
            "growth": PACE_GROWTH,
            "decrease": PACE_DECREASE,
            "limit": self._limit,
            "booked": permit.booked,
            "retryAfter": _micro(retry_after),
        }
        self._store.attempt(partial(self._run, self._throttled, note), None)

    def _hold(self, caller: Caller, deadline: Deadline, waiting: Callable[[], None]) -> Permit:
        """Reserve a moment, and remind the queue of it until it is near.

        Raises Problem `throttled`, and DepartureMissed if this process was frozen.
        """
        reserved = self._reserve(caller, deadline, waiting)
        if isinstance(reserved, Permit):
            return reserved
        while (latest := self._departure(reserved.moment).at - self._lead) - (now := time.monotonic()) > PROBE_SECONDS:
            wait_until(min(now + PROBE_SECONDS, latest - 2 * ANSWER_SECONDS), waiting)
            # If this process was frozen, the queue may have forgotten the moment and opened since.
            if time.monotonic() - now > SETTLE_SECONDS:
                raise DepartureMissed
            self._remind(caller, deadline)
        return Permit(self._departure(reserved.moment), reserved.now)

    def _reserve(self, caller: Caller, deadline: Deadline, waiting: Callable[[], None]) -> _Answer | Permit:
        """A moment from the queue, or a turn while Redis is unavailable. Raises Problem `throttled`."""
        before: _Answer | None = None
        while True:
            try:
                answer = self._ask(caller, before, deadline)
            except StoreUnavailable:
                turn = self._turn_within(caller, deadline)
                probe = max(self._store.next_probe, time.monotonic() + _WAY_SECONDS)
                if turn <= probe + ANSWER_SECONDS:
                    self._turns.take(turn)
                    return Permit(Departure(turn, turn + GUARD_MAX_SECONDS - _WAY_SECONDS), 0.0)
                wait_until(probe, waiting)
                continue
            moment = self._departure(answer.moment).at
            if answer.verdict == b"refused":
                raise self._refusal(moment, caller)
            if answer.verdict == b"go":
                self._turns.take(moment)
                self._held = answer.moment
                return answer
            before = answer
            wait_until(moment, waiting)

    def _departure(self, moment: int) -> Departure:
        """When a call may leave at a moment of the queue, as far as its clock is known by now."""
        error = self._clock.error()
        at = self._clock.local(moment) + error
        # A moment's last digits are its tolerance, in milliseconds.
        guard = min(moment % 1000 / 1000 - 2 * error, GUARD_MAX_SECONDS)
        return Departure(at, at + guard - _WAY_SECONDS)

    def _remind(self, caller: Caller, deadline: Deadline) -> None:
        """Tell the queue that a moment is promised, in case it forgets."""
        with suppress(StoreUnavailable):
            self._ask(caller, None, deadline, reminds=True)

    def _refusal(self, moment: float, caller: Caller) -> Problem:
        """Tell a person to come back once the moment is within its patience; bulk need not wait a second time."""
        return no_permit(moment - time.monotonic() - (0.0 if caller.bulk else self._patience))

    def _turn_within(self, caller: Caller, deadline: Deadline) -> float:
        turn = self._turns.next()
        if turn > deadline.at:
            raise self._refusal(turn, caller)
        return turn

    def _ask(self, caller: Caller, before: _Answer | None, deadline: Deadline, reminds: bool = False) -> _Answer:
        """Ask the queue. Raises StoreUnavailable."""
        stepped = believed = False
        for _ in range(_MAX_CLOCK_TRIES):
            question = self._question(caller, before, deadline, stepped, reminds)
            sent = time.monotonic()
            try:
                answer = _Answer(*self._store.ask(partial(self._run, self._take, question), probe=True))
            except StoreUnavailable:
                self._lose_redis(sent)
                raise
            received = time.monotonic()
            if answer.verdict != b"clock":
                self._learn(answer, sent, received)
                return answer
            # If the clock differs again right after this instance adopted it, another instance has corrected it.
            stepped = not believed and self._clock.was_stepped(answer.now, answer.asked, sent, received, self._doubt())
            if not stepped:
                self._clock.set(answer.now, sent, received)
                believed = True
        self._lose_redis(sent)
        raise StoreUnavailable

    def _question(
        self, caller: Caller, before: _Answer | None, deadline: Deadline, stepped: bool, reminds: bool
    ) -> dict[str, Any]:
        now = time.monotonic()
        question: dict[str, Any] = {
            "window": _micro(WINDOW_SECONDS),
            "guardMin": _micro(GUARD_MIN_SECONDS),
            "guardMax": _micro(GUARD_MAX_SECONDS),
            "settle": _micro(SETTLE_SECONDS),
            "horizon": _micro(self._horizon),
            "growth": PACE_GROWTH,
            "keptSeat": _micro(_KEPT_SEAT_SECONDS),
            "limit": self._limit,
            "patience": _micro(self._patience),
            "ticket": caller.ticket,
            "bulk": caller.bulk,
            "place": before.place if before else -1,
            "again": before.moment if before else 0,
            "budget": self._budget(deadline),
            "lead": _micro(self._lead),
            "heard": None if self._clock.is_outdated() and not stepped else self._clock.now(),
            "blur": _micro(self._clock.error()),
            "doubt": _micro(self._doubt()),
            "stepped": stepped,
            "reminds": reminds,
            "since": self._since(),
            "took": None if self._answer_took is None else _micro(self._answer_took),
            "instance": self._instance,
            "seat": self._seat if now < self._seat_until or self._missed_at is not None else None,
            "lapsed": now >= self._seat_until,
            "held": self._held,
            "seats": self._seats if self._remembers() else 0,
        }
        return {name: value for name, value in question.items() if value is not None}

    def _budget(self, deadline: Deadline) -> int:
        """How long a caller may wait; one that is not out of time, at least as long as its call needs notice."""
        remaining = deadline.remaining()
        has_time = remaining > 0 or self._patience == 0
        return _micro(max(remaining, self._lead + 0.002) if has_time else remaining)

    def _remembers(self) -> bool:
        return time.monotonic() - self._learned_at < _MEMORY_SECONDS

    def _since(self) -> int:
        """The queue was last asked at this time or later, unless it has forgotten that, or was unavailable."""
        learned = self._learned if self._remembers() else 0
        if self._missed_at is None:
            return learned
        return max(learned, (self._clock.now() or 0) - _micro(max(time.monotonic() - self._missed_at, SPAN_SECONDS)))

    def _learn(self, answer: _Answer, sent: float, received: float) -> None:
        self._clock.update(answer.now, sent, received)
        # The next answer may be as slow, and a moment that passes before it arrives is useless.
        took = min(received - sent, ANSWER_SECONDS)
        self._lead = max(2 * took if took > GUARD_MIN_SECONDS / 4 else 0.0, self._lead * 0.9)
        self._learned_at = received
        self._learned = answer.now
        self._promised_ahead = max(0.0, (answer.promised - answer.now) / _MICRO)
        self._seat, self._seats = answer.seat, answer.seats
        told = min(max(answer.moment, answer.now), answer.now + _micro(self._horizon))
        self._seat_until = self._clock.local(told) + _KEPT_SEAT_SECONDS - ANSWER_SECONDS
        self._turns.take_seat(answer.seat, answer.seats, self._clock.local(0))
        self._missed_at = self._answer_took = None

    def _doubt(self) -> float:
        """How far the queue's clock may be from what a question expects on arrival, in seconds."""
        return _SCHEDULING_SECONDS + self._clock.error() + self._lead

    def _lose_redis(self, since: float) -> None:
        if self._missed_at is None:
            now = time.monotonic()
            # With no request for so long, few other instances were active, and nobody waits.
            if now > self._seat_until:
                self._seat = None
            is_crowded = self._seats > 0 and self._seat is not None
            self._turns.start(now + self._promised_ahead + SPAN_SECONDS if is_crowded else now, is_crowded)
        self._missed_at = since

    def _run(self, script: Callable[..., Any], question: dict[str, Any], client: Any) -> Any:
        return script(client, self._keys, [json.dumps(question)])


def _micro(seconds: float) -> int:
    return int(seconds * _MICRO)
