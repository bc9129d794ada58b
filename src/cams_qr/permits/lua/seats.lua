-- Seats: each instance that asked recently, or was told to come back, has one. If Redis becomes unavailable while
-- callers wait, and there are more than `limit` seats, each has a turn of its own.
--
--     free ──── an instance asks ────▶ held ──── until the moment it was told, and a while ────▶ free
--
-- An instance says which seat it holds (`seat`). The queue does not know whose it is; nobody else takes a held one.
-- For a while after the queue was closed, nobody takes a seat that others may come back to, and an instance has the one
-- that it held when Redis became unavailable, even if that has `lapsed`: all share the same seats if it happens again.

-- No more than these are held for instances that may come back.
local MOST_SEATS = 256

-- Take the seat that has been free for longest, if it is before the instance's own: there are to be no more seats than
-- instances. Returns it, and the number of seats.
local function sit(told)
  local is_fixed = now < queue.closed + HORIZON
  local last = redis.call('ZCARD', KEYS[5]) - 1
  local last_until = number(redis.call('ZSCORE', KEYS[5], last))
  if not last_until then redis.call('DEL', KEYS[5]) end
  if last_until and last_until <= now and not is_fixed then redis.call('ZREM', KEYS[5], last) end
  local count = redis.call('ZCARD', KEYS[5])
  local own = (is_fixed or not ask.lapsed) and ask.seat
  -- Seats that were forgotten are held, for their instances to come back.
  local known = math.max(count == 0 and ask.seats or 0, own and own + 1 or 0)
  for seat = count, math.min(known, MOST_SEATS) - 1 do redis.call('ZADD', KEYS[5], now + HORIZON, seat) end
  count = redis.call('ZCARD', KEYS[5])
  if own and own > count then own = nil end
  local free = not is_fixed and redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now, 'LIMIT', 0, 1)[1]
  local seat = math.min(own or count, number(free) or count)
  if own and own > seat then redis.call('ZADD', KEYS[5], now, own) end
  redis.call('ZADD', KEYS[5], math.min(math.max(told, now), now + HORIZON) + ask.keptSeat, seat)
  return seat, math.max(count, seat + 1)
end
