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
-- While bulk waits, one moment of BULK_EVERY is set aside for it. While the queue settles (`closing.lua`), nothing is
-- booked: whoever has the time is told to ask again.

local BULK_EVERY = 5
-- An appointment is its ticket's. If another caller with the same ticket has one, this caller's is its instance's.
local HERE = ask.ticket .. ' ' .. ask.instance
-- The most places of departed callers that one request clears.
local CLEARED = 32
-- Retry-After is in whole seconds, so a caller with an appointment is back at most a second late; LATE after that, it
-- will not come.
local LATE = 0.2 * WINDOW
local OVERDUE = math.max(LATE, ask.patience - WINDOW - LATE)
local CROWDED = 0.1 * WINDOW
local NEAR, LOOK, KEPT = math.max(0.2 * WINDOW, ask.lead + 0.1 * WINDOW), 0.5 * WINDOW, WINDOW
local EXPIRY = 120 * WINDOW + HORIZON

local function new_number()
  queue.next = queue.next + 1
  return queue.next - 1
end

local function leave_place(place)
  redis.call('ZREM', KEYS[6], place)
  redis.call('HDEL', KEYS[1], 'b' .. place)
end

-- Whether bulk waits. A caller that does not ask again loses its place.
local function bulk_waits()
  for _ = 1, CLEARED do
    local first = redis.call('ZRANGE', KEYS[6], 0, 0)[1]
    if not first then return false end
    local kept_until = number(redis.call('HGET', KEYS[1], 'b' .. first))
    if kept_until and kept_until >= now and kept_until <= now + FAR then return true end
    leave_place(first)
  end
  return false
end

-- Drop the moments in a sorted set that nobody can have booked, and those that have passed. Returns whether any have.
local function drop_passed(key)
  redis.call('ZREMRANGEBYSCORE', key, '(' .. text(now + FAR), '+inf')
  return redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. text(math.max(now, queue.opens))) > 0
end

-- A booked moment that this caller may take: the first appointment whose caller should have come back by now, or the one
-- set aside for bulk with so many before it, if any are given. Returns it, and its key and member.
--
-- One that is set aside has priority if it is as near, because while bulk waits nobody else would take it.
local function kept(ahead)
  local from, overdue = text(earliest()), text(now + OVERDUE)
  local missed = redis.call('ZRANGEBYSCORE', KEYS[3], from, overdue, 'WITHSCORES', 'LIMIT', 0, 1)
  local aside = ahead and redis.call('ZRANGEBYSCORE', KEYS[4], from, '+inf', 'WITHSCORES', 'LIMIT', ahead, 1) or {}
  local its_moment, aside_moment = number(missed[2]), number(aside[2])
  local is_near = aside_moment and aside_moment <= now + LATE
  if its_moment and can_keep(its_moment) and not is_near then return its_moment, KEYS[3], missed[1] end
  if aside_moment and can_keep(aside_moment) then return aside_moment, KEYS[4], aside[1] end
end

-- Unless the caller is out of time, extend its budget to at least the notice it needs.
local function no_less_than_notice(budget)
  local has_time = ask.budget > 0 or ask.patience == 0
  return has_time and math.max(budget, ask.lead + 2000) or budget
end

local function own_appointment()
  for _, member in ipairs({HERE, ask.ticket}) do
    local moment = number(redis.call('ZSCORE', KEYS[3], member))
    if moment and moment >= now + ask.lead then return moment, member end
  end
end

local function person()
  local latest = now + no_less_than_notice(ask.budget)
  local own_moment, member = own_appointment()
  -- A caller that is back on time may be a little early by this clock.
  if own_moment and own_moment <= latest + GUARD_MAX then
    redis.call('ZREM', KEYS[3], member)
    return 'go', own_moment
  end
  if own_moment and member == HERE then return 'refused', own_moment end
  local bulk = bulk_waits()
  local sooner, key, owner = kept(not bulk and 0)
  local first = moment_after(0)
  -- While people fill the queue, every fifth moment is for bulk; beyond their patience, for bulk that may still come.
  local owed = queue.streak >= BULK_EVERY - 1 and (bulk or first > latest)
  local moment = moment_after(owed and 1 or 0)
  if sooner and sooner < moment and sooner <= latest then
    redis.call('ZREM', key, owner)
    return 'go', sooner
  end
  local in_time = moment <= latest
  -- With less patience or notice, the caller would be back too late for an appointment.
  local appointment = ask.patience >= WINDOW + 1.25 * LATE and moment >= now + WINDOW + LATE + OVERDUE
    and moment <= now + HORIZON
  if not in_time and not appointment then return 'refused', moment end
  if owed then
    redis.call('ZADD', KEYS[4], text(first), text(new_number()))
    book(first)
    queue.streak = 0
  end
  book(moment)
  queue.streak = queue.streak + 1
  if in_time then return 'go', moment end
  redis.call('ZADD', KEYS[3], text(moment), own_moment and HERE or ask.ticket)
  return 'refused', moment
end

local function bulk()
  if ask.place < 0 or ask.place >= queue.next then ask.place = new_number() end
  local place = text(ask.place)
  redis.call('ZADD', KEYS[6], place, place)
  redis.call('HSET', KEYS[1], 'b' .. place, text(now + KEPT))
  bulk_waits()
  local ahead = redis.call('ZRANK', KEYS[6], place)
  local moment = moment_after(ahead)
  local sooner, key, owner = kept(ahead)
  local is_kept = sooner and sooner < moment
  if is_kept then moment = sooner end
  if moment <= now + no_less_than_notice(math.min(NEAR, ask.budget)) then
    if is_kept then
      redis.call('ZREM', key, owner)
    else
      book(moment)
      queue.streak = 0
    end
    leave_place(place)
    return 'go', moment
  elseif moment > now + ask.budget then
    leave_place(place)
    return 'refused', moment
  end
  local again = math.min(moment - 0.8 * NEAR, now + LOOK)
  redis.call('HSET', KEYS[1], 'b' .. place, text(again + KEPT))
  return 'later', again
end

-- A caller that waits for a promised moment reminds the queue of it, and takes nothing.
local function reminder() return 'held', now end

local function wait()
  if queue.opens > now + no_less_than_notice(ask.budget) then return 'refused', queue.opens end
  return 'later', queue.settled
end

if not is_agreed() then return {'clock', now, now, queue.asked or 0} end
close_if_others_may_call()
measure()
book_turns()
redis.call('ZREMRANGEBYSCORE', KEYS[5], '(' .. text(now + HORIZON + ask.keptSeat), '+inf')
drop_passed(KEYS[3])
if drop_passed(KEYS[4]) then queue.streak = BULK_EVERY end
local answer = ask.reminds and reminder or is_settling() and wait or ask.bulk and bulk or person
local verdict, moment = answer()
local seat, seats = sit(moment)
-- Whether whoever asks next has to wait.
local is_crowded = moment_after(0) > now + ask.lead + CROWDED or bulk_waits()
save()
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, EXPIRY / 1000) end
local promised = math.min(math.max(queue.last, queue.opens - WINDOW), now + ask.patience)
return {verdict, now, moment, queue.asked, guard_of(moment), ask.place, promised, seat, is_crowded and seats or 0}
