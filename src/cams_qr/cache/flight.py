"""One flight for each query: while one caller asks CAMS for a number, others that share the store wait for that answer.

Who leads holds a lease in Redis, so that a leader that dies, or is frozen, does not hold up the others.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from cams_qr.cache.entry import Entry
from cams_qr.deadline import Deadline
from cams_qr.problems import Problem

if TYPE_CHECKING:
    from cams_qr.redis_store import Store

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


class Flights:
    """The flights of all queries, for those that share the store."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._take_lead = store.script(_LEAD)
        self._extend = store.script(_EXTEND)

    @contextmanager
    def flight(
        self, key: str, find: Callable[[], Entry | None], patience: Deadline, call: Deadline
    ) -> Iterator[Flight]:
        """Lead the flight of a key, so as to ask CAMS, or wait until `find` finds what its leader was answered.

        A leader that dies frees the others when its lease is over. While it waits for a permit, the others wait until
        the end of their `patience`, and while it calls CAMS until that of their time for a `call`: the clock of the
        first stands still meanwhile. Raises Problem: `throttled` after the one, `upstream_timeout` after the other.
        """
        lock, token = f"{key}:flight", uuid4().hex
        called = 0.0
        while (lease := self._lead(lock, token, _CONNECTING_SECONDS)) > 0:
            if lease > _WAITING_SECONDS:
                called += _wait_within(call, "upstream_timeout")
            else:
                _wait_within(min(call, patience.earlier(-called)), "throttled")
            if (landed := find()) is not None:
                yield Flight(landed, called)
                return
        try:
            # Looked for once more: the leader before may have left between the last look and this lead.
            yield Flight(
                find(),
                called,
                lambda seconds: self._leads_still(find, lock, token, seconds + _STORING_SECONDS),
                lambda seconds: self._renew(lock, token, seconds),
            )
        finally:
            self._renew(lock, token, 0)

    def _lead(self, lock: str, token: str, seconds: float) -> float:
        """Take the lead where nobody has it, and without the store; else seconds that are left of another's lease."""
        return self._run(self._take_lead, 0, lock, token, _lease(seconds), _lease(_LONGEST_SECONDS)) / 1000

    def _renew(self, lock: str, token: str, seconds: float) -> bool:
        """Set what is left of this caller's lease; whether there was one."""
        return bool(self._run(self._extend, 1, lock, token, _lease(seconds)))

    def _leads_still(self, find: Callable[[], Entry | None], lock: str, token: str, seconds: float) -> bool:
        """Renew the lease, or take the lead again where it ran out and nobody has found the answer since."""
        if self._renew(lock, token, seconds):
            return True
        return not self._lead(lock, token, seconds) and find() is None

    def _run(self, script: Any, default: int, lock: str, *arguments: Any) -> int:
        return self._store.attempt(lambda client: int(script(keys=[lock], args=arguments, client=client)), default)


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
