-- When the queue opens: after it was forgotten or unavailable, others may still hold promises, or take turns.
--
--            forgotten; or unavailable, and somebody noticed
--     open ──────────────────────────────────────────────────▶ closed
--       ▲                                                        │
--       └────────────────────────────────────────────────────────┘
--         all have had time to find Redis, their turns and all promises are past, and have left the window

-- Whether any key has a wrong type; such keys are deleted.
local function is_damaged()
  local damaged = false
  for i, expected in ipairs({'hash', 'zset', 'zset', 'hash', 'zset'}) do
    local found = redis.call('TYPE', KEYS[i]).ok
    if found ~= 'none' and found ~= expected then
      redis.call('DEL', KEYS[i])
      damaged = true
    end
  end
  return damaged
end

-- While versions with different quotas are running, the smallest applies, and for so long after.
local HELD = 10 * WINDOW

local function limit_in_force()
  local stored = queue.held and math.abs(now - queue.held) < HELD and queue.limit
  return stored and stored >= 1 and stored % 1 == 0 and math.min(stored, ask.limit) or ask.limit
end

local function is_sound(limit)
  if not is_complete() then return false end
  local latest = math.max(queue.last, queue.opens, queue.promised, queue.asked, queue.paced, queue.cut)
  return queue.limit == limit and queue.pace > limit / 21 and queue.count >= 0 and queue.next >= 0
    and latest <= now + FAR
end

local function opens() return math.max(queue.opens, queue.promised + WINDOW + GUARD_MAX) end

local function close(seconds)
  fix_seats()
  queue.opens = now + ask.settle + WINDOW + GUARD_MAX
  queue.promised = now + math.min(seconds, HORIZON)
  queue.known = now - (ask.idle or 0)
end

-- How far ahead a forgotten queue may have promised moments: at most the callers' patience, and not much beyond what
-- this caller knows of, less the time this caller has been without Redis.
local function forgotten_promises()
  local known_ahead = math.max(0, (ask.promised or 0) - now)
  return math.max(0, math.min(ask.patience, known_ahead + 2 * WINDOW) - ask.away)
end

local function begin(limit)
  redis.call('DEL', unpack(KEYS))
  queue = {
    limit = limit, held = now, count = 0, last = 0, opens = 0, promised = 0, known = now, pace = limit, paced = now,
    cut = 0, low = -1, high = GUARD_MAX, blur = ask.blur, streak = 0, next = 0,
  }
end

local function is_server_new()
  local info = redis.pcall('INFO', 'server')
  local uptime = type(info) == 'string' and tonumber(string.match(info, 'uptime_in_seconds:(%d+)')) or 0
  return uptime < 2
end

-- Whether the queue has forgotten what this caller was told.
local function is_older_than_caller() return ask.promised and ask.promised > math.max(queue.last, opens()) end

-- Whether this caller is the first to ask after an outage of a Redis that kept its memory.
local function is_back() return ask.away > 0 and queue.asked < now - math.max(ask.missed, WINDOW + GUARD_MAX) end

-- Whether this caller has met the outage in which the queue was forgotten: its last attempt failed just now, or before
-- Redis restarted, and whoever closed the queue was not answered in between.
local function has_met_outage()
  return ask.away > 0 and now - ask.missed > queue.known and (ask.missed < ask.settle or is_server_new())
end

local function close_if_others_may_call()
  local limit, damaged = limit_in_force(), is_damaged()
  if damaged or not is_sound(limit) then
    local known = damaged or next(queue) ~= nil or ask.promised
    begin(limit)
    if known or is_server_new() then close(known and forgotten_promises() or 0) end
  elseif is_older_than_caller() or is_back() then
    close(forgotten_promises())
  elseif has_met_outage() then
    -- Whoever closed the queue may have slept through the outage, in which nobody was promised anything.
    queue.promised = math.min(queue.promised, now + forgotten_promises())
  end
  queue.asked, queue.offset = now, now - server
  if ask.limit == limit then queue.held = now end
end
