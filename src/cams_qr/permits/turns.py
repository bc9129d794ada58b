"""Permits while Redis is unavailable: instances take turns, each at a fixed place in a round, without coordination."""

import math
import random
import time

from cams_qr.permits.throttle import GUARD_MAX_SECONDS, HORIZON_SECONDS, WINDOW_SECONDS

_SPAN_SECONDS = WINDOW_SECONDS + GUARD_MAX_SECONDS
# After a throttle an instance skips turns. Each turn it takes multiplies the pause by this.
_PAUSE_DECAY = 0.8


class Turns:
    """The turns of one instance, on the monotonic clock.

    A turn lasts (window + guard) / quota, so the calls of successive turns never exceed the quota. Turn N, counted on
    the queue's clock, belongs to seat N modulo the seats in a round. A round has a seat for each instance that was
    active recently. It has at least one for each turn in a window (or for each possible instance, if those are fewer),
    because idle instances may wake up.

    If a window has a turn for each seat, a seated instance may take its first turn at any time in the window after it
    leaves the queue, so that people do not run out of patience before it comes.
    """

    def __init__(self, limit: int, instances: int) -> None:
        self._turn = _SPAN_SECONDS / limit
        self._min_seats = min(limit, instances)
        # Until the number of seats is known, assume one for each possible instance.
        self._round = self._turn * max(limit, instances)
        self._first = random.uniform(0, self._round)
        self._queue_zero: float | None = None
        self._seat = 0
        self._earliest = -math.inf
        self._first_turn_by = math.inf
        self._last = -math.inf
        self._pause_rounds = 1.0

    def take_seat(self, seat: int, seats: int, queue_zero: float) -> None:
        """Take seat `seat` of `seats`; `queue_zero` is when the queue's clock was 0, on the monotonic clock."""
        self._queue_zero, self._seat = queue_zero, seat
        self._divide(max(seats, self._min_seats))

    def start(self, opens: float, is_seated: bool) -> None:
        """Start taking turns, none of them before `opens` (monotonic)."""
        self._earliest = opens
        any_will_do = is_seated and self._turn < self._round <= _SPAN_SECONDS
        self._first_turn_by = opens + random.uniform(0, 0.8 * WINDOW_SECONDS) if any_will_do else math.inf

    def next(self) -> float:
        """When this instance may make its next call."""
        earliest = max(time.monotonic(), self._earliest)
        turn = self._first + math.ceil((earliest - self._first) / self._round) * self._round
        return max(earliest, min(turn, self._first_turn_by))

    def take(self, turn: float) -> None:
        """Mark a turn as used."""
        # Half a turn less, so that rounding does not cost a whole round.
        pause = self._round * self._pause_rounds - self._turn / 2
        self._earliest = turn + (pause if self._first_turn_by == math.inf else max(pause, _SPAN_SECONDS))
        self._first_turn_by = math.inf
        self._last = turn
        self._pause_rounds = max(1.0, self._pause_rounds * _PAUSE_DECAY)

    def record_throttle(self, retry_after: float) -> None:
        """CAMS throttled a call: more instances are active than expected, so skip some turns."""
        self._pause_rounds = max(1.0, min(self._pause_rounds * 1.5, HORIZON_SECONDS / self._round))
        self._earliest = max(self._earliest, time.monotonic() + min(retry_after, HORIZON_SECONDS))

    def taken_since(self, seconds: float) -> int:
        """The most turns that can have been taken in the last `seconds`."""
        if time.monotonic() - self._last > seconds:
            return 0
        return 1 + math.floor(seconds / self._round)

    def _divide(self, seats: int) -> None:
        self._round = self._turn * seats
        self._first = (self._queue_zero or 0.0) + self._turn * (self._seat % seats)
        self._pause_rounds = 1.0
