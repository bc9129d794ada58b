"""What the cache holds for one query."""

import time
from typing import NamedTuple

from cams_qr.problems import Problem
from cams_qr.query import QrCodeList


class Entry(NamedTuple):
    """A result, and the Unix time it was stored at."""

    result: QrCodeList | Problem
    at: float

    def age(self) -> float:
        """Seconds since it was stored."""
        return max(0.0, time.time() - self.at)
