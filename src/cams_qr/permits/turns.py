"""Permits while Redis is unavailable: instances take turns, without coordination."""

import math
import random
import time
from collections import deque

from cams_qr.permits.throttle import HORIZON_SECONDS, SPAN_SECONDS

# A throttle multiplies an instance's pause between turns by the increase; each turn it takes, by the decrease.
_PAUSE_INCREASE = 2.0
_PAUSE_DECREASE = 0.9


class Turns:
    """The turns of one instance, on the monotonic clock.

    While at most `limit` instances are active, each may call once in a window and a guard, at any time: together they
    never exceed the quota. More instances have fixed turns in a round: a turn lasts (window + guard) / limit, and turn
    N, counted on the queue's clock, belongs to seat N modulo the number of seats.

    An instance that has not reached Redis lately assumes that few are active. If CAMS throttles, it pauses for longer.
    """

    def __init__(self, limit: int, instances: int) -> None:
        self._turn = SPAN_SECONDS / limit
        self._limit = limit
        self._instances = instances
        # If fewer instances than `limit` can run, each may call several times in a window.
        self._share = max(1, limit // instances)
        self._taken = deque([-math.inf] * limit, maxlen=limit)
        self._round = SPAN_SECONDS
        # When a turn of this instance's seat began, if turns are fixed.
        self._seat_began: float | None = None
        self._opens = -math.inf
        self._pause_rounds = 1.0

    def take_seat(self, seat: int, seats: int, queue_zero: float) -> None:
        """Take seat `seat` of `seats`; `queue_zero` is when the queue's clock was 0, on the monotonic clock."""
        self._share = max(1, self._limit // max(self._instances, seats))
        self._round = max(SPAN_SECONDS, self._turn * seats)
        self._seat_began = queue_zero + self._turn * seat if self._round > SPAN_SECONDS else None
        self._pause_rounds = 1.0

    def start(self, opens: float, is_crowded: bool) -> None:
        """Start taking turns, none of them before `opens` (monotonic). Without a seat, forget the other instances."""
        self._opens = max(self._opens, opens)
        if not is_crowded:
            self._round, self._seat_began = SPAN_SECONDS, None

    def next(self) -> float:
        """When this instance may make its next call."""
        pause = self._round * self._pause_rounds
        if self._seat_began is None:
            return max(time.monotonic(), self._opens, self._taken[-self._share] + pause)
        # Half a turn less, so that rounding does not cost a whole round.
        earliest = max(time.monotonic(), self._opens, self._taken[-1] + pause - self._turn / 2)
        return self._seat_began + math.ceil((earliest - self._seat_began) / self._round) * self._round

    def take(self, turn: float) -> None:
        """Mark a turn as used."""
        self._taken.append(turn)
        self._pause_rounds = max(1.0, self._pause_rounds * _PAUSE_DECREASE)

    def record_throttle(self, retry_after: float) -> None:
        """CAMS throttled a call: more instances are active than expected, so pause for longer between turns."""
        self._pause_rounds = max(1.0, min(self._pause_rounds * _PAUSE_INCREASE, HORIZON_SECONDS / self._round))
        # Those throttled at the same time must not come back at the same time.
        pause = random.uniform(0, 2 * self._round * self._pause_rounds)
        self._opens = max(self._opens, time.monotonic() + min(max(retry_after, pause), HORIZON_SECONDS))
