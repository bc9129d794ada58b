-- When calls may leave.
--
-- Booked moments never decrease, and two that are `limit` bookings apart are at least a window and a guard apart. So a
-- call that leaves at its moment and arrives within the guard never exceeds the quota.

-- Both directions vary alike, so the spread of one is the spread of the round trip divided by √2.
local ONE_WAY = 0.71
local SAMPLES = 32

-- The guard follows measured delays.
local function measure()
  if ask.took then
    if queue.low < 0 then queue.low, queue.high = ask.took, ask.took + GUARD_MAX end
    local took = math.min(ask.took, queue.low + 2 * GUARD_MAX)
    queue.high = math.max(took, queue.high + (took - queue.high) / SAMPLES)
    queue.low = math.min(took, queue.low + (took - queue.low) / SAMPLES)
  end
end

local function guard() return math.floor(math.min(math.max(ONE_WAY * (queue.high - queue.low), GUARD_MIN), GUARD_MAX)) end

local function earliest() return math.max(now + ask.lead, queue.opens) end

-- The tolerance allows for the error of this caller's clock.
local function tolerance() return guard() + 2 * ask.blur end

local function code(moment)
  return math.ceil(moment / 1000) * 1000 + math.min(math.ceil(tolerance() / 1000), 999)
end

-- How much later than its moment this caller may leave and still arrive in time.
local function guard_of(moment) return math.min(tolerance_of(moment) - 2 * ask.blur, GUARD_MAX) end

-- Whether this caller can use a moment that another booked, though it may know the clock less precisely. A third of the
-- guard makes up for the drift between two readings of the clock.
local function can_keep(moment) return guard_of(moment) >= GUARD_MIN * 2 / 3 end

-- The moment of a caller behind so many others.
local function moment_after(others)
  local rate = pace()
  local pause = rate < ask.limit and WINDOW / rate or 0
  -- An instance with a smaller limit may have left fewer arrivals.
  local arrived = redis.call('LINDEX', KEYS[2], ask.limit - 1 - others % ask.limit) or redis.call('LINDEX', KEYS[2], -1)
  arrived = number(arrived)
  if not arrived or arrived > now + FAR then arrived = now end
  local rounds = math.floor(others / ask.limit) * (WINDOW + tolerance())
  local after_others = math.max(earliest(), arrived + WINDOW) + rounds
  local moment = math.max(after_others, bare(queue.last) + pause * (others + 1))
  -- The call that arrived before all others leaves the window first in any case, and tolerances differ.
  return others > 0 and math.max(code(moment), moment_after(0)) or code(moment)
end

local function book(moment)
  redis.call('LPUSH', KEYS[2], text(arrival(moment)))
  redis.call('LTRIM', KEYS[2], 0, ask.limit - 1)
  queue.last = math.max(queue.last, moment)
end

-- Count the calls that this instance made without Redis, if it alone was cut off.
local function book_turns()
  if queue.opens > now then return end
  for _ = 1, ask.calls do book(code(math.max(now, queue.last))) end
end
