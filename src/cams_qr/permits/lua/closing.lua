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

local function is_settling() return now < queue.closed + ask.settle end

local function begin()
  redis.call('DEL', unpack(KEYS))
  redis.call('RPUSH', KEYS[2], 0)
  queue = {
    asked = 0, opens = 0, closed = 0, pace = ask.limit, paced = 0, least = HORIZON, spread = GUARD_MAX, blur = 0,
    streak = 0,
  }
end

local function close()
  queue.closed = now
  queue.opens = math.max(queue.opens, now + ask.settle + WINDOW + GUARD_MAX)
end

local function close_if_others_may_call()
  if not is_sound() then
    -- A part of it is left, or the server was restarted just now.
    local is_left = next(queue) or redis.call('EXISTS', KEYS[2]) == 1
    local uptime = string.match(tostring(redis.pcall('INFO', 'server')), 'uptime_in_seconds:(%d+)')
    begin()
    if is_left or uptime and tonumber(uptime) < 2 then close() end
  end
  -- The queue does not know that it answered this instance, so it has forgotten that; or nobody has asked since it
  -- failed to answer, so it was unavailable.
  if queue.asked < ask.since then close() end
  -- The queue has forgotten this instance's moment.
  if ask.held >= last() + 1000 and ask.held <= now + HORIZON then
    queue.opens = math.max(queue.opens, arrival(ask.held) + WINDOW)
  end
  queue.asked, queue.offset = now, now - server
end
