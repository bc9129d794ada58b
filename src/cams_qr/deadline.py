"""Deadlines, and when a call may leave, on the monotonic clock."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Deadline(NamedTuple):
    """A moment in seconds of `time.monotonic()`; every wait of an invocation is bounded by one."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def earlier(self, seconds: float) -> "Deadline":
        """The deadline `seconds` before this one."""
        return Deadline(self.at - seconds)


class Departure(NamedTuple):
    """When a call may leave, on the monotonic clock: not before `at` and not after `until`."""

    at: float
    until: float


class DepartureMissed(Exception):
    """A call was not sent, because its process was delayed beyond the departure's `until`."""


_NEVER = Deadline(math.inf)
_invocation_end: ContextVar[Deadline] = ContextVar("invocation_end", default=_NEVER)


@contextmanager
def ending_at(end: Deadline) -> Iterator[None]:
    """Within this block, an invocation is under way, and no exchange with Redis lasts longer than until `end`."""
    token = _invocation_end.set(end)
    try:
        yield
    finally:
        _invocation_end.reset(token)


def invocation_end() -> Deadline:
    """When the invocation under way must be over; never, if there is none."""
    return _invocation_end.get()
