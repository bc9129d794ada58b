"""The clock of the account's line, as one instance knows it."""

import time

_MICRO = 1_000_000
# How far two monotonic clocks drift apart, at most: 0.5 ms a second, as fast as a clock is slewed.
_DRIFT = 0.0005
_DRIFTED_SECONDS = 0.002
# A line whose clock is ahead by less may have been heard late.
_STEP_SECONDS = 0.2


class LineClock:
    """Turns the line's microseconds into seconds of the monotonic clock, and back.

    Each answer tells the line's time at some moment of its round trip; the shortest round trip tells it best.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._error = 0.0
        self._is_first = False
        self._set = 0.0
        self._set_wall = 0.0

    def now(self) -> int | None:
        """The line's time, or None where it was never heard."""
        return None if self._offset is None else int((time.monotonic() + self._offset) * _MICRO)

    def local(self, moment: float) -> float:
        """A moment of the line's, on the monotonic clock."""
        return moment / _MICRO - (self._offset or 0.0)

    def error(self) -> float:
        """How many seconds `now` may be wrong."""
        return 0.0 if self._offset is None else self._error + self._drift()

    def is_vague(self) -> bool:
        """Whether it is worth a question to set it again: it was set long ago, or by an answer that had to connect."""
        return self._is_first or (self._offset is not None and self._drift() > _DRIFTED_SECONDS)

    def hear(self, line_now: float, sent: float, received: float) -> None:
        """Learn from an answer to a question that was `sent` and `received` then."""
        if self._offset is None or (received - sent) / 2 <= self.error() or not self._agrees(line_now, sent, received):
            self.set(line_now, sent, received)

    def set(self, line_now: float, sent: float, received: float) -> None:
        """Believe this answer, whatever was heard before."""
        self._is_first = self._offset is None
        self._offset = line_now / _MICRO - (sent + received) / 2
        self._error = (received - sent) / 2
        self._set, self._set_wall = received, time.time()

    def was_stepped(self, line_now: float, asked: float, sent: float, received: float, doubt: float) -> bool:
        """Whether the server's clock was set, rather than this instance frozen: nobody has been told a later time."""
        if self._offset is None or received - sent > doubt or self._was_suspended(doubt):
            return False
        ahead = line_now / _MICRO - (sent + self._offset)
        if ahead < 0:
            return -ahead > doubt
        # Two instances that heard the time differently must not set it to and fro.
        return ahead > max(doubt, _STEP_SECONDS) and asked / _MICRO <= sent + self._offset + doubt

    def _drift(self) -> float:
        return (time.monotonic() - self._set) * _DRIFT

    def _agrees(self, line_now: float, sent: float, received: float) -> bool:
        """Whether the line's time was what it is believed to be, at some moment of the round trip."""
        at = self.local(line_now)
        return sent - self.error() <= at <= received + self.error()

    def _was_suspended(self, doubt: float) -> bool:
        """Whether the monotonic clock stood still while time went on."""
        passed = time.monotonic() - self._set
        return abs(time.time() - self._set_wall - passed) > doubt
