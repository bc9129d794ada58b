-- When calls may leave.
--
-- Booked moments never decrease, and two that are `limit` bookings apart are at least a window and a guard apart. So a
-- call that leaves at its moment and arrives within the guard never exceeds the quota.

local GUARD_MIN, GUARD_MAX = ask.guardMin, ask.guardMax
-- Both directions vary alike, so the spread of one is the spread of the round trip divided by √2.
local ONE_WAY = 0.71
local SAMPLES = 64

-- The guard follows measured delays.
local function measure()
  queue.blur = math.max(ask.blur, math.floor(math.min(queue.blur, GUARD_MAX) * (1 - 1 / SAMPLES)))
  if not ask.took then return end
  local took = math.min(ask.took, queue.least + 2 * GUARD_MAX)
  queue.least = math.min(took, queue.least + math.floor((took - queue.least) / SAMPLES))
  queue.spread = math.max(took - queue.least, math.floor(queue.spread * (1 - 1 / SAMPLES)))
end

local function guard() return math.floor(math.min(math.max(ONE_WAY * queue.spread, GUARD_MIN), GUARD_MAX)) end

local function earliest() return math.max(now + ask.lead, queue.opens) end

-- The tolerance allows for the error of a caller's clock.
local function tolerance(blur) return guard() + 2 * blur end

local function code(moment, blur)
  return math.ceil(moment / 1000) * 1000 + math.min(math.ceil(tolerance(blur) / 1000), 999)
end

-- A moment that another instance can use, too.
local function for_any(moment) return code(moment - moment % 1000, queue.blur) end

-- Whether this caller can use a moment that another booked, though it may know the clock less precisely. A third of the
-- guard makes up for the drift between two readings of the clock.
local function can_keep(moment) return tolerance_of(moment) - 2 * ask.blur >= GUARD_MIN * 2 / 3 end

-- When the call before so many others has arrived. An instance with a smaller limit may have left fewer of them.
local function arrived(later)
  local found = number(redis.call('LINDEX', KEYS[2], later) or redis.call('LINDEX', KEYS[2], -1))
  return found and found <= now + FAR and found or now
end

-- The last booked moment, without its tolerance, which the arrival has twice: in its last digits, and added as time.
local function last()
  local newest = arrived(0)
  return newest - newest % 1000 * 1001
end

-- The moment of a caller behind so many others.
local function moment_after(others)
  local rate = pace()
  local pause = rate < ask.limit and WINDOW / rate or 0
  local rounds = math.floor(others / ask.limit) * (WINDOW + tolerance(ask.blur))
  local after_others = math.max(earliest(), arrived(ask.limit - 1 - others % ask.limit) + WINDOW) + rounds
  local moment = code(math.max(after_others, last() + pause * (others + 1)), ask.blur)
  -- The call that arrived before all others leaves the window first in any case, and tolerances differ.
  return others > 0 and math.max(moment, moment_after(0)) or moment
end

local function book(moment)
  redis.call('LPUSH', KEYS[2], arrival(moment))
  redis.call('LTRIM', KEYS[2], 0, ask.limit - 1)
end
