"""Account-wide permits: one rolling window in Redis for all instances, on its server's clock.

A caller gets its place in the line from one atomic script and is told how long to wait; when its time has come, the
same script grants the call. So callers are served in order and nobody polls; one that dies in between leaves a place
unused and nothing locked.

What counts is when calls reach CAMS. A call counts from its permit until its answer, but for GUARD_SECONDS at most:
that much unevenness of the network, between two calls, cannot put six into a second.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from cams_qr.deadline import Deadline
from cams_qr.store import PROBE_SECONDS, Store, StoreUnavailable
from cams_qr.throttle import Throttle, instance_throttle, no_permit

WINDOW_SECONDS = 1.0
# 50 ms of jitter on the way to CAMS, and 10 ms between the permit and the first byte.
GUARD_SECONDS = 0.06
_PROMPT_SECONDS = 0.01
_MAX_TRIES = 3
# How often a caller in line is told that it still waits.
_REPORT_SECONDS = 0.4

_MICRO = 1_000_000

# Times are microseconds. KEYS are named in every call, for a cluster's proxy takes no other. Fields of the first hash:
#   a number   a call, in the order of asking, with a letter and a time: (w)aiting until then, (g)ranted then,
#              (r)eached CAMS then at the latest. Numbers start from the clock, so that none comes again when the hash
#              was lost
#   next       the next number
#   closed     until then nothing is granted
#   slow       until then half of the quota is granted
#   run        the server the hash was on last; another one may have lost what was granted last
#
# The second hash has the seats: who holds the N-th share for the time without Redis, and since when.
#
# A call is granted when fewer than `limit` of those granted before can have reached CAMS within the last window. What
# a caller is told to wait supposes that calls reach CAMS at once; when its time has come it asks again.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local limit, window, guard = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local mine, budget, returning = ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1'
local instance, seat, seats, probe = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])

local function write(field, time, letter)
  redis.call('HSET', KEYS[1], field, (letter or '') .. string.format('%.0f', time))
end

local following, closed, slow = math.floor(now / 100), 0, 0
local reached, planned, granted, waiting, ahead, known = {}, {}, 0, 0, 0, false
local last_run
local state = redis.call('HGETALL', KEYS[1])
for i = 1, #state, 2 do
  local field, letter, time = state[i], string.match(state[i + 1], '^(%a)(%d+)$')
  time = tonumber(time)
  if letter and time + window + guard < now then
    redis.call('HDEL', KEYS[1], field)
  elseif letter == 'w' then
    if field == mine then
      known = true
    else
      planned[#planned + 1] = time
      waiting = math.max(waiting, time)
      -- One that is overdue has died, most likely; the others go first.
      if mine ~= '' and tonumber(field) < tonumber(mine) and time + guard > now then ahead = ahead + 1 end
    end
  elseif letter then
    planned[#planned + 1] = time
    reached[#reached + 1] = letter == 'g' and time + guard or time
    if time > granted then granted = time end
  elseif field == 'next' then following = tonumber(state[i + 1])
  elseif field == 'closed' then closed = tonumber(state[i + 1])
  elseif field == 'slow' then slow = tonumber(state[i + 1])
  elseif field == 'run' then last_run = state[i + 1]
  end
end

local function close(till)
  if till > closed then
    closed = till
    write('closed', closed)
  end
end

local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or '?'
if run ~= last_run then
  redis.call('HSET', KEYS[1], 'run', run)
  close(now + window + guard)
end
if returning then close(now + window + guard + (closed > now and 0 or probe)) end

if string.match(redis.call('HGET', KEYS[2], seat) or '', '^%S+') ~= instance then
  local since, longest = {}, nil
  local held = redis.call('HGETALL', KEYS[2])
  for i = 1, #held, 2 do since[tonumber(held[i])] = tonumber(string.match(held[i + 1], '%d+$')) end
  for number = 0, seats - 1 do
    local idle = since[number] or 0
    if not longest or idle < longest then seat, longest = number, idle end
  end
end
redis.call('HSET', KEYS[2], seat, instance .. ' ' .. string.format('%.0f', now))

local function after_window(times, places)
  table.sort(times, function(a, b) return a > b end)
  local last = times[math.max(1, places)]
  return last and last + window or 0
end
local due = math.max(now, closed, after_window(reached, limit - ahead))
if due < slow then due = math.max(due, granted + 2 * window / limit) end
local plan = due
if not known then
  mine = string.format('%.0f', following)
  plan = math.max(now, closed, waiting, after_window(planned, limit))
  if plan < slow then plan = math.max(plan, math.max(granted, waiting) + 2 * window / limit) end
  if plan <= now then plan = due end
end

local wait = math.ceil(plan - now)
if wait > budget then return {-1, wait, seat, string.format('%.0f', now), ''} end
if not known then write('next', following + 1) end
write(mine, plan, wait <= 0 and 'g' or 'w')
return {wait <= 0 and 1 or 0, wait, seat, string.format('%.0f', now), mine}
"""

_SETTLE = """
local mine, spent, guard = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local pushback, window = tonumber(ARGV[4]), tonumber(ARGV[5])
local granted = string.match(redis.call('HGET', KEYS[1], mine) or '', '^g(%d+)$')
if granted then
  redis.call('HSET', KEYS[1], mine, 'r' .. string.format('%.0f', granted + math.min(spent, guard)))
end
if pushback > 0 then
  local clock = redis.call('TIME')
  local till = clock[1] * 1000000 + clock[2] + pushback
  if till > tonumber(redis.call('HGET', KEYS[1], 'closed') or 0) then
    redis.call('HSET', KEYS[1], 'closed', string.format('%.0f', till), 'slow', string.format('%.0f', till + 2 * window))
  end
end
return 0
"""


class AccountThrottle:
    """At most `limit` calls reach CAMS in any rolling second, from all instances that share the store.

    While the store is unavailable each of the `instances` takes its own share: whole calls a second, or where there are
    more instances than those, a turn by the clock.
    """

    def __init__(self, store: Store, account: str, limit: int, instances: int) -> None:
        self._store = store
        self._keys = [f"cams-qr:{{{account}}}:permits", f"cams-qr:{{{account}}}:seats"]
        self._take = store.script(_TAKE)
        self._settle = store.script(_SETTLE)
        self._limit = limit
        self._instances = instances
        self._instance = uuid4().hex
        self._seat = -1
        self._clock_offset = 0.0
        self._lag = 0.0
        self._share: Throttle | None = None
        self._share_used = False

    @contextmanager
    def permit(self, deadline: Deadline, waiting: Callable[[], None] = lambda: None) -> Iterator[float]:
        """See Throttle.permit."""
        arrived = time.monotonic()
        try:
            number, asked = self._reserve(deadline, waiting)
        except StoreUnavailable:
            with self._share_without_store().permit(deadline):
                self._share_used = True
                yield time.monotonic() - arrived
            return
        try:
            yield time.monotonic() - arrived
        finally:
            self._report(number, time.monotonic() - asked, 0.0)

    def pushback(self, seconds: float) -> None:
        """See Throttle.pushback."""
        self._report("", 0.0, seconds)
        if self._share:
            self._share.pushback(seconds)

    def _reserve(self, deadline: Deadline, waiting: Callable[[], None]) -> tuple[str, float]:
        """Wait for a permit; returns the call's number, and when it was asked for before it was granted.

        Raises Problem `throttled`, StoreUnavailable.
        """
        number, tries = "", 0
        while True:
            asked = time.monotonic()
            granted, wait, number = self._ask(number, deadline)
            if granted:
                tries += 1
                late = time.monotonic() - asked - self._lag
                self._lag = max(time.monotonic() - asked, self._lag * 0.9)
                # The guard allows for the lag there was before; a permit that took much longer counts as used.
                if late < _PROMPT_SECONDS or tries == _MAX_TRIES:
                    return number, asked
                number = ""
            ready = time.monotonic() + wait
            while (left := ready - time.monotonic()) > 0:
                waiting()
                time.sleep(min(left, _REPORT_SECONDS))

    def _ask(self, number: str, deadline: Deadline) -> tuple[bool, float, str]:
        """Whether the call is granted now, else for how many seconds to wait, and its number."""
        arguments = (
            self._limit,
            int(WINDOW_SECONDS * _MICRO),
            int((GUARD_SECONDS + self._lag) * _MICRO),
            number,
            int(deadline.remaining() * _MICRO),
            int(self._share_used),
            self._instance,
            self._seat,
            self._instances,
            int(PROBE_SECONDS * _MICRO),
        )
        verdict, wait, self._seat, now, given = self._store.ask(
            lambda client: self._take(keys=self._keys, args=arguments, client=client), probe=True
        )
        self._clock_offset = int(now) / _MICRO - time.time()
        self._share, self._share_used = None, False
        if verdict < 0:
            raise no_permit(wait / _MICRO)
        return verdict == 1, wait / _MICRO, given.decode()

    def _report(self, number: str, spent: float, pushback: float) -> None:
        seconds = (spent, GUARD_SECONDS + self._lag, pushback, WINDOW_SECONDS)
        arguments = (number, *(int(s * _MICRO) for s in seconds))
        try:
            self._store.ask(lambda client: self._settle(keys=self._keys[:1], args=arguments, client=client))
        except StoreUnavailable:
            return

    def _share_without_store(self) -> Throttle:
        """This instance's own share, from when all that the store granted has left the window."""
        if self._share is None:
            if self._instances <= self._limit:
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
    def permit(self, deadline: Deadline, waiting: Callable[[], None] = lambda: None) -> Iterator[float]:
        """See Throttle.permit."""
        now = time.time()
        earliest = max(now, self._from)
        turn = earliest + (self._start - earliest) % self._round
        if turn - now > deadline.remaining():
            raise no_permit(turn - now)
        self._from = turn + self._round / 2
        time.sleep(turn - now)
        yield turn - now
