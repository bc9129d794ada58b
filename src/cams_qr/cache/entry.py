"""What the cache holds for one query."""

import time
from typing import NamedTuple

from cams_qr.problems import Problem
from cams_qr.query import QrCodeList
from cams_qr.renderings import Renderings


class Entry(NamedTuple):
    """A result, the Unix times at which it was stored and until which it is fresh, and its renderings."""

    result: QrCodeList | Problem
    at: float
    fresh_until: float
    renderings: Renderings

    def age(self) -> float:
        """Seconds since it was stored."""
        return max(0.0, time.time() - self.at)

    def fresh_seconds(self) -> float:
        """How many more seconds it is fresh; negative for how long it has been stale."""
        return self.fresh_until - time.time()
