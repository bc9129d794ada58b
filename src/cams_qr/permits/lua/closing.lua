-- When the queue opens: after it was forgotten or unavailable, others may still hold promises, or take turns.
--
--            forgotten; or unavailable, and somebody noticed
--     open ──────────────────────────────────────────────────▶ closed
--       ▲                                                        │
--       └────────────────────────────────────────────────────────┘
--         all have had time to find Redis, their turns and all promises are past, and have left the window

local function is_sound()
  if not is_complete then return false end
  return queue.next >= 0 and math.max(queue.last, queue.opens, queue.promised, queue.asked, queue.paced) <= now + FAR
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

local function begin()
  redis.call('DEL', unpack(KEYS))
  for _ = 1, ask.limit do redis.call('RPUSH', KEYS[2], 0) end
  queue = {
    last = 0, opens = 0, promised = 0, known = now, pace = ask.limit, paced = 0, low = -1, high = GUARD_MAX,
    streak = 0, next = 0,
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
  if not is_sound() then
    local known = ask.promised or next(queue) or redis.call('EXISTS', KEYS[2]) == 1
    begin()
    if known or is_server_new() then close(known and forgotten_promises() or 0) end
  elseif is_older_than_caller() or is_back() then
    close(forgotten_promises())
  elseif has_met_outage() then
    -- Whoever closed the queue may have slept through the outage, in which nobody was promised anything.
    queue.promised = math.min(queue.promised, now + forgotten_promises())
  end
  queue.asked, queue.offset = now, now - server
end
