"""How a query ended and what it took, for the encoders and the log."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.renderings import Renderings

CacheStatus = Literal["hit", "miss", "expired", "collapsed", "stale"]


@dataclass
class Effort:
    """What a query has cost so far: calls made, seconds waited for permits, seconds spent on calls."""

    attempts: int = 0
    permit_wait: float = 0.0
    upstream: float = 0.0
    retried_with_fresh_credentials: bool = False


class CacheUse(NamedTuple):
    """How the cache contributed to a result; `age` and `ttl` (what is left, negative if stale) are in seconds.

    `hit`: the result was cached. `miss`, `expired`: CAMS was asked, since nothing or an old list was cached.
    `collapsed`: another caller fetched it. `stale`: an old list, since CAMS could not be asked; `reason` is the code of
    that problem. `renderings` are those of the cached result.
    """

    status: CacheStatus
    age: float
    ttl: float
    renderings: Renderings
    reason: str | None = None


class Outcome(NamedTuple):
    """How a query ended; `query` is None if the event held none, `cache` if the cache had no part in it."""

    result: QrCodeList | Problem
    effort: Effort
    query: QrQuery | None = None
    cache: CacheUse | None = None
