"""What we already know: lists and permanent failures, in this instance and, if there is one, in Redis.

A list is fresh for CACHE_TTL_SECONDS and may stand in, marked stale, for CACHE_STALE_SECONDS more.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cams_qr.cache.entry import Entry
from cams_qr.cache.entry_json import PERMANENT_FAILURES, from_json, to_json
from cams_qr.cache.flight import Flight, Flights
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.renderings import Renderings

if TYPE_CHECKING:
    from cams_qr.redis_store import Command, Store

MAX_ENTRIES = 1000
MAX_BYTES = 32 * 1024 * 1024
# What a list and its renderings may take: some drawings, and thrice the list, for its JSON with and without gzip.
_DRAWINGS_BYTES = 32 * 1024
_TIMES_LIST = 3
FAILURE_SECONDS = 10


class Cache:
    """Results by query. `ttl` and `stale` are in seconds; a `ttl` of 0 remembers nothing."""

    def __init__(self, ttl: float, stale: float, scope: str, store: "Store | None" = None) -> None:
        self.enabled = ttl > 0
        self._ttl = ttl
        self._stale = stale
        self._secret = hashlib.sha256(scope.encode()).digest()
        self._flights = Flights(store, ttl) if store else None
        self._entries: OrderedDict[QrQuery, Entry] = OrderedDict()
        self._bytes = 0

    def find(self, query: QrQuery, also: "Sequence[Command]" = ()) -> Flight:
        """The best entry there is: fresh from this instance, else from the store, else a stale list.

        If none is fresh, the caller leads or follows the query's flight. If the store is asked, the commands `also` are
        sent along.
        """
        known = self.recall(query)
        if self._flights is None or not self.enabled or (known is not None and known.fresh_seconds() > 0):
            return Flight(known)
        flight = Flight(known, self._flights, self.key(query), partial(self._take_in, query))
        flight.look(also)
        return flight

    def recall(self, query: QrQuery) -> Entry | None:
        """The entry of this instance, fresh or stale; the store is not asked."""
        entry = self._entries.get(query)
        if entry is None or not self._is_usable(entry):
            return None
        self._entries.move_to_end(query)
        return entry

    def remember(self, query: QrQuery, result: QrCodeList | Problem, flight: Flight) -> Entry:
        """Keep a list or a permanent failure, which ends its flight; any other result is only wrapped."""
        entry = self._entry(result, time.time())
        if self.enabled and (isinstance(result, QrCodeList) or result.code in PERMANENT_FAILURES):
            kept = result if isinstance(result, QrCodeList) else _without_traceback(result)
            self._keep(query, entry._replace(result=kept))
            if self._flights is not None:
                seconds = FAILURE_SECONDS if isinstance(result, Problem) else self._ttl + self._stale
                flight.land(to_json(query, result, seconds), seconds)
        return entry

    def key(self, query: QrQuery) -> str:
        """A keyed hash; a plain one would not hide a phone number, which has too few digits.

        The braces keep all keys of a query in one slot of a cluster.
        """
        text = f"{query.phone_number}/{query.cust_space_id or ''}"
        digest = hashlib.blake2b(text.encode(), key=self._secret, digest_size=20).hexdigest()
        return f"cams-qr:list:2:{{{digest}}}"

    def _take_in(self, query: QrQuery, text: Any, left: int) -> Entry | None:
        """Keep what the store has if it is newer, and return the best entry there is."""
        ours = self.recall(query)
        stored = from_json(query, text, left / 1000) if text else None
        if stored is None:
            return ours
        theirs = self._entry(*stored)
        if ours is None or theirs.at > ours.at:
            self._keep(query, theirs)
        candidates = [entry for entry in (ours, theirs) if entry is not None and self._is_usable(entry)]
        return max(candidates, key=Entry.fresh_seconds, default=None)

    def _is_usable(self, entry: Entry) -> bool:
        stale = 0.0 if isinstance(entry.result, Problem) else self._stale
        return entry.fresh_seconds() + stale > 0

    def _entry(self, result: QrCodeList | Problem, at: float) -> Entry:
        seconds = FAILURE_SECONDS if isinstance(result, Problem) else self._ttl
        return Entry(result, at, at + seconds, Renderings(_DRAWINGS_BYTES + _TIMES_LIST * _size(result)))

    def _keep(self, query: QrQuery, entry: Entry) -> None:
        """Keep an entry, and evict least recently used ones beyond the limits."""
        self._drop(query)
        self._entries[query] = entry
        self._bytes += entry.renderings.max_bytes
        while len(self._entries) > MAX_ENTRIES or self._bytes > MAX_BYTES:
            self._drop(next(iter(self._entries)))

    def _drop(self, query: QrQuery) -> None:
        if query in self._entries:
            self._bytes -= self._entries.pop(query).renderings.max_bytes


def _without_traceback(problem: Problem) -> Problem:
    """The same problem without a traceback, which would keep the frames of the call alive."""
    return Problem(problem.code, problem.detail, upstream=problem.upstream)


def _size(result: QrCodeList | Problem) -> int:
    return len(result.model_dump_json()) if isinstance(result, QrCodeList) else len(result.detail)
