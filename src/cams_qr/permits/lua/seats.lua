-- Seats: each instance that asked recently, or was told to come back, has one. If Redis becomes unavailable while callers
-- wait, and there are more than `limit` seats, each has a turn of its own.
--
--     free ──── an instance asks ────▶ held ──── until the moment it was told, and a while ────▶ free

local MOST_SEATS, LOOKED_AT = 10000, 64

local function holder(seat)
  local instance, kept_until = string.match(redis.call('HGET', KEYS[5], text(seat)) or '', '^(%S+) (%d+)$')
  kept_until = number(kept_until)
  return kept_until and kept_until >= now and kept_until <= now + FAR + ask.keptSeat and instance
end

-- The first free seat, among the first LOOKED_AT.
local function free_seat(seats)
  for seat = 0, math.min(seats, LOOKED_AT) - 1 do
    if not holder(seat) then return seat end
  end
end

local function seats_and_until()
  local seats, fixed_until = string.match(redis.call('HGET', KEYS[5], 'count') or '', '^(%d+) (%d+)$')
  return math.min(number(seats) or 0, MOST_SEATS), number(fixed_until) or 0
end

local function store_seats(seats, fixed_until)
  redis.call('HSET', KEYS[5], 'count', text(seats) .. ' ' .. text(fixed_until))
end

-- Others come back to the seats they had, so that all share the same seats if Redis becomes unavailable again.
local function fix_seats()
  local seats = math.max(seats_and_until(), ask.seats)
  if seats > 0 then store_seats(seats, now + HORIZON) end
end

-- Take the earliest free seat, so that there are no more seats than instances; while seats are fixed, the one it had, or
-- a new one. Returns it, and the number of seats.
local function sit(told)
  local seats, fixed_until = seats_and_until()
  local fixed = fixed_until >= now and fixed_until <= now + HORIZON
  local had = ask.seat and (not fixed or ask.seat < seats) and (holder(ask.seat) or ask.instance) == ask.instance
  local seat = had and ask.seat
  local earlier = not fixed and free_seat(seat or seats)
  if seat and earlier then redis.call('HDEL', KEYS[5], text(seat)) end
  seat = earlier or seat or seats
  redis.call('HSET', KEYS[5], text(seat), ask.instance .. ' ' .. text(math.max(told, now) + ask.keptSeat))
  seats = math.max(seats, seat + 1)
  if not fixed and seats > seat + 1 and not holder(seats - 1) then
    seats = seats - 1
    redis.call('HDEL', KEYS[5], text(seats))
  end
  store_seats(seats, fixed_until)
  return seat, seats
end
