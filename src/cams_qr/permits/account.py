"""Account-wide permits: one line for all instances, in Redis.

One round trip tells a caller the moment at which its call may leave, or that there is none in its time; then it waits
for that moment and asks nobody. `take.lua` books the moments and says how the line works.

While Redis is away:

1. Every answer of Redis says how far ahead moments are promised, which seat is this instance's, and how many seats
   there are: one for each that asked lately.
2. An instance that loses Redis waits until all promised moments, and one more window, are over; then it takes turns
   with the others, each at its seat's time.
3. It looks for Redis every PROBE_SECONDS, also while it waits for its turn.
4. The first to find it again closes the line until all that call have looked for it too, and their turns have left the
   window; who comes in between is promised a moment after that.
5. The same happens where Redis is there but has forgotten what it promised. No wall clock takes part.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from cams_qr.deadline import Deadline, Departure, DepartureMissed
from cams_qr.permits.line_clock import LineClock
from cams_qr.permits.throttle import (
    GUARD_MIN_SECONDS,
    GUARD_SECONDS,
    HORIZON_SECONDS,
    PACE_DECREASE,
    PACE_GROWTH,
    READY_SECONDS,
    WINDOW_SECONDS,
    Caller,
    Permit,
    no_permit,
    noting,
    wait_until,
)
from cams_qr.permits.turns import Turns
from cams_qr.problems import Problem
from cams_qr.redis_store import ANSWER_SECONDS, PROBE_SECONDS, Store, StoreUnavailable

_MICRO = 1_000_000
# What an instance knows of the line is of use for so long; the line itself is kept twice as long.
_MEMORY_SECONDS = 60.0
# A probe, and what the slowest answer to it takes.
_SETTLE_SECONDS = PROBE_SECONDS + 2 * ANSWER_SECONDS
_MAX_CLOCK_TRIES = 4
# How long a question may take to leave, and to be answered, on a busy machine.
_SCHEDULING_SECONDS = 0.03
# How long a seat is kept for an instance after the moment it was told.
_KEPT_SEAT_SECONDS = 3.0
# What is left of the guard for the way to CAMS, at least.
_WAY_SECONDS = GUARD_MIN_SECONDS / 2


class _Answer(NamedTuple):
    """What take.lua says: `moment` is when to leave, to ask again, or when a permit could be had."""

    verdict: bytes
    now: int
    moment: int
    asked: int
    guard: int = 0
    place: int = -1
    promised: int = 0
    seat: int = 0
    seats: int = 1


class AccountThrottle:
    """At most `limit` calls reach CAMS in any rolling second, from all instances that share the store.

    `patience` is how many seconds people wait for a permit; `instances` is how many there can be.
    """

    def __init__(self, store: Store, account: str, limit: int, instances: int, patience: float) -> None:
        self._store = store
        self._keys = [f"cams-qr:{{{account}}}:{part}" for part in ("line", "appointments", "aside", "seats", "bulk")]
        self._take = store.script(_source("take.lua"))
        self._throttled = store.script(_source("throttled.lua"))
        self._limit = limit
        self._patience = patience
        self._instance = uuid4().hex
        self._clock = LineClock()
        self._turns = Turns(limit, instances)
        self._seat: int | None = None
        self._seats = 0
        self._seat_until = 0.0
        # Until when moments are promised, and how far ahead that was.
        self._promised = 0
        self._ahead = 0.0
        self._learned = -math.inf
        # Since when Redis is away, and when that was last seen.
        self._lost_at: float | None = None
        self._missed_at = -math.inf
        self._took: float | None = None
        # How early a caller must learn its moment, to sign and send its call in time.
        self._headway = 0.0

    @contextmanager
    def permit(
        self, caller: Caller, deadline: Deadline, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[Permit]:
        """See Throttle.permit."""
        permit = self._reserve(caller, deadline, waiting)
        wait_until(permit.departure.at - self._headway - READY_SECONDS, waiting)
        try:
            with noting(lambda: self._note_answer(permit)):
                yield permit
        except DepartureMissed:
            late = time.monotonic() - permit.departure.at
            self._headway = min(max(self._headway, late), 2 * ANSWER_SECONDS)
            raise

    def _note_answer(self, permit: Permit) -> None:
        """How long the way to CAMS and back took."""
        self._took = time.monotonic() - permit.departure.at

    def throttled(self, permit: Permit, retry_after: float) -> None:
        """See Throttle.throttled."""
        self._turns.throttled(retry_after)
        note = {
            "window": _micro(WINDOW_SECONDS),
            "horizon": _micro(HORIZON_SECONDS),
            "growth": PACE_GROWTH,
            "decrease": PACE_DECREASE,
            "booked": permit.booked,
            "retryAfter": _micro(retry_after),
        }
        self._store.attempt(partial(self._run, self._throttled, note), None)

    def _reserve(self, caller: Caller, deadline: Deadline, waiting: Callable[[], None]) -> Permit:
        """Raises Problem `throttled`."""
        place = -1
        while True:
            try:
                answer, blur = self._ask(caller, place, deadline)
            except StoreUnavailable:
                turn = self._turn(caller, deadline)
                probe = max(self._store.next_probe, time.monotonic() + _WAY_SECONDS)
                if turn <= probe + ANSWER_SECONDS:
                    self._turns.take(turn)
                    return Permit(Departure(turn, turn + GUARD_SECONDS - _WAY_SECONDS), 0.0)
                wait_until(probe, waiting)
                continue
            error = self._clock.error()
            moment = self._clock.local(answer.moment) + error
            if answer.verdict == b"refused":
                raise self._refusal(moment, caller)
            if answer.verdict == b"go":
                # Over at once, where the clock turns out to be known less well than was said.
                until = moment + answer.guard / _MICRO - _WAY_SECONDS - 2 * max(0.0, error - blur)
                return Permit(Departure(moment, until), answer.now)
            place = answer.place
            wait_until(moment, waiting)

    def _refusal(self, moment: float, caller: Caller) -> Problem:
        """A person is to come back when that moment is within its patience again; bulk has no reason to wait twice."""
        return no_permit(moment - time.monotonic() - (0.0 if caller.bulk else self._patience))

    def _turn(self, caller: Caller, deadline: Deadline) -> float:
        turn = self._turns.next()
        if turn > deadline.at:
            raise self._refusal(turn, caller)
        return turn

    def _ask(self, caller: Caller, place: int, deadline: Deadline) -> tuple[_Answer, float]:
        """The line's answer, and how wrong this instance said its clock may be. Raises StoreUnavailable."""
        stepped = believed = False
        for _ in range(_MAX_CLOCK_TRIES):
            question, blur = self._question(caller, place, deadline, stepped), self._clock.error()
            sent = time.monotonic()
            try:
                answer = _Answer(*self._store.ask(partial(self._run, self._take, question), probe=True))
            except StoreUnavailable:
                self._lose(sent)
                raise
            received = time.monotonic()
            if answer.verdict != b"clock":
                self._learn(answer, sent, received)
                return answer, blur
            # Who has just believed this clock, and finds another, was corrected by somebody else meanwhile.
            stepped = not believed and self._clock.was_stepped(answer.now, answer.asked, sent, received, self._doubt())
            if not stepped:
                self._clock.set(answer.now, sent, received)
                believed = True
        self._lose(sent)
        raise StoreUnavailable

    def _question(self, caller: Caller, place: int, deadline: Deadline, stepped: bool) -> dict[str, Any]:
        now = time.monotonic()
        question: dict[str, Any] = {
            "window": _micro(WINDOW_SECONDS),
            "guardMin": _micro(GUARD_MIN_SECONDS),
            "guardMax": _micro(GUARD_SECONDS),
            "settle": _micro(_SETTLE_SECONDS),
            "horizon": _micro(HORIZON_SECONDS),
            "growth": PACE_GROWTH,
            "keptSeat": _micro(_KEPT_SEAT_SECONDS),
            "limit": self._limit,
            "patience": _micro(self._patience),
            "ticket": caller.ticket,
            "bulk": caller.bulk,
            "place": place,
            "budget": _micro(deadline.remaining()),
            "lead": _micro(self._headway),
            "heard": self._clock.now(),
            "vague": self._clock.is_vague(),
            "blur": _micro(self._clock.error()),
            "doubt": _micro(self._doubt()),
            "stepped": stepped,
            "away": 0 if self._lost_at is None else _micro(now - self._lost_at),
            "missed": 0 if self._lost_at is None else _micro(now - self._missed_at),
            "calls": self._turns.taken_since(WINDOW_SECONDS + GUARD_SECONDS) if self._lost_at else 0,
            "took": None if self._took is None else _micro(self._took),
            "instance": self._instance,
            "seat": self._seat,
            "seats": 0,
        }
        if now - self._learned < _MEMORY_SECONDS:
            question["promised"] = self._promised
            question["seats"] = self._seats
        return {name: value for name, value in question.items() if value is not None}

    def _learn(self, answer: _Answer, sent: float, received: float) -> None:
        self._clock.hear(answer.now, sent, received)
        # A slow answer is slow again: a moment before it arrives is no use.
        took = min(received - sent, ANSWER_SECONDS)
        self._headway = max(2 * took if took > GUARD_MIN_SECONDS / 4 else 0.0, self._headway * 0.9)
        self._learned = received
        self._promised = answer.promised
        self._ahead = (answer.promised - answer.now) / _MICRO
        self._seat, self._seats = answer.seat, answer.seats
        self._seat_until = max(received, self._clock.local(answer.moment)) + _KEPT_SEAT_SECONDS
        self._turns.sit(answer.seat, answer.seats, self._clock.local(0))
        self._lost_at = self._took = None

    def _doubt(self) -> float:
        """How far the line's clock may be from where it is expected when a question arrives."""
        return _SCHEDULING_SECONDS + self._clock.error() + self._headway

    def _lose(self, since: float) -> None:
        self._missed_at = since
        if self._lost_at is None:
            self._lost_at = since
            if time.monotonic() > self._seat_until:
                # Where no work came for so long, few others are at work, and there is no line.
                self._turns.stand()
                self._ahead = 0.0
            self._turns.begin(time.monotonic() + max(0.0, self._ahead) + WINDOW_SECONDS + GUARD_SECONDS)

    def _run(self, script: Callable[..., Any], question: dict[str, Any], client: Any) -> Any:
        return script(keys=self._keys, args=[json.dumps(question)], client=client)


def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _micro(seconds: float) -> int:
    return int(seconds * _MICRO)
