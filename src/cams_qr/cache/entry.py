"""What the cache holds for one query."""

import time
from typing import NamedTuple

from cams_qr.problems import Problem
from cams_qr.query import QrCodeList
from cams_qr.renderings import Renderings


class Entry(NamedTuple):
    """A result, the Unix time at which it was stored, and its renderings."""

    result: QrCodeList | Problem
    at: float
    renderings: Renderings

    def age(self) -> float:
        """Seconds since it was stored."""
        return max(0.0, time.time() - self.at)
