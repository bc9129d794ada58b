"""The clock of the account's queue for permits, as one instance knows it."""

import time

_MICRO = 1_000_000
# The most that two monotonic clocks drift apart: 0.5 ms a second, the maximum rate at which a clock is slewed.
_DRIFT = 0.0005
_DRIFTED_SECONDS = 0.002
# If the queue's clock is ahead by less than this, its last answer may merely have been slow.
_STEP_SECONDS = 0.2
# A suspension shorter than this cannot be mistaken for a step; slewing sets wall and monotonic clock apart by less.
_SUSPENDED_SECONDS = 0.05


class QueueClock:
    """Converts the queue's microseconds to seconds of the monotonic clock, and back.

    Each answer carries the queue's time at some moment of its round trip; the shortest round trip is the most precise.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._error = 0.0
        self._had_to_connect = False
        self._set_at = 0.0
        self._set_at_wall = 0.0

    def now(self) -> int | None:
        """The queue's time, or None if it is not known yet."""
        return None if self._offset is None else int((time.monotonic() + self._offset) * _MICRO)

    def local(self, moment: float) -> float:
        """Convert a moment of the queue's clock to the monotonic clock."""
        return moment / _MICRO - (self._offset or 0.0)

    def error(self) -> float:
        """How far `now` may be off, in seconds."""
        return 0.0 if self._offset is None else self._error + self._drift()

    def is_outdated(self) -> bool:
        """Whether to read the clock again: it was set long ago, or by an answer that had to connect first."""
        return self._had_to_connect or (self._offset is not None and self._drift() > _DRIFTED_SECONDS)

    def update(self, queue_now: float, sent: float, received: float) -> None:
        """Take the time from an answer, if that is more precise than what is known, or contradicts it.

        `sent` and `received` are when the question left and the answer arrived.
        """
        if self._offset is None or (received - sent) / 2 <= self.error() or not self._agrees(queue_now, sent, received):
            self.set(queue_now, sent, received)

    def set(self, queue_now: float, sent: float, received: float) -> None:
        """Take the time from this answer, whatever was known before."""
        self._had_to_connect = self._offset is None
        self._offset = queue_now / _MICRO - (sent + received) / 2
        self._error = (received - sent) / 2
        self._set_at, self._set_at_wall = received, time.time()

    def was_stepped(self, queue_now: float, asked: float, sent: float, received: float, doubt: float) -> bool:
        """Whether the server's clock was changed. If this instance had been frozen, others would have asked since.

        `asked` is when the queue was last asked, on its own clock; `doubt` is the tolerance in seconds.
        """
        if self._offset is None or received - sent > doubt or self._was_suspended():
            return False
        ahead = queue_now / _MICRO - (sent + self._offset)
        if ahead < 0:
            return -ahead > doubt
        # Two instances that disagree on the time must not set it back and forth.
        return ahead > max(doubt, _STEP_SECONDS) and asked / _MICRO <= sent + self._offset + doubt

    def _drift(self) -> float:
        return (time.monotonic() - self._set_at) * _DRIFT

    def _agrees(self, queue_now: float, sent: float, received: float) -> bool:
        """Whether the queue's time matches this clock at some moment of the round trip."""
        at = self.local(queue_now)
        return sent - self.error() <= at <= received + self.error()

    def _was_suspended(self) -> bool:
        """Whether the monotonic clock stopped while the wall clock went on."""
        passed = time.monotonic() - self._set_at
        return abs(time.time() - self._set_at_wall - passed) > _SUSPENDED_SECONDS
