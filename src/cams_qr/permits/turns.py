"""Permits while Redis is away: instances take turns, each at its own place in a round, without asking anybody."""

import math
import random
import time

from cams_qr.permits.throttle import GUARD_SECONDS, HORIZON_SECONDS, WINDOW_SECONDS

_SPAN_SECONDS = WINDOW_SECONDS + GUARD_SECONDS
# How fast an instance takes up again the turns that it let pass.
_FEWER = 0.8


class Turns:
    """The turns of one instance, on the monotonic clock.

    Each turn is a window and a guard divided by the quota, so that as many in a row as the quota has are never too
    close. Turn number N, counted on the line's clock, is for the seat N modulo the seats in a round: those taken
    lately, but a window's turns at least (or as many as there can be instances), for others may wake up.

    Where a window has a turn for each seat, the first turn may be any in the window after the line is left, so that
    people's patience is not over before it comes.
    """

    def __init__(self, limit: int, instances: int) -> None:
        self._turn = _SPAN_SECONDS / limit
        self._least_seats = min(limit, instances)
        # Who never heard of seats leaves one to every instance there can be.
        self._round = self._turn * max(limit, instances)
        self._first = random.uniform(0, self._round)
        self._line_zero: float | None = None
        self._seat = 0
        self._earliest = -math.inf
        self._welcome = math.inf
        self._last = -math.inf
        self._pause = 1.0

    def sit(self, seat: int, seats: int, line_zero: float) -> None:
        """Take a seat of so many; `line_zero` is when the line's clock stood at 0, on the monotonic one."""
        self._line_zero, self._seat = line_zero, seat
        self._divide(max(seats, self._least_seats))

    def stand(self) -> None:
        """The seat is another's by now: keep to its place among the fewest."""
        if self._line_zero is not None:
            self._divide(self._least_seats)

    def begin(self, opens: float) -> None:
        """The line is left, and no turn is taken before then."""
        self._earliest = opens
        any_will_do = self._turn < self._round <= _SPAN_SECONDS
        self._welcome = opens + random.uniform(0, 0.8 * WINDOW_SECONDS) if any_will_do else math.inf

    def next(self) -> float:
        """When this instance may call next."""
        earliest = max(time.monotonic(), self._earliest)
        turn = self._first + math.ceil((earliest - self._first) / self._round) * self._round
        return max(earliest, min(turn, self._welcome))

    def take(self, turn: float) -> None:
        """This turn is used."""
        # Half a turn less, for rounding may not cost a round.
        pause = self._round * self._pause - self._turn / 2
        self._earliest = turn + (pause if self._welcome == math.inf else max(pause, _SPAN_SECONDS))
        self._welcome = math.inf
        self._last = turn
        self._pause = max(1.0, self._pause * _FEWER)

    def throttled(self, retry_after: float) -> None:
        """CAMS throttled a call: there are more at work than it seemed, so let turns pass."""
        self._pause = max(1.0, min(self._pause * 1.5, HORIZON_SECONDS / self._round))
        self._earliest = max(self._earliest, time.monotonic() + min(retry_after, HORIZON_SECONDS))

    def taken_since(self, seconds: float) -> int:
        """How many turns were taken in the last so many seconds, at most."""
        if time.monotonic() - self._last > seconds:
            return 0
        return 1 + math.floor(seconds / self._round)

    def _divide(self, seats: int) -> None:
        self._round = self._turn * seats
        self._first = (self._line_zero or 0.0) + self._turn * (self._seat % seats)
        self._pause = 1.0
