"""How a query ended, and what it took: what the service hands to encoding and to the log."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.renderings import Renderings

CacheStatus = Literal["hit", "miss", "expired", "collapsed", "stale"]


@dataclass
class Effort:
    """What a query has cost so far: calls made, seconds waited for permits, seconds spent on calls.

    `credentials_refused`: whether one of the calls was made again with fresh credentials.
    """

    attempts: int = 0
    permit_wait: float = 0.0
    upstream: float = 0.0
    credentials_refused: bool = False


class CacheUse(NamedTuple):
    """What the cache had to do with a result; `age` and `ttl` (what is left, negative when stale) in seconds.

    `hit`: the result was known. `miss`, `expired`: CAMS was asked, for nothing or an old list was known.
    `collapsed`: another caller asked it. `stale`: an old list, because CAMS could not be asked, for the `reason`, a
    problem's code. `renderings` are those of the cached result.
    """

    status: CacheStatus
    age: float
    ttl: float
    renderings: Renderings
    reason: str | None = None


class Outcome(NamedTuple):
    """How a query ended; `query` is None where the event held none, `cache` where the cache had no part in it."""

    result: QrCodeList | Problem
    effort: Effort
    query: QrQuery | None = None
    cache: CacheUse | None = None
