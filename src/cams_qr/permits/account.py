"""Account-wide permits: one queue in Redis for all instances.

One round trip tells a caller how long to wait before its call may leave, or that there is no moment before its
deadline. `lua/take.lua` books the moments, and says when the queue closes.

No clock is shared. A call leaves when its wait has passed since the answer was *received*, so never before its moment;
and it is booked to arrive within its slack, counted from when the question was *sent*. A call that is too late for that
needs another moment (DepartureMissed).

While Redis is unavailable, each instance keeps a pace of its own (alone.py), and tries Redis every PROBE_SECONDS.
"""

import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from cams_qr.deadline import Deadline, Departure, DepartureMissed
from cams_qr.lua import lua
from cams_qr.permits.alone import Alone
from cams_qr.permits.throttle import (
    GUARD_SECONDS,
    HORIZON_SECONDS,
    PACE_DECREASE,
    PACE_GROWTH,
    READY_SECONDS,
    WAY_SECONDS,
    WINDOW_SECONDS,
    Caller,
    Permit,
    no_permit,
    wait_until,
)
from cams_qr.problems import Problem
from cams_qr.redis_store import ANSWER_SECONDS, PROBE_SECONDS, Store, StoreUnavailable

_MICRO = 1_000_000
# How long an instance relies on what it knows of the queue; Redis keeps the queue twice as long.
_MEMORY_SECONDS = 60.0
# Bulk asks again when its moment is as near as this, or after a window at most.
_NEAR_SECONDS = 0.2
# Bulk that was told to ask again at the same time spreads over this.
_JITTER_SECONDS = 0.1


class _Answer(NamedTuple):
    """If `go`, the call may leave after `wait` seconds and must arrive within `arrive_within`; if not, it may not.

    `booked` and `queue` are when the queue was asked and created, on its clock; the last booked moment is `ahead`
    seconds later.
    """

    go: bool
    wait: float
    arrive_within: float
    booked: int
    queue: int
    is_crowded: bool
    ahead: float


class AccountThrottle:
    """At most `limit` calls reach CAMS in any rolling second, from all instances that share the store.

    `patience` is how many seconds people wait for a permit; `instances` is the most that can run.
    """

    def __init__(self, store: Store, account: str, limit: int, instances: int, patience: float) -> None:
        self._store = store
        self._keys = [f"cams-qr:{{{account}}}:permits:{part}" for part in ("state", "arrivals", "appointments")]
        self._take = store.script(lua(__file__, "take"))
        self._patience = patience
        self._terms = {
            "window": _micro(WINDOW_SECONDS),
            "horizon": _micro(max(HORIZON_SECONDS, patience + 2 * WINDOW_SECONDS)),
            "guard": _micro(GUARD_SECONDS),
            "way": _micro(WAY_SECONDS),
            "growth": PACE_GROWTH,
            "decrease": PACE_DECREASE,
            "limit": limit,
            "instance": os.urandom(8).hex(),
        }
        self._alone = Alone(limit, max(1, limit // instances))
        # The longest recent delay: a round trip to Redis, or how late a call was.
        self._delay = 0.0
        # What Redis last answered, when that was, and from when until when it has not answered since.
        self._last: _Answer | None = None
        # The moment that it granted then, if any, on the queue's clock.
        self._held = 0
        self._answered_at = self._lost_at = self._failed_at = -math.inf

    @contextmanager
    def permit(
        self, caller: Caller, deadline: Deadline, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[Permit]:
        """See Throttle.permit."""
        permit = self._reserve(caller, deadline, waiting)
        # Before it calls, a caller may ask Redis whether it still should.
        wait_until(permit.departure.at - READY_SECONDS - 2 * self._delay, waiting)
        try:
            yield permit
        except DepartureMissed:
            self._note_delay(time.monotonic() - permit.departure.at)
            raise

    def record_throttle(self, permit: Permit, retry_after: float) -> None:
        """See Throttle.record_throttle."""
        self._alone.record_throttle(retry_after)
        note = {"booked": permit.booked, "retryAfter": _micro(retry_after)}
        self._store.attempt(partial(self._run, note), None)

    def _reserve(self, caller: Caller, deadline: Deadline, waiting: Callable[[], None]) -> Permit:
        """A permit from the queue, or of this instance's own while Redis is unavailable. Raises Problem `throttled`."""
        came = time.monotonic()
        while True:
            try:
                granted = self._from_queue(caller, deadline, came)
            except StoreUnavailable:
                granted = self._without_redis(caller, deadline)
            if isinstance(granted, Permit):
                return granted
            wait_until(granted, waiting)

    def _from_queue(self, caller: Caller, deadline: Deadline, came: float) -> Permit | float:
        """A permit, or for bulk, when to ask again. Raises Problem `throttled`, StoreUnavailable."""
        sent = time.monotonic()
        patience = self._patience_until(deadline)
        answer = self._ask(caller, deadline, patience)
        received = time.monotonic()
        moment = received + answer.wait
        if answer.go:
            self._alone.note_grant(moment, answer.is_crowded)
            return Permit(Departure(moment, sent + answer.arrive_within - WAY_SECONDS), answer.booked)
        # All bulk is told the same moment; should Redis fail, it must not call together.
        self._alone.note_refusal(received + answer.wait * (random.uniform(1, 2) if caller.bulk else 1.0))
        # Who has waited for longer asks more often.
        pause = WINDOW_SECONDS / (1 + received - came)
        again = received + min(max(answer.wait - _NEAR_SECONDS, 0.0), pause) + random.uniform(0, _JITTER_SECONDS)
        if not caller.bulk or max(again, moment) > deadline.at:
            raise _refusal(moment, caller, patience)
        return again

    def _without_redis(self, caller: Caller, deadline: Deadline) -> Permit | float:
        """A permit, or when to try Redis again. Raises Problem `throttled`."""
        moment = self._alone.next()
        if moment > deadline.at:
            raise _refusal(moment, caller, self._patience_until(deadline))
        probe = max(self._store.next_probe, time.monotonic())
        if moment > probe + ANSWER_SECONDS:
            return probe
        self._alone.take(moment)
        return Permit(Departure(moment, moment + GUARD_SECONDS - WAY_SECONDS), 0)

    def _patience_until(self, deadline: Deadline) -> float:
        """How long a person waits: less than usual if its invocation ends before."""
        return min(self._patience, deadline.remaining())

    def _ask(self, caller: Caller, deadline: Deadline, patience: float) -> _Answer:
        """Ask the queue. Raises StoreUnavailable."""
        sent = time.monotonic()
        times = {"budget": _micro(deadline.remaining()), "patience": _micro(patience)}
        question = {"ticket": caller.ticket, "bulk": caller.bulk, **times}
        try:
            # If the reply is no answer of the script's, the store is unavailable.
            answer = self._store.ask(lambda client: _answer(self._run(question, client)), probe=True)
        except StoreUnavailable:
            if sent - self._failed_at > HORIZON_SECONDS:
                self._lost_at = sent
            self._failed_at = sent
            raise
        received = time.monotonic()
        self._note_delay(received - sent)
        self._answered_at, self._failed_at = received, -math.inf
        self._last = answer
        self._held = answer.booked + _micro(answer.wait) if answer.go else 0
        return answer

    def _note_delay(self, seconds: float) -> None:
        self._delay = max(min(seconds, 2 * ANSWER_SECONDS), self._delay * 0.9)

    def _run(self, question: dict[str, Any], client: Any) -> Any:
        """Run the script, with what this instance knows of the queue."""
        now = time.monotonic()
        # A single failure is no outage: a probe must have failed, too. Who failed long ago cannot tell when it ended.
        has_probed = self._failed_at - self._lost_at > ANSWER_SECONDS + PROBE_SECONDS
        was_away = has_probed and now - self._failed_at < HORIZON_SECONDS
        missed = now - self._lost_at if self._failed_at > -math.inf else 0.0
        known = self._last if now - self._answered_at < _MEMORY_SECONDS else None
        question = {
            **self._terms,
            **question,
            "delay": _micro(self._delay),
            "lost": _micro(missed) if was_away else 0,
            "promised": 0,
        }
        if known:
            # How far ahead calls may have been promised to others: if callers wait, as far as they do, as long as there
            # is Redis.
            ahead = self._patience - missed if known.is_crowded else known.ahead - (now - self._answered_at)
            question |= {"queue": known.queue, "held": self._held, "promised": _micro(max(0.0, ahead))}
        return self._take(client, self._keys, [json.dumps(question)])


def _answer(reply: Any) -> _Answer:
    """What the script has replied. Raises ValueError, TypeError."""
    go, wait, within, booked, queue, is_crowded, ahead = reply
    times = wait / _MICRO, within / _MICRO
    return _Answer(bool(go), *times, int(booked), int(queue), bool(is_crowded), ahead / _MICRO)


def _refusal(moment: float, caller: Caller, patience: float) -> Problem:
    """Tell a person to come back once the moment is within its patience; bulk need not wait a second time."""
    return no_permit(moment - time.monotonic() - (0.0 if caller.bulk else patience))


def _micro(seconds: float) -> int:
    return int(seconds * _MICRO)
