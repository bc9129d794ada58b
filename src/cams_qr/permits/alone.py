"""Permits while Redis is unavailable: each instance keeps a pace of its own, and CAMS' throttling corrects it."""

import math
import random
import time
from collections import deque

from cams_qr.permits.throttle import GUARD_SECONDS, HORIZON_SECONDS, WINDOW_SECONDS

# A throttle multiplies the pause between calls by the increase; each call, by the decrease.
_PAUSE_INCREASE = 2.0
_PAUSE_DECREASE = 0.9


class Alone:
    """When one instance may call without Redis: `share` times a window, if nobody waited when Redis was lost.

    If callers waited, its calls are as far apart as the last two that the queue granted it. It never calls more than
    `limit` times a window, with those that the queue granted it just before.
    """

    def __init__(self, limit: int, share: int) -> None:
        self._window = WINDOW_SECONDS + GUARD_SECONDS
        self._least = self._pause = self._window / share
        self._calls = deque([-math.inf] * limit, maxlen=limit)
        self._opens = -math.inf

    def note_grant(self, moment: float, is_crowded: bool) -> None:
        """The queue granted this instance a call; `is_crowded`: callers wait."""
        is_known = is_crowded and self._calls[-1] > -math.inf
        pause = min(moment - self._calls[-1], HORIZON_SECONDS) if is_known else 0.0
        self._pause, self._opens = max(self._least, pause), -math.inf
        self._calls.append(moment)

    def note_refusal(self, moment: float) -> None:
        """The queue has no moment for this instance before this one."""
        self._opens = moment

    def next(self) -> float:
        """When this instance may make its next call."""
        return max(time.monotonic(), self._opens, self._calls[-1] + self._pause, self._calls[0] + self._window)

    def take(self, moment: float) -> None:
        """A call leaves at this moment."""
        self._pause = max(self._least, self._pause * _PAUSE_DECREASE)
        self._calls.append(moment)

    def record_throttle(self, retry_after: float) -> None:
        """CAMS throttled a call: more instances call than expected."""
        self._pause = min(self._pause * _PAUSE_INCREASE, HORIZON_SECONDS)
        # Those throttled at the same time must not come back at the same time.
        pause = max(retry_after, random.uniform(0, 2 * self._pause))
        self._opens = time.monotonic() + min(pause, HORIZON_SECONDS)
