-- Books the moment at which one call may leave for CAMS, in a queue that all instances share.
--
--              a moment within its patience
--   person ──────────────────────────────────▶ go ──▶ leaves at that moment, without asking again
--      │ ▲
--      │ └── comes back when told to; its moment is still reserved
--      ▼
--    refused, with an appointment ──▶ overdue ──▶ goes to whoever asks next
--
--              a moment that is near
--   bulk ────────────────────────────────────▶ go
--      │ ▲
--      ▼ │ asks again when told to, and keeps its place
--    later
--
-- Booked moments never decrease, and two that are `limit` bookings apart are at least a window and a guard apart. So a
-- call that leaves at its moment and arrives within the guard never exceeds the quota. While bulk waits, every fifth
-- moment is set aside for it.
--
-- Times are microseconds of the queue's clock: the server's, corrected for the changes to it that instances noticed.
--
-- KEYS[1]  the queue, a hash: a ring of when the last `limit` booked calls will have arrived at CAMS at the latest
--          (fields 0, 1, …), until when places of bulk are kept (b0, b1, …), and
--            limit, held          the quota in force; when a caller with that quota, or a smaller one, last asked
--            count, last          number of bookings so far; the last booked moment
--            asked, offset        when the queue was last asked; its clock minus the server's
--            opens, promised      nothing leaves before this, nor before forgotten promises up to this are past
--            pace, paced, cut     the calls a second that CAMS accepts; as of when; when that was last lowered
--            low, high            the shortest and longest recent time from a moment to its answer
--            blur                 the recent clock error of an average instance
--            streak, next         people booked since the last bulk caller; the next place for bulk
-- KEYS[2]  appointments, a sorted set: the tickets of refused people, by moment
-- KEYS[3]  moments set aside for bulk, a list
-- KEYS[4]  seats, a hash: the holder of each, and until when; and their `count`, and until when that is fixed
-- KEYS[5]  bulk callers in the queue, a sorted set of places

local ask = cjson.decode(ARGV[1])
local WINDOW, GUARD_MIN, GUARD_MAX = ask.window, ask.guardMin, ask.guardMax
local HORIZON = math.max(ask.horizon, ask.patience + 2 * WINDOW)
local EXPIRY = 120 * WINDOW + HORIZON
local MOST_SEATS, LOOKED_AT = 10000, 64
-- The most places of departed callers that one request clears.
local CLEARED = 32
-- While bulk waits, one moment of this many is set aside for it.
local BULK_EVERY = 5
-- Retry-After is in whole seconds, so a caller with an appointment is back at most a second late; LATE after that, it
-- will not come.
local LATE = 0.2 * WINDOW
local OVERDUE = math.max(LATE, ask.patience - WINDOW - LATE)
local NEAR, LOOK, KEPT = math.max(0.2 * WINDOW, ask.lead + 0.1 * WINDOW), 0.5 * WINDOW, WINDOW
local SAMPLES, RECENT = 32, 8
-- Both directions vary alike, so the spread of one is the spread of the round trip divided by √2.
local ONE_WAY = 0.71
local HELD = 10 * WINDOW

-- The script never stores a later time than this.
local FAR = HORIZON + 4 * WINDOW

local function text(number) return string.format('%.0f', number) end

-- nil if the value is not a number, or too large for exact arithmetic.
local function number(value)
  local found = value and tonumber(value)
  return found and math.abs(found) < 2 ^ 53 and found or nil
end

---- The queue's state and its clock

-- Whether any key has a wrong type; such keys are deleted.
local function is_damaged()
  local damaged = false
  for i, expected in ipairs({'hash', 'zset', 'list', 'hash', 'zset'}) do
    local found = redis.call('TYPE', KEYS[i]).ok
    if found ~= 'none' and found ~= expected then
      redis.call('DEL', KEYS[i])
      damaged = true
    end
  end
  return damaged
end

local NUMBERS = {
  'limit', 'held', 'count', 'last', 'asked', 'offset', 'opens', 'promised', 'pace', 'paced', 'cut', 'low', 'high',
  'blur', 'streak', 'next',
}
local queue = {}
if redis.call('TYPE', KEYS[1]).ok == 'hash' then
  for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(NUMBERS))) do queue[NUMBERS[i]] = number(value) end
end

local clock = redis.call('TIME')
local server = clock[1] * 1000000 + clock[2]
local now = server + (queue.offset or 0)
if queue.asked and queue.asked <= now + HORIZON then now = math.max(now, queue.asked) end

if ask.stepped then
  now = math.max(ask.heard, math.min(queue.asked or 0, now))
elseif not ask.heard or ask.vague or math.abs(now - ask.heard) > ask.doubt then
  -- The caller does not know the time precisely enough, the server's clock was changed, the caller was frozen, or Redis
  -- was frozen and the caller has given up by now: do nothing.
  return {'clock', now, now, queue.asked or 0}
end

-- While versions with different quotas are running, the smallest applies.
local limit = ask.limit
if queue.held and math.abs(now - queue.held) < HELD and queue.limit and queue.limit < limit and queue.limit >= 1
  and queue.limit % 1 == 0 then
  limit = queue.limit
end

local function sound()
  for _, name in ipairs(NUMBERS) do
    if not queue[name] then return false end
  end
  local latest = math.max(queue.last, queue.opens, queue.promised, queue.asked, queue.paced, queue.cut)
  return queue.limit == limit and queue.pace > limit / 21 and queue.count >= 0 and queue.next >= 0
    and latest <= now + FAR
end

-- How far ahead a forgotten queue may have promised moments. At most the callers' patience, and not much beyond what
-- this caller knows of, less the time this caller has been without Redis.
local known_ahead = math.max(0, (ask.promised or 0) - now)
local promised = math.max(0, math.min(ask.patience, known_ahead + 2 * WINDOW) - ask.away)

-- Others come back to the seats they had, so that all share the same seats if Redis becomes unavailable again.
local function keep_seats()
  local count = string.match(redis.call('HGET', KEYS[4], 'count') or '', '^(%d+) %d+$')
  count = math.min(math.max(number(count) or 0, ask.seats), MOST_SEATS)
  if count > 0 then redis.call('HSET', KEYS[4], 'count', text(count) .. ' ' .. text(now + HORIZON)) end
end

local function settle(seconds)
  keep_seats()
  queue.opens = now + ask.settle + WINDOW + GUARD_MAX
  queue.promised = now + math.min(seconds, HORIZON)
end

local function opens() return math.max(queue.opens, queue.promised + WINDOW + GUARD_MAX) end

local damaged = is_damaged()
if damaged or not sound() then
  local known = damaged or next(queue) ~= nil or ask.promised
  redis.call('DEL', unpack(KEYS))
  queue = {
    limit = limit, held = now, count = 0, last = 0, opens = 0, promised = 0, pace = limit, paced = now, cut = 0,
    low = -1, high = GUARD_MAX, blur = ask.blur, streak = 0, next = 0,
  }
  local info = redis.pcall('INFO', 'server')
  local uptime = type(info) == 'string' and tonumber(string.match(info, 'uptime_in_seconds:(%d+)')) or 0
  if known or uptime < 2 then settle(known and promised or 0) end
elseif ask.promised and ask.promised > math.max(queue.last, opens()) then
  settle(promised)
elseif ask.away > 0 and queue.asked < now - ask.missed and queue.asked + WINDOW + GUARD_MAX < now then
  settle(promised)
elseif ask.away > 0 and ask.missed < ask.settle then
  -- The first to ask may have slept through the outage, in which nobody was promised anything.
  queue.promised = math.min(queue.promised, now + promised)
end
queue.asked, queue.offset = now, now - server
if ask.limit == limit then queue.held = now end
local earliest = math.max(now + ask.lead, opens())

---- The guard follows measured delays, the pace what CAMS accepts

if ask.took then
  if queue.low < 0 then queue.low, queue.high = ask.took, ask.took + GUARD_MAX end
  local took = math.min(ask.took, queue.low + 2 * GUARD_MAX)
  queue.high = math.max(took, queue.high + (took - queue.high) / SAMPLES)
  queue.low = math.min(took, queue.low + (took - queue.low) / SAMPLES)
end
queue.blur = math.min(queue.blur + (ask.blur - queue.blur) / RECENT, GUARD_MAX)
local guard = math.floor(math.min(math.max(ONE_WAY * (queue.high - queue.low), GUARD_MIN), GUARD_MAX))
local pace = queue.pace + limit * ask.growth * math.max(0, now - queue.paced) / WINDOW
local pause = pace < limit and WINDOW / pace or 0

---- Booking

-- A moment is in whole milliseconds. Its last three digits, the microseconds, hold the tolerance instead: how many
-- milliseconds after its moment the call may arrive.
local function tolerance_of(moment) return moment % 1000 * 1000 end

local function bare(moment) return moment - moment % 1000 end

local function code(moment, tolerance)
  return math.ceil(moment / 1000) * 1000 + math.min(math.ceil(tolerance / 1000), 999)
end

-- The tolerance of a moment that only this caller can use, by the error of its clock; and of one that may pass to
-- another caller, by an average one's, too. Whoever knows the clock less precisely does not take it (`can_keep`).
local OWN, ANYBODYS = guard + 2 * ask.blur, guard + 2 * math.max(ask.blur, queue.blur)

local function moment_after(others, tolerance)
  local rounds = math.floor(others / limit)
  local after_last = bare(queue.last) + pause * (others + 1)
  local moment = math.max(earliest + rounds * (WINDOW + ANYBODYS), after_last)
  if queue.count + others >= limit then
    local arrived = number(redis.call('HGET', KEYS[1], text((queue.count + others) % limit)))
    if not arrived or arrived > now + FAR then arrived = now end
    moment = math.max(moment, arrived + WINDOW + rounds * (WINDOW + ANYBODYS))
  end
  -- The booking takes the next place in the ring in any case, and tolerances differ.
  if others > 0 then moment = math.max(moment, bare(moment_after(0, tolerance))) end
  return code(moment, tolerance)
end

local function book(moment)
  redis.call('HSET', KEYS[1], text(queue.count % limit), text(moment + tolerance_of(moment)))
  queue.count, queue.last = queue.count + 1, math.max(queue.last, moment)
end

-- Count the calls that this instance made without Redis, if it alone was cut off.
if opens() <= now then
  for _ = 1, ask.calls do book(code(math.max(now, queue.last), OWN)) end
end

-- Whether bulk waits. A caller that does not ask again loses its place.
local function bulk_waits()
  for _ = 1, CLEARED do
    local first = redis.call('ZRANGE', KEYS[5], 0, 0)[1]
    if not first then return false end
    local kept_until = number(redis.call('HGET', KEYS[1], 'b' .. first))
    if kept_until and kept_until >= now and kept_until <= now + FAR then return true end
    redis.call('ZREM', KEYS[5], first)
    redis.call('HDEL', KEYS[1], 'b' .. first)
  end
  return false
end

-- The moment set aside for the bulk caller at that place, if any.
local function set_aside(place)
  local moment = redis.call('LINDEX', KEYS[3], 0)
  for _ = 1, 100 do
    if not moment then return nil end
    local found = number(moment)
    if found and found >= earliest and found <= now + FAR then break end
    redis.call('LPOP', KEYS[3])
    queue.streak = BULK_EVERY
    moment = redis.call('LINDEX', KEYS[3], 0)
  end
  return number(place == 0 and moment or redis.call('LINDEX', KEYS[3], place))
end

-- How much later than its moment this caller may leave and still arrive in time.
local function guard_of(moment) return math.min(tolerance_of(moment) - 2 * ask.blur, GUARD_MAX) end

-- Whether this caller can use a moment: if it knows the clock less precisely than the booking assumed, it may be late.
local function can_keep(moment) return guard_of(moment) >= GUARD_MIN end

-- The first appointment whose caller should have come back by now.
local function overdue()
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. text(earliest))
  local found = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now + OVERDUE), 'WITHSCORES', 'LIMIT', 0, 1)
  return found[1], number(found[2])
end

-- The earlier of a moment that is set aside and one that is overdue, and how to take it. One that is set aside has
-- priority if it is as near, because while bulk waits nobody else would take it.
local function kept(aside)
  local owner, missed = overdue()
  if missed and can_keep(missed) and not (aside and aside <= now + LATE) then
    return missed, function() redis.call('ZREM', KEYS[2], owner) end
  end
  if aside and not can_keep(aside) then return nil end
  return aside, function() redis.call('LREM', KEYS[3], 1, text(aside)) end
end

-- Unless the caller is out of time, extend its budget to at least the notice it needs.
local function no_less_than_notice(budget)
  local has_time = ask.budget > 0 or ask.patience == 0
  return has_time and math.max(budget, ask.lead + 2000) or budget
end

local function person()
  local latest = now + no_less_than_notice(ask.budget)
  local own = number(redis.call('ZSCORE', KEYS[2], ask.ticket))
  if own and own >= earliest and own <= now + FAR then
    -- A caller that is back on time may be a little early by this clock.
    if own > latest + GUARD_MAX then return 'refused', own end
    redis.call('ZREM', KEYS[2], ask.ticket)
    return 'go', own
  end
  local bulk, aside = bulk_waits(), set_aside(0)
  local first = moment_after(0, ANYBODYS)
  -- While people fill the queue, every fifth moment is for bulk; beyond their patience, for bulk that may still come.
  local owed = queue.streak >= BULK_EVERY - 1 and (bulk or first > latest)
  local moment = moment_after(owed and 1 or 0, OWN)
  local sooner, take = kept(not bulk and aside or nil)
  if sooner and sooner < moment and sooner <= latest then
    take()
    return 'go', sooner
  end
  -- With less patience or notice, the caller would be back too late for an appointment. While others may know that the
  -- queue opens earlier, nothing is booked so late.
  local appointment = moment > latest and ask.patience >= WINDOW + 1.25 * LATE
    and moment >= now + WINDOW + LATE + OVERDUE and queue.last <= now + HORIZON
    and opens() <= math.max(now, queue.opens)
  if moment > latest and not appointment then return 'refused', moment end
  if owed then
    book(first)
    redis.call('RPUSH', KEYS[3], text(first))
    queue.streak = 0
  end
  if appointment then moment = code(bare(moment), ANYBODYS) end
  book(moment)
  queue.streak = queue.streak + 1
  if appointment then
    redis.call('ZADD', KEYS[2], text(moment), ask.ticket)
    return 'refused', moment
  end
  return 'go', moment
end

local function bulk()
  if ask.place < 0 or ask.place >= queue.next then ask.place, queue.next = queue.next, queue.next + 1 end
  local place = text(ask.place)
  redis.call('ZADD', KEYS[5], place, place)
  redis.call('HSET', KEYS[1], 'b' .. place, text(now + KEPT))
  bulk_waits()
  local ahead = redis.call('ZRANK', KEYS[5], place)
  local function leave()
    redis.call('ZREM', KEYS[5], place)
    redis.call('HDEL', KEYS[1], 'b' .. place)
  end
  local moment = moment_after(ahead, OWN)
  local sooner, take = kept(set_aside(ahead))
  local is_kept = sooner and sooner < moment
  if is_kept then moment = sooner end
  if moment <= now + no_less_than_notice(math.min(NEAR, ask.budget)) then
    if is_kept then
      take()
    else
      book(moment)
      queue.streak = 0
    end
    leave()
    return 'go', moment
  elseif moment > now + ask.budget then
    leave()
    return 'refused', moment
  end
  local again = math.min(moment - 0.8 * NEAR, now + LOOK)
  redis.call('HSET', KEYS[1], 'b' .. place, text(again + KEPT))
  return 'later', again
end

---- Seats: time without Redis is shared by the instances that asked recently, or were told to come back

local function holder(seat)
  local instance, kept_until = string.match(redis.call('HGET', KEYS[4], text(seat)) or '', '^(%S+) (%d+)$')
  kept_until = number(kept_until)
  return kept_until and kept_until >= now and kept_until <= now + FAR + ask.keptSeat and instance
end

-- The first free seat, among the first LOOKED_AT.
local function free_seat(count)
  for seat = 0, math.min(count, LOOKED_AT) - 1 do
    if not holder(seat) then return seat end
  end
end

local function sit(told)
  local count, fixed_until = string.match(redis.call('HGET', KEYS[4], 'count') or '', '^(%d+) (%d+)$')
  count, fixed_until = math.min(number(count) or 0, MOST_SEATS), number(fixed_until) or 0
  local fixed = fixed_until >= now and fixed_until <= now + HORIZON
  local seat = ask.seat
  local sits = seat and (holder(seat) == ask.instance or fixed and seat < count and not holder(seat))
  if fixed then
    if not sits then seat = count end
  else
    -- Move to an earlier seat, so that there are no more seats than instances.
    local better = free_seat(sits and seat or count)
    if sits and better then redis.call('HDEL', KEYS[4], text(seat)) end
    seat = better or sits and seat or count
  end
  redis.call('HSET', KEYS[4], text(seat), ask.instance .. ' ' .. text(math.max(told, now) + ask.keptSeat))
  count = math.max(count, seat + 1)
  for _ = 1, 100 do
    if fixed or count <= seat + 1 or holder(count - 1) then break end
    count = count - 1
    redis.call('HDEL', KEYS[4], text(count))
  end
  redis.call('HSET', KEYS[4], 'count', text(count) .. ' ' .. text(fixed_until))
  return seat, count
end

local verdict, moment
if ask.bulk then verdict, moment = bulk() else verdict, moment = person() end
local seat, seats = sit(moment)
-- Unless somebody waits, nobody needs to know of the others: so few calls do not need fixed turns.
local is_crowded = queue.last > now + 0.5 * WINDOW or bulk_waits()

local fields = {}
for _, name in ipairs(NUMBERS) do
  fields[#fields + 1] = name
  fields[#fields + 1] = name == 'pace' and tostring(queue[name]) or text(queue[name])
end
redis.call('HSET', KEYS[1], unpack(fields))
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, EXPIRY / 1000) end
local known_promised = math.min(queue.last, now + ask.patience)
return {verdict, now, moment, queue.asked, guard_of(moment), ask.place, known_promised, seat, is_crowded and seats or 1}
