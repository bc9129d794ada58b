-- When calls may leave.
--
-- Booked moments never decrease, and two that are `limit` bookings apart are at least a window and a guard apart. So a
-- call that leaves at its moment and arrives within the guard never exceeds the quota.
--
-- A moment is in whole milliseconds. Its last three digits, the microseconds, hold the tolerance instead: how many
-- milliseconds after its moment the call may arrive.

-- Both directions vary alike, so the spread of one is the spread of the round trip divided by √2.
local ONE_WAY = 0.71
local SAMPLES, RECENT = 32, 8

-- The guard follows measured delays.
local function measure()
  if ask.took then
    if queue.low < 0 then queue.low, queue.high = ask.took, ask.took + GUARD_MAX end
    local took = math.min(ask.took, queue.low + 2 * GUARD_MAX)
    queue.high = math.max(took, queue.high + (took - queue.high) / SAMPLES)
    queue.low = math.min(took, queue.low + (took - queue.low) / SAMPLES)
  end
  queue.blur = math.min(queue.blur + (ask.blur - queue.blur) / RECENT, GUARD_MAX)
end

local function guard() return math.floor(math.min(math.max(ONE_WAY * (queue.high - queue.low), GUARD_MIN), GUARD_MAX)) end

local function earliest() return math.max(now + ask.lead, opens()) end

local function tolerance_of(moment) return moment % 1000 * 1000 end

local function bare(moment) return moment - moment % 1000 end

local function code(moment, tolerance)
  return math.ceil(moment / 1000) * 1000 + math.min(math.ceil(tolerance / 1000), 999)
end

-- The tolerance of a moment that only this caller can use, by the error of its clock; and of one that may pass to
-- another caller, by an average one's, too. Whoever knows the clock less precisely does not take it (`can_keep`).
local function own() return guard() + 2 * ask.blur end

local function anybodys() return guard() + 2 * math.max(ask.blur, queue.blur) end

-- How much later than its moment this caller may leave and still arrive in time.
local function guard_of(moment) return math.min(tolerance_of(moment) - 2 * ask.blur, GUARD_MAX) end

-- Whether this caller can use a moment: if it knows the clock less precisely than the booking assumed, it may be late.
local function can_keep(moment) return guard_of(moment) >= GUARD_MIN end

-- The moment of a caller behind so many others.
local function moment_after(others, tolerance)
  local rounds = math.floor(others / queue.limit)
  local rate = pace()
  local pause = rate < queue.limit and WINDOW / rate or 0
  local after_last = bare(queue.last) + pause * (others + 1)
  local moment = math.max(earliest() + rounds * (WINDOW + anybodys()), after_last)
  if queue.count + others >= queue.limit then
    local arrived = number(redis.call('HGET', KEYS[1], text((queue.count + others) % queue.limit)))
    if not arrived or arrived > now + FAR then arrived = now end
    moment = math.max(moment, arrived + WINDOW + rounds * (WINDOW + anybodys()))
  end
  -- The booking takes the next place in the ring in any case, and tolerances differ.
  if others > 0 then moment = math.max(moment, bare(moment_after(0, tolerance))) end
  return code(moment, tolerance)
end

local function book(moment)
  redis.call('HSET', KEYS[1], text(queue.count % queue.limit), text(moment + tolerance_of(moment)))
  queue.count, queue.last = queue.count + 1, math.max(queue.last, moment)
end

-- Count the calls that this instance made without Redis, if it alone was cut off.
local function book_turns()
  if opens() > now then return end
  for _ = 1, ask.calls do book(code(math.max(now, queue.last), own())) end
end
