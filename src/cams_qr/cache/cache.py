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

from cams_qr.cache.entry import Entry
from cams_qr.deadline import Deadline
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery

if TYPE_CHECKING:
    from redis import Redis

    from cams_qr.redis_store import Store

MAX_ENTRIES = 1000
MAX_BYTES = 16 * 1024 * 1024
FAILURE_SECONDS = 10
# Failures that asking again soon cannot change; any other may pass, or be our own.
PERMANENT_FAILURES = frozenset({"not_owned", "invalid_request"})

# Leases of a leader. One that connects to CAMS, or asks it, cannot renew its lease; one in line for a permit does.
_CONNECTING_SECONDS = 1.0
_WAITING_SECONDS = 0.3
# To store the answer that came at the last moment.
_STORING_SECONDS = 0.2
_LONGEST_SECONDS = 600.0
_LOOK_SECONDS = 0.02

# Returns the milliseconds that are left of another's lease, or 0. A lock of another type, or that outlasts any lease,
# is nobody's.
_LEAD = """
local is_ours, left = redis.call('TYPE', KEYS[1]).ok == 'string', redis.call('PTTL', KEYS[1])
if is_ours and left >= 0 and left <= tonumber(ARGV[3]) then return math.max(left, 1) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0
"""

# A time of 0 ends the lease.
_EXTEND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""


class Flight(NamedTuple):
    """Whether the answer has `landed`; if not, this caller leads, and is to ask CAMS.

    `called` is how many seconds it waited while others called CAMS. `extend` says for how many more seconds it leads,
    and tells whether it leads still: not if it was frozen, and another took over meanwhile. `renew` only prolongs the
    lease.
    """

    landed: Entry | None
    called: float = 0.0
    extend: Callable[[float], bool] = lambda seconds: True
    renew: Callable[[float], bool] = lambda seconds: True

    def waiting(self) -> None:
        """This caller waits for a permit still; to be said more often than every _WAITING_SECONDS."""
        self.renew(_WAITING_SECONDS)


class Cache:
    """Results by query. `ttl` and `stale` are in seconds; a `ttl` of 0 remembers nothing."""

    def __init__(self, ttl: float, stale: float, scope: str, store: "Store | None" = None) -> None:
        self.enabled = ttl > 0
        self._ttl = ttl
        self._stale = stale
        self._secret = hashlib.sha256(scope.encode()).digest()
        self._store = store
        self._take_lead = store.script(_LEAD) if store else None
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
        key = self.key(query)
        ours = self._entries.get(key, (None,))[0]
        if ours is not None and self.fresh_seconds(ours) > 0:
            self._entries.move_to_end(key)
            return ours
        theirs = self._from_store(key, query)
        if theirs is not None and (ours is None or theirs.at > ours.at):
            self._keep(key, theirs)
        candidates = [entry for entry in (ours, theirs) if entry is not None and self._usable(entry)]
        return max(candidates, key=self.fresh_seconds, default=None)

    def recall(self, query: QrQuery) -> Entry | None:
        """What this instance has, fresh or stale, without asking the store."""
        entry = self._entries.get(self.key(query), (None,))[0] if self.enabled else None
        return entry if entry is not None and self._usable(entry) else None

    def remember(self, query: QrQuery, result: QrCodeList | Problem) -> Entry:
        """Keep a list, or a permanent failure; anything else is only wrapped."""
        entry = Entry(result, time.time())
        if self.enabled and (isinstance(result, QrCodeList) or result.code in PERMANENT_FAILURES):
            key = self.key(query)
            self._keep(key, entry if isinstance(result, QrCodeList) else Entry(_anew(result), entry.at))
            self._to_store(key, query, result)
        return entry

    @contextmanager
    def flight(self, query: QrQuery, patience: Deadline, call: Deadline) -> "Iterator[Flight]":
        """One flight for each query: its leader is to ask CAMS, and who comes later waits for the answer.

        A leader that dies frees the others when its lease is over. While it waits for a permit, the others wait until
        the end of their `patience`, and while it calls CAMS until that of their time for a `call`: the clock of the
        first stands still meanwhile. Raises Problem: `throttled` after the one, `upstream_timeout` after the other.
        """
        if not self.enabled or self._store is None:
            yield Flight(None)
            return
        lock, token = self.key(query) + ":flight", uuid4().hex
        called = 0.0
        while (lease := self._lead(lock, token, _CONNECTING_SECONDS)) > 0:
            if lease > _WAITING_SECONDS:
                called += _wait_within(call, "upstream_timeout")
            else:
                _wait_within(min(call, patience.earlier(-called)), "throttled")
            if (landed := self._find_fresh(query)) is not None:
                yield Flight(landed, called)
                return
        try:
            # Looked for once more: the leader before may have left between the last look and this lead.
            yield Flight(
                self._find_fresh(query),
                called,
                lambda seconds: self._leads_still(query, lock, token, seconds + _STORING_SECONDS),
                lambda seconds: self._renew(lock, token, seconds),
            )
        finally:
            self._renew(lock, token, 0)

    def _find_fresh(self, query: QrQuery) -> Entry | None:
        entry = self.find(query)
        return entry if entry is not None and self.fresh_seconds(entry) > 0 else None

    def key(self, query: QrQuery) -> str:
        """A keyed hash, for a phone number has too few digits to hide behind a plain one."""
        text = f"{query.phone_number}/{query.cust_space_id or ''}/{query.cust_space_id is None}"
        return "cams-qr:list:2:" + hashlib.blake2b(text.encode(), key=self._secret, digest_size=20).hexdigest()

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

    def _lead(self, lock: str, token: str, seconds: float) -> float:
        """Take the lead where nobody has it, and without the store; else seconds that are left of another's lease."""
        return self._run(self._take_lead, 0, lock, token, _lease(seconds), _lease(_LONGEST_SECONDS)) / 1000

    def _renew(self, lock: str, token: str, seconds: float) -> bool:
        """Set what is left of this caller's lease; whether there was one."""
        return bool(self._run(self._extend, 1, lock, token, _lease(seconds)))

    def _leads_still(self, query: QrQuery, lock: str, token: str, seconds: float) -> bool:
        """Renew the lease, or take the lead again where it ran out and nobody has found the answer since."""
        if self._renew(lock, token, seconds):
            return True
        return not self._lead(lock, token, seconds) and self._find_fresh(query) is None

    def _run(self, script: Any, default: int, lock: str, *arguments: Any) -> int:
        if self._store is None:
            return default
        return self._store.attempt(lambda client: int(script(keys=[lock], args=arguments, client=client)), default)

    def _from_store(self, key: str, query: QrQuery) -> Entry | None:
        if self._store is None:
            return None
        from cams_qr.cache.entry_json import from_json

        def read(client: "Redis") -> Any:
            both = client.pipeline()
            both.get(key)
            both.pttl(key)
            return both.execute()

        text, left = self._store.attempt(read, (None, 0))
        return from_json(query, text, left / 1000) if text else None

    def _to_store(self, key: str, query: QrQuery, result: QrCodeList | Problem) -> None:
        if self._store is None:
            return
        from cams_qr.cache.entry_json import to_json

        kept = FAILURE_SECONDS if isinstance(result, Problem) else self._ttl + self._stale
        text = to_json(query, result, kept)
        self._store.attempt(lambda client: bool(client.set(key, text, px=int(kept * 1000))), False)


def _wait_within(deadline: Deadline, problem: str) -> float:
    """Wait for the next look; seconds since this one. Raises Problem where the time is over."""
    started = time.monotonic()
    if deadline.remaining() <= 0:
        raise Problem(problem, "Another request is asking for this number; ask again later.")
    time.sleep(min(_LOOK_SECONDS, deadline.remaining()))
    return time.monotonic() - started


def _lease(seconds: float) -> int:
    """A lease in milliseconds."""
    return int(min(seconds, _LONGEST_SECONDS) * 1000)


def _anew(problem: Problem) -> Problem:
    """The same problem, without the frames that one which was raised holds."""
    return Problem(problem.code, problem.detail, upstream=problem.upstream)


def _size(result: QrCodeList | Problem) -> int:
    return len(result.model_dump_json()) if isinstance(result, QrCodeList) else len(result.detail)
