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
-- While bulk waits, one moment of BULK_EVERY is set aside for it. While the queue settles (`closing.lua`), no moment is
-- near, and people wait as bulk does.

local BULK_EVERY = 5
-- An appointment is its ticket's. If another caller with the same ticket has one, this caller's is its instance's.
local HERE = ask.ticket .. ' ' .. ask.instance
-- The most places of departed callers that one request clears.
local CLEARED = 32
-- Retry-After is in whole seconds, so a caller with an appointment is back at most a second late; LATE after that, it
-- will not come.
local LATE = 0.2 * WINDOW
local OVERDUE = ask.patience - WINDOW - LATE
local NEAR, LOOK, KEPT = math.max(0.2 * WINDOW, ask.lead + 0.1 * WINDOW), 0.5 * WINDOW, WINDOW
local EXPIRY = 120 * WINDOW + HORIZON

-- Drop moments that have passed, and what nobody can have stored.
local function tidy()
  for i = 3, 6 do
    local dropped = redis.pcall('ZREMRANGEBYSCORE', KEYS[i], now + FAR + 1, '+inf')
    if type(dropped) == 'table' then redis.call('DEL', KEYS[i]) end
  end
  for i = 3, 4 do redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', math.max(now, queue.opens) - 1) end
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', now - EXPIRY - 1)
end

-- The first moment for a caller behind so many others: a new one; or one that was booked, if it is sooner, with its key
-- and member: the first appointment whose caller should have come back by now, or one set aside for bulk.
local function soonest(others, bulk_ahead)
  local moment, its_key, owner = moment_after(others), nil, nil
  for _, kept in ipairs({{KEYS[3], OVERDUE, 0}, bulk_ahead and {KEYS[4], FAR, bulk_ahead} or nil}) do
    local key, within, ahead = unpack(kept)
    local latest = now + math.min(within, ask.budget)
    local found = redis.call('ZRANGEBYSCORE', key, earliest(), latest, 'WITHSCORES', 'LIMIT', ahead, 1)
    local sooner = number(found[2]) or moment
    if sooner < moment and can_keep(sooner) then moment, its_key, owner = sooner, key, found[1] end
  end
  return moment, its_key, owner
end

local function go(moment, key, owner)
  if key then redis.call('ZREM', key, owner) else book(moment) end
  return 'go', moment
end

local function own_appointment()
  for _, member in ipairs({HERE, ask.ticket}) do
    local moment = number(redis.call('ZSCORE', KEYS[3], member))
    if moment and moment >= now + ask.lead and can_keep(moment) then return moment, member end
  end
end

-- The member for a place whose caller asks again at some time.
local function place_until(again) return string.format('%.0f %s', again + KEPT, ask.instance) end

-- Whether bulk waits. A caller that does not ask again loses its place.
local function bulk_waits()
  for _, place in ipairs(redis.call('ZRANGE', KEYS[6], 0, CLEARED - 1)) do
    local kept_until = number(string.match(place, '^%d+'))
    if kept_until and kept_until >= now and kept_until <= now + FAR then return true end
    redis.call('ZREM', KEYS[6], place)
  end
  return false
end

local function person()
  local latest = now + ask.budget
  local own_moment, member = own_appointment()
  -- A caller that is back on time may be a little early by this clock.
  if own_moment and own_moment <= latest + GUARD_MAX then return go(own_moment, KEYS[3], member) end
  if own_moment and member == HERE then return 'refused', own_moment end
  local bulk, first = bulk_waits(), moment_after(0)
  -- While people fill the queue, every fifth moment is for bulk; beyond their patience, for bulk that may still come.
  local owed = queue.streak >= BULK_EVERY - 1 and (bulk or first > latest)
  local moment, key, owner = soonest(owed and 1 or 0, not bulk and 0)
  if key then return go(moment, key, owner) end
  -- With less patience, the caller would be back too late for an appointment.
  local appointment = OVERDUE >= LATE and moment >= now + ask.patience and moment <= now + HORIZON
  if moment > latest and not appointment then return 'refused', moment end
  if owed then
    redis.call('ZADD', KEYS[4], first, string.format('%.0f %s', now, ask.instance))
    book(first)
    queue.streak = 0
  end
  queue.streak = queue.streak + 1
  if moment <= latest then return go(moment) end
  moment = for_any(moment)
  book(moment)
  redis.call('ZADD', KEYS[3], moment, own_moment and HERE or ask.ticket)
  return 'refused', moment
end

-- Bulk, and everybody while the queue settles.
local function in_line()
  ask.place = ask.place < 0 and now or math.max(now - EXPIRY, math.min(ask.place, now))
  bulk_waits()
  local ahead = redis.call('ZCOUNT', KEYS[6], '-inf', ask.place - 1)
  local moment, key, owner = soonest(ahead, ahead)
  if moment <= now + math.min(NEAR, ask.budget) then
    if not key then queue.streak = 0 end
    return go(moment, key, owner)
  end
  local own_moment = not ask.bulk and own_appointment()
  local is_kept = own_moment and own_moment <= now + ask.budget
  if moment > now + ask.budget and not is_kept then return 'refused', moment end
  local again = math.floor(math.min(moment - 0.8 * NEAR, now + LOOK))
  redis.call('ZADD', KEYS[6], ask.place, place_until(again))
  return 'later', again
end

-- A caller that waits for a promised moment reminds the queue of it (`closing.lua`), and takes nothing.
local function reminder() return 'held', now end

if not is_agreed() then return {'clock', now, now, queue.asked or 0} end
close_if_others_may_call()
measure()
tidy()
redis.call('ZREM', KEYS[6], place_until(ask.again))
local answer = ask.reminds and reminder or (ask.bulk or is_settling()) and in_line or person
local verdict, moment = answer()
local seat, seats = sit(moment)
-- Whether whoever asks next has to wait.
local is_crowded = moment_after(0) > now + NEAR or bulk_waits()
save()
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, math.ceil(EXPIRY / 1000)) end
local promised = math.min(math.max(last(), queue.opens - WINDOW), now + ask.patience)
return {verdict, now, moment, queue.asked, ask.place, promised, seat, is_crowded and seats or 0}
