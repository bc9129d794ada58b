"""What we already know: lists and permanent failures, in this instance and, where there is one, in Redis.

A list is fresh for CACHE_TTL_SECONDS and may stand in, marked stale, for CACHE_STALE_SECONDS more. While one caller
asks CAMS for a number, others that share the store wait for that answer.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from cams_qr.deadline import Deadline
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery

if TYPE_CHECKING:
    from cams_qr.store import Store

MAX_ENTRIES = 1000
MAX_BYTES = 16 * 1024 * 1024
FAILURE_SECONDS = 10
# Failures that asking again soon cannot change; any other may pass, or be our own.
PERMANENT_FAILURES = frozenset({"not_owned", "invalid_request"})

# A leader in line for a permit renews its lease; one that asks CAMS cannot, and has a longer one.
_WAITING_SECONDS = 1.0
_LEADER_SECONDS = 3.0
_LOOK_SECONDS = 0.02

# A time of 0 ends the lease.
_EXTEND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""


class Entry(NamedTuple):
    """A result, and the Unix time it was stored at."""

    result: QrCodeList | Problem
    at: float

    def age(self) -> float:
        """Seconds since it was stored."""
        return max(0.0, time.time() - self.at)


class Flight(NamedTuple):
    """Whether the answer has `landed`; if not, this caller leads, and keeps the lead by saying how long it will be."""

    landed: Entry | None
    extend: Callable[[float], None]

    def waiting(self) -> None:
        """This caller leads still, and waits for a permit."""
        self.extend(_WAITING_SECONDS)


class Cache:
    """Results by query. `ttl` and `stale` are in seconds; a `ttl` of 0 remembers nothing."""

    def __init__(self, ttl: float, stale: float, scope: str, store: "Store | None" = None) -> None:
        self.enabled = ttl > 0
        self._ttl = ttl
        self._stale = stale
        self._secret = hashlib.sha256(scope.encode()).digest()
        self._store = store
        self._extend = store.script(_EXTEND) if store else None
        self._entries: OrderedDict[str, tuple[Entry, int]] = OrderedDict()
        self._bytes = 0

    def fresh_seconds(self, entry: Entry) -> float:
        """How much longer the entry is fresh; negative for how long it has been stale."""
        lifetime = FAILURE_SECONDS if isinstance(entry.result, Problem) else self._ttl
        return entry.at + lifetime - time.time()

    def find(self, query: QrQuery) -> Entry | None:
        """The best there is: fresh from this instance, else from the store, else a list that is stale."""
        if not self.enabled:
            return None
        key = self._key(query)
        ours = self._entries.get(key, (None,))[0]
        if ours is not None and self.fresh_seconds(ours) > 0:
            self._entries.move_to_end(key)
            return ours
        theirs = self._from_store(key)
        if theirs is not None and (ours is None or theirs.at > ours.at):
            self._keep(key, theirs)
        candidates = [entry for entry in (ours, theirs) if entry is not None and self._usable(entry)]
        return max(candidates, key=self.fresh_seconds, default=None)

    def recall(self, query: QrQuery) -> Entry | None:
        """What this instance has, fresh or stale, without asking the store."""
        entry = self._entries.get(self._key(query), (None,))[0] if self.enabled else None
        return entry if entry is not None and self._usable(entry) else None

    def remember(self, query: QrQuery, result: QrCodeList | Problem) -> Entry:
        """Keep a list, or a permanent failure; anything else is only wrapped."""
        entry = Entry(result, time.time())
        if self.enabled and (isinstance(result, QrCodeList) or result.code in PERMANENT_FAILURES):
            key = self._key(query)
            self._keep(key, entry if isinstance(result, QrCodeList) else Entry(_anew(result), entry.at))
            self._to_store(key, entry)
        return entry

    @contextmanager
    def flight(self, query: QrQuery, deadline: Deadline) -> "Iterator[Flight]":
        """One flight for each query: its leader is to ask CAMS, and who comes later waits for the answer.

        A leader that dies frees the others when its time is over, after _LEADER_SECONDS at most.
        Raises Problem `throttled` to a caller whose time is over before there is an answer.
        """
        if not self.enabled or self._store is None:
            yield Flight(None, lambda seconds: None)
            return
        lock, token = self._key(query) + ":flight", uuid4().hex
        while not self._lead(lock, token):
            if deadline.remaining() <= 0:
                raise Problem("throttled", "Another request is asking for this number; ask again later.")
            time.sleep(min(_LOOK_SECONDS, deadline.remaining()))
            if (landed := self._find_fresh(query)) is not None:
                yield Flight(landed, lambda seconds: None)
                return
        try:
            # Looked for once more: the leader before may have left between the last look and this lead.
            landed = self._find_fresh(query)
            yield Flight(landed, lambda seconds: self._run(self._extend, lock, token, _lease(seconds)))
        finally:
            self._run(self._extend, lock, token, 0)

    def _find_fresh(self, query: QrQuery) -> Entry | None:
        entry = self.find(query)
        return entry if entry is not None and self.fresh_seconds(entry) > 0 else None

    def _key(self, query: QrQuery) -> str:
        """A keyed hash, for a phone number has too few digits to hide behind a plain one."""
        text = f"{query.phone_number}/{query.cust_space_id or ''}/{query.cust_space_id is None}"
        return "cams-qr:list:1:" + hashlib.blake2b(text.encode(), key=self._secret, digest_size=20).hexdigest()

    def _usable(self, entry: Entry) -> bool:
        stale = 0.0 if isinstance(entry.result, Problem) else self._stale
        return self.fresh_seconds(entry) + stale > 0

    def _keep(self, key: str, entry: Entry) -> None:
        self._drop(key)
        size = _size(entry.result)
        self._entries[key] = (entry, size)
        self._bytes += size
        while len(self._entries) > MAX_ENTRIES or self._bytes > MAX_BYTES:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        _, size = self._entries.pop(key, (None, 0))
        self._bytes -= size

    def _lead(self, lock: str, token: str) -> bool:
        """Whether this caller is the leader now; without the store everyone is."""
        if self._store is None:
            return True
        return self._store.attempt(
            lambda client: bool(client.set(lock, token, nx=True, px=_lease(_WAITING_SECONDS))), True
        )

    def _run(self, script: Any, key: str, *arguments: Any) -> None:
        if self._store is not None:
            self._store.attempt(lambda client: script(keys=[key], args=arguments, client=client), None)

    def _from_store(self, key: str) -> Entry | None:
        if self._store is None:
            return None
        from cams_qr.stored import from_json

        text: Any = self._store.attempt(lambda client: client.get(key), None)
        return from_json(text) if text else None

    def _to_store(self, key: str, entry: Entry) -> None:
        if self._store is None:
            return
        from cams_qr.stored import to_json

        text = to_json(entry)
        kept = FAILURE_SECONDS if isinstance(entry.result, Problem) else self._ttl + self._stale
        self._store.attempt(lambda client: bool(client.set(key, text, px=int(kept * 1000))), False)


def _lease(seconds: float) -> int:
    """The lease of a leader that will be so many seconds, in milliseconds."""
    return int(min(max(seconds, 0.1), _LEADER_SECONDS) * 1000)


def _anew(problem: Problem) -> Problem:
    """The same problem, without the frames that one which was raised holds."""
    return Problem(problem.code, problem.detail, upstream=problem.upstream)


def _size(result: QrCodeList | Problem) -> int:
    return len(result.model_dump_json()) if isinstance(result, QrCodeList) else len(result.detail)
