"""Account-wide permits: one rolling window in Redis for all instances, on its server's clock.

A caller reserves the next free place in the window with one atomic script and is told how long to wait for it; when
its time has come, the same script confirms the place. So callers are served in order and nobody polls; one that dies
in between leaves a place unused and nothing locked.

What counts is when calls reach CAMS. A call counts from its permit until its answer, but for GUARD_SECONDS at most:
that much unevenness of the network, between two calls, cannot put six into a second.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from cams_qr.deadline import Deadline
from cams_qr.store import PROBE_SECONDS, Store, StoreUnavailable
from cams_qr.throttle import Throttle, instance_throttle, no_permit

WINDOW_SECONDS = 1.0
# 50 ms of jitter on the way to CAMS, and 10 ms between the permit and the first byte.
GUARD_SECONDS = 0.06
_PROMPT_SECONDS = 0.01

_MICRO = 1_000_000

# Times are microseconds. Fields of the hash:
#   a number   a call's place in order; its value is the latest time that call may have reached CAMS. Numbers start from
#              the clock, so that none comes again when the hash was lost
#   next, tail the bounds of those numbers
#   closed     until then nothing is granted
#   slow       until then half of the quota is granted
#   run:ID     a server the hash is known to have been on; a new one may have lost what was granted last
#   seat:N     who holds the N-th share for the time without Redis, and since when
_TAKE = """
local key, clock = KEYS[1], redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local limit, window, guard = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local mine, budget, returning = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local instance, seat, seats, probe = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local state = redis.call('HMGET', key, 'next', 'tail', 'closed', 'slow')
local first = math.floor(now / 100)
local following, tail = tonumber(state[1] or first), tonumber(state[2] or first)
local closed, slow = tonumber(state[3] or 0), tonumber(state[4] or 0)

local function close(till)
  if till > closed then
    closed = till
    redis.call('HSET', key, 'closed', closed)
  end
end

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or '?'
if redis.call('HSETNX', key, 'run:' .. run, now) == 1 then close(now + window + guard) end
if returning then close(now + window + guard + (closed > now and 0 or probe)) end

local function held(number)
  return string.match(redis.call('HGET', key, 'seat:' .. number) or '', '^(%S+) (%d+)$')
end
if seat < 0 or held(seat) ~= instance then
  local longest
  for number = 0, seats - 1 do
    local _, since = held(number)
    since = tonumber(since or 0)
    if not longest or since < longest then seat, longest = number, since end
    if since == 0 then break end
  end
end
redis.call('HSET', key, 'seat:' .. seat, instance .. ' ' .. string.format('%.0f', now))

if redis.call('HEXISTS', key, mine) == 0 then mine = following end
local earlier = {}
for number = mine - 2 * limit + 1, mine - limit do earlier[#earlier + 1] = number end
local due = now
for _, reached in ipairs(redis.call('HMGET', key, unpack(earlier))) do
  if reached and reached + window > due then due = reached + window end
end
local previous = tonumber(redis.call('HGET', key, mine - 1) or 0)
if due < previous - guard then due = previous - guard end
if due < closed then due = closed end
local spaced = previous - guard + 2 * window / limit
if due < slow and due < spaced then due = spaced end

local wait = math.ceil(due - now)
if wait > budget then return {-1, wait, seat, now} end
if mine == following then redis.call('HSET', key, 'next', mine + 1) end
redis.call('HSET', key, mine, string.format('%.0f', due + guard))
while tail <= mine - limit do
  local reached = tonumber(redis.call('HGET', key, tail) or 0)
  if reached + window > now then break end
  redis.call('HDEL', key, tail)
  tail = tail + 1
end
redis.call('HSET', key, 'tail', tail)
return {mine, wait, seat, now}
"""

_SETTLE = """
local key, mine, spent, guard = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local pushback, window = tonumber(ARGV[4]), tonumber(ARGV[5])
local reached = tonumber(redis.call('HGET', key, mine) or 0)
if reached > 0 and spent < guard then
  redis.call('HSET', key, mine, string.format('%.0f', reached - guard + spent))
end
if pushback > 0 then
  local clock = redis.call('TIME')
  local till = clock[1] * 1000000 + clock[2] + pushback
  if till > tonumber(redis.call('HGET', key, 'closed') or 0) then
    redis.call('HSET', key, 'closed', string.format('%.0f', till))
    redis.call('HSET', key, 'slow', string.format('%.0f', till + 2 * window))
  end
end
return 0
"""


class AccountThrottle:
    """At most `limit` calls reach CAMS in any rolling second, from all instances that share the store.

    While the store is unavailable each of the `instances` takes its own share, in turns by the clock.
    """

    def __init__(self, store: Store, account: str, limit: int, instances: int) -> None:
        self._store = store
        self._key = f"cams-qr:{{{account}}}:permits"
        self._take = store.script(_TAKE)
        self._settle = store.script(_SETTLE)
        self._limit = limit
        self._instances = instances
        self._instance = uuid4().hex
        self._seat = -1
        self._clock_offset = 0.0
        self._share: Throttle | None = None

    @contextmanager
    def permit(self, deadline: Deadline) -> Iterator[float]:
        """See Throttle.permit."""
        arrived = time.monotonic()
        try:
            place, asked = self._reserve(deadline)
        except StoreUnavailable:
            with self._share_without_store().permit(deadline):
                yield time.monotonic() - arrived
            return
        try:
            yield time.monotonic() - arrived
        finally:
            self._report(place, time.monotonic() - asked, 0.0)

    def pushback(self, seconds: float) -> None:
        """See Throttle.pushback."""
        self._report(-1, 0.0, seconds)
        if self._share:
            self._share.pushback(seconds)

    def _reserve(self, deadline: Deadline) -> tuple[int, float]:
        """Wait for a place in the window; returns it, and when it was asked for before it was granted.

        Raises Problem `throttled`, StoreUnavailable.
        """
        place = -1
        while True:
            asked = time.monotonic()
            place, wait = self._ask_for_place(place, deadline)
            if wait <= 0 and time.monotonic() - asked < _PROMPT_SECONDS:
                return place, asked
            time.sleep(wait)

    def _ask_for_place(self, place: int, deadline: Deadline) -> tuple[int, float]:
        arguments = (
            self._limit,
            int(WINDOW_SECONDS * _MICRO),
            int(GUARD_SECONDS * _MICRO),
            place,
            int(deadline.remaining() * _MICRO),
            int(self._share is not None),
            self._instance,
            self._seat,
            self._instances,
            int(PROBE_SECONDS * _MICRO),
        )
        place, wait, self._seat, now = self._store.ask(
            lambda client: self._take(keys=[self._key], args=arguments, client=client), probe=True
        )
        self._clock_offset = now / _MICRO - time.time()
        self._share = None
        if place < 0:
            raise no_permit(wait / _MICRO)
        return place, wait / _MICRO

    def _report(self, place: int, spent: float, pushback: float) -> None:
        seconds = (spent, GUARD_SECONDS, pushback, WINDOW_SECONDS)
        arguments = (place, *(int(s * _MICRO) for s in seconds))
        try:
            self._store.ask(lambda client: self._settle(keys=[self._key], args=arguments, client=client))
        except StoreUnavailable:
            return

    def _share_without_store(self) -> Throttle:
        """This instance's own share, from when all that the store granted has left the window."""
        if self._share is None:
            if self._seat < 0 and self._instances <= self._limit:
                self._share = instance_throttle(self._limit, self._instances)
            else:
                seat = self._seat if self._seat >= 0 else random.randrange(self._instances)
                self._share = _Turns(self._limit, self._instances, seat, self._clock_offset)
            self._share.pushback(WINDOW_SECONDS + GUARD_SECONDS)
        return self._share


class _Turns:
    """A Throttle by the clock: instances take turns at the quota's pace, one after another in the order of their seats.

    So their shares never add up to more than the quota, however many they are, though they cannot see one another.
    """

    def __init__(self, limit: int, instances: int, seat: int, clock_offset: float) -> None:
        width = (WINDOW_SECONDS + GUARD_SECONDS) / limit
        self._round = width * instances
        self._start = width * seat - clock_offset
        self._from = 0.0

    def pushback(self, seconds: float) -> None:
        """See Throttle.pushback."""
        self._from = max(self._from, time.time() + seconds)

    @contextmanager
    def permit(self, deadline: Deadline) -> Iterator[float]:
        """See Throttle.permit."""
        now = time.time()
        earliest = max(now, self._from)
        turn = earliest + (self._start - earliest) % self._round
        if turn - now > deadline.remaining():
            raise no_permit(turn - now)
        self._from = turn + self._round / 2
        time.sleep(turn - now)
        yield turn - now
