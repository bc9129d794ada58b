-- When the queue opens: after it was forgotten or unavailable, others may still hold promises, or take turns.
--
--            forgotten; or unavailable, and somebody noticed
--     open ──────────────────────────────────────────────────▶ settling
--       ▲                                                         │ all have had time to find Redis, and to
--       │                                                         ▼ tell what they were promised
--       └────────────────────────────────────────────────────── closed
--            their calls have left the window
--
-- While it settles, nothing is promised, because a promise that becomes known may make it open later.

local function opens() return math.max(queue.opens, queue.settled + WINDOW + GUARD_MAX, queue.promised + WINDOW) end

local function is_settling() return now < queue.settled end

local function is_sound()
  if not is_complete then return false end
  local latest = math.max(
    queue.last, queue.asked, queue.opens, queue.began, queue.settled, queue.promised, queue.paced
  )
  return queue.next >= 0 and queue.streak >= 0 and latest <= now + FAR
end

local function begin()
  redis.call('DEL', unpack(KEYS))
  for _ = 1, ask.limit do redis.call('RPUSH', KEYS[2], 0) end
  queue = {
    last = 0, opens = 0, began = now, settled = 0, promised = 0, pace = ask.limit, paced = 0, low = -1, high = GUARD_MAX,
    streak = 0, next = 0,
  }
end

local function is_server_new()
  local info = redis.pcall('INFO', 'server')
  local uptime = type(info) == 'string' and tonumber(string.match(info, 'uptime_in_seconds:(%d+)')) or 0
  return uptime < 2
end

local function close()
  fix_seats()
  queue.settled = now + ask.settle
end

-- Whether this caller is the first to ask after an outage of a Redis that kept its memory.
local function is_back() return ask.away > 0 and queue.asked < now - math.max(ask.missed, WINDOW + GUARD_MAX) end

local function close_if_others_may_call()
  if not is_sound() then
    local was_known = ask.learned or next(queue) or redis.call('EXISTS', KEYS[2]) == 1
    begin()
    if was_known or is_server_new() then close() end
  else
    -- This instance had an answer later than the queue's last: the queue is a replica's, or was begun on another clock.
    local is_older = (ask.learned or 0) > queue.asked
    if is_older then queue.began = now end
    if is_older or is_back() then close() end
  end
  -- Whether this instance was promised a moment that the queue has forgotten, and that may still be in the window.
  local promised = ask.held and ask.learned < queue.began and math.min(arrival(ask.held), now + HORIZON)
  if promised and promised > math.max(queue.promised, now - WINDOW) then
    if not is_settling() then close() end
    queue.promised = promised
  end
  queue.asked, queue.offset = now, now - server
end
