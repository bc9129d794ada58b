"""What we already know: lists and permanent failures, in this instance and, if there is one, in Redis.

A list is fresh for CACHE_TTL_SECONDS and may stand in, marked stale, for CACHE_STALE_SECONDS more.
"""

import hashlib
import time
from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cams_qr.cache.entry import Entry
from cams_qr.cache.flight import Flight, Flights
from cams_qr.deadline import Deadline
from cams_qr.lua import lua
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.renderings import Renderings

if TYPE_CHECKING:
    from cams_qr.redis_store import Store

MAX_ENTRIES = 1000
MAX_BYTES = 16 * 1024 * 1024
FAILURE_SECONDS = 10
# Failures that a retry cannot change. Any other may be temporary, or our own.
PERMANENT_FAILURES = frozenset({"not_owned", "invalid_request"})

_Fields = tuple[str, str | None]


class Cache:
    """Results by query. `ttl` and `stale` are in seconds; a `ttl` of 0 remembers nothing."""

    def __init__(self, ttl: float, stale: float, scope: str, store: "Store | None" = None) -> None:
        self.enabled = ttl > 0
        self._ttl = ttl
        self._stale = stale
        self._secret = hashlib.sha256(scope.encode()).digest()
        self._store = store
        self._read: Any = store.script(lua(__file__, "read")) if store else None
        self._flights = Flights(store) if store else None
        self._entry_json: Any = _import_entry_json() if store else None
        self._entries: OrderedDict[_Fields, tuple[Entry, int]] = OrderedDict()
        self._bytes = 0

    def find(self, query: QrQuery) -> Entry | None:
        """The best entry there is: fresh from this instance, else from the store, else a stale list."""
        if not self.enabled:
            return None
        ours = self._recall(query)
        if ours is not None and ours.fresh_seconds() > 0:
            return ours
        theirs = self._from_store(query)
        if theirs is not None and (ours is None or theirs.at > ours.at):
            self._keep(query, theirs)
        candidates = [entry for entry in (ours, theirs) if entry is not None and self._usable(entry)]
        return max(candidates, key=Entry.fresh_seconds, default=None)

    def recall(self, query: QrQuery) -> Entry | None:
        """The entry of this instance, fresh or stale; the store is not asked."""
        entry = self._recall(query) if self.enabled else None
        return entry if entry is not None and self._usable(entry) else None

    def remember(self, query: QrQuery, result: QrCodeList | Problem) -> Entry:
        """Keep a list or a permanent failure; any other result is only wrapped."""
        entry = self._entry(result, time.time())
        if self.enabled and (isinstance(result, QrCodeList) or result.code in PERMANENT_FAILURES):
            kept = result if isinstance(result, QrCodeList) else _without_traceback(result)
            self._keep(query, entry._replace(result=kept))
            self._to_store(query, result)
        return entry

    def flight(self, query: QrQuery, patience: Deadline, call: Deadline) -> AbstractContextManager[Flight]:
        """See Flights.flight. Without a store, or with the cache off, every caller asks CAMS itself."""
        if self._flights is None or not self.enabled:
            return nullcontext(Flight(None))
        return self._flights.flight(self.key(query), lambda: self._find_fresh(query), patience, call)

    def _find_fresh(self, query: QrQuery) -> Entry | None:
        entry = self.find(query)
        return entry if entry is not None and entry.fresh_seconds() > 0 else None

    def key(self, query: QrQuery) -> str:
        """A keyed hash; a plain one would not hide a phone number, which has too few digits."""
        text = f"{query.phone_number}/{query.cust_space_id or ''}/{query.cust_space_id is None}"
        return "cams-qr:list:2:" + hashlib.blake2b(text.encode(), key=self._secret, digest_size=20).hexdigest()

    def _usable(self, entry: Entry) -> bool:
        stale = 0.0 if isinstance(entry.result, Problem) else self._stale
        return entry.fresh_seconds() + stale > 0

    def _entry(self, result: QrCodeList | Problem, at: float) -> Entry:
        return Entry(result, at, at + (FAILURE_SECONDS if isinstance(result, Problem) else self._ttl), Renderings())

    def _keep(self, query: QrQuery, entry: Entry) -> None:
        key = _fields(query)
        self._drop(key)
        size = _size(entry.result)
        self._entries[key] = (entry, size)
        entry.renderings.on_size_change = self._grow
        self._grow(size + entry.renderings.size)

    def _grow(self, size: int) -> None:
        """Add `size` bytes; evict least recently used entries while over the limits."""
        self._bytes += size
        while len(self._entries) > MAX_ENTRIES or self._bytes > MAX_BYTES:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: _Fields) -> None:
        if key in self._entries:
            entry, size = self._entries.pop(key)
            entry.renderings.on_size_change = None
            self._bytes -= size + entry.renderings.size

    def _recall(self, query: QrQuery) -> Entry | None:
        """What this instance has for a query, which counts as a use of it."""
        key = _fields(query)
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def _from_store(self, query: QrQuery) -> Entry | None:
        if self._store is None:
            return None
        key = self.key(query)
        text, left = self._store.attempt(lambda client: self._read(client, [key], []), (None, 0))
        stored = self._entry_json.from_json(query, text, left / 1000) if text else None
        return self._entry(*stored) if stored else None

    def _to_store(self, query: QrQuery, result: QrCodeList | Problem) -> None:
        if self._store is None:
            return
        kept = FAILURE_SECONDS if isinstance(result, Problem) else self._ttl + self._stale
        key, text = self.key(query), self._entry_json.to_json(query, result, kept)
        self._store.attempt(lambda client: bool(client.execute("SET", key, text, "PX", int(kept * 1000))), False)


def _fields(query: QrQuery) -> _Fields:
    """The fields of a query, which take less time to hash than the model."""
    return query.phone_number, query.cust_space_id


def _import_entry_json() -> ModuleType:
    """Import what only Redis needs when the instance starts, so that no request waits for it."""
    from cams_qr.cache import entry_json

    return entry_json


def _without_traceback(problem: Problem) -> Problem:
    """The same problem without a traceback, which would keep the frames of the call alive."""
    return Problem(problem.code, problem.detail, upstream=problem.upstream)


def _size(result: QrCodeList | Problem) -> int:
    return len(result.model_dump_json()) if isinstance(result, QrCodeList) else len(result.detail)
