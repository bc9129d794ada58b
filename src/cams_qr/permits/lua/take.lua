-- Books the moment at which one call may leave for CAMS, in a queue that all instances of an account share.
--
--             a moment within its patience
--   person ─────────────────────────────────▶ go: the call leaves at that moment, without asking again
--      │ ▲
--      ▼ │ comes back when told to
--   refused, with an appointment ──▶ overdue: goes to whoever asks next
--
--             a moment that is near, or one kept for bulk
--   bulk ───────────────────────────────────▶ go
--      │ ▲
--      ▼ │ asks again
--   refused
--
-- Times are microseconds of this server's clock. Nobody else knows it: answers say how long to wait.
-- A booking is the moment when a call may leave, and until when it may arrive: its caller's slack later.
--
-- KEYS[1]  the queue, a hash:
--            created, closed   when it was created; when it last closed, because others may call without it
--            opens             no call leaves before this
--            last, bulk        the last booked moment; the last that bulk took or that was kept for it
--            pace, paced       the calls a second that CAMS accepts; when that was last lowered
-- KEYS[2]  the last `limit` bookings, a list: until when each call may arrive, newest first
-- KEYS[3]  appointments, a sorted set by moment: the booking, when its caller will be back, and whose it is: an instance
--          and a ticket, so that people who ask for the same number at several instances have one each; or an instance
--          and `bulk`

local ask = cjson.decode(ARGV[1])
local WINDOW, HORIZON = ask.window, ask.horizon
-- How much later than its moment this caller's call may arrive.
local SLACK = ask.guard + ask.delay
-- Bulk takes what is free within this time.
local NEAR = 0.2 * WINDOW
-- After an outage, all instances have found Redis within this time.
local SETTLE = 0.6 * WINDOW
-- Who is not back this long after it was told to come back will not come.
local LATE = 0.2 * WINDOW
-- Whose appointment, and when its caller will be back, may not matter.
local ANYBODY, ANY_TIME = '', math.huge
-- More appointments would take long to search.
local MOST = 1000
local FIELDS = {'created', 'closed', 'opens', 'last', 'bulk', 'pace', 'paced'}

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local queue = {}

-- Reads the queue; false if a part is missing, or lies so far ahead that the clock was set back. Fails if a key is none
-- of ours.
local function is_known()
  for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(FIELDS))) do
    queue[FIELDS[i]] = tonumber(value)
  end
  for _, name in ipairs(FIELDS) do
    if not (queue[name] and queue[name] <= now + HORIZON) then return false end
  end
  -- The bookings that this run may use; no slack is as long as a window.
  redis.call('LTRIM', KEYS[2], 0, ask.limit - 1)
  for _, value in ipairs(redis.call('LRANGE', KEYS[2], -2, -1)) do
    local arrived = tonumber(value)
    if not (arrived and arrived <= now + HORIZON + WINDOW) then return false end
  end
  return redis.call('LINDEX', KEYS[2], 0) and redis.call('ZCARD', KEYS[3])
end

local function create()
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  redis.call('RPUSH', KEYS[2], 0)
  queue = {created = now, closed = 0, opens = 0, last = 0, bulk = 0, pace = ask.limit, paced = 0}
end

-- Closes the queue until calls that it does not know of have left the window.
local function close_if_others_may_call()
  -- Another queue answered this caller, or this one has lost what it granted, and others may still hold its promises.
  local is_another = ask.queue and ask.queue ~= queue.created and queue.closed < queue.created
  local is_short = ask.queue == queue.created and ask.held > math.max(queue.last, queue.closed)
  -- Instances called without the queue, and nobody has closed it since.
  local was_away = ask.lost > WINDOW and queue.closed < now - ask.lost
  if is_another or is_short or was_away then
    queue.closed = now
    queue.opens = math.max(queue.opens, now + math.max(ask.promised, SETTLE) + WINDOW + SLACK)
  end
end

-- The calls a second that CAMS accepts, as far as known: a throttle lowers it, and time raises it.
local function pace()
  local grown = ask.limit * ask.growth * (now - queue.paced) / WINDOW
  return math.min(ask.limit, math.max(ask.limit / 20, queue.pace) + grown)
end

local function next_moment()
  local pause = pace() < ask.limit and WINDOW / pace() or 0
  -- An instance with a smaller limit may have left fewer bookings.
  local arrived = redis.call('LINDEX', KEYS[2], ask.limit - 1) or redis.call('LINDEX', KEYS[2], -1)
  return math.ceil(math.max(now, queue.opens, queue.last + pause, arrived + WINDOW))
end

local function book(moment)
  redis.call('LPUSH', KEYS[2], moment + SLACK)
  queue.last = moment
  if ask.bulk then queue.bulk = moment end
end

-- Books a moment for a caller that will be back for it by some time; `owner` is the end of its member.
local function book_for(owner, moment, back)
  if moment > now + HORIZON or back + LATE + NEAR > moment or redis.call('ZCARD', KEYS[3]) >= MOST then return end
  book(moment)
  redis.call('ZADD', KEYS[3], moment, string.format('%.0f %.0f %.0f%s', moment, moment + SLACK, back, owner))
end

-- The first appointment until `latest` whose member ends with `owner`, whose caller was to be back by `due`, and whose
-- slack is enough for this caller to leave in time.
local function find(latest, owner, due)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], now, latest)) do
    local moment, arrives_by, back = string.match(member, '^(%d+) (%d+) (%d+)')
    local is_owners = string.sub(member, #member - #owner + 1) == owner
    if back and is_owners and tonumber(back) <= due and arrives_by - moment >= ask.delay + ask.way then
      return {member = member, moment = tonumber(moment), arrives_by = tonumber(arrives_by)}
    end
  end
end

-- Returns whether to call, the moment, and until when the call may arrive.
local function take()
  -- Who is back on time may be a little early.
  local latest = now + math.min(ask.budget, math.max(ask.patience, NEAR)) + 5000
  local class = ' ' .. (ask.bulk and 'bulk' or ask.ticket)
  local own = ' ' .. ask.instance .. class
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', math.max(now, queue.opens) - 1)
  redis.call('ZREMRANGEBYSCORE', KEYS[3], now + HORIZON + 1, '+inf')
  local moment = next_moment()
  -- One moment in a window is for bulk; if none of it comes in time, for whoever asks.
  if ask.bulk and moment > now + NEAR and moment >= queue.bulk + WINDOW then
    book_for(own, moment, moment - math.max(ask.patience - WINDOW, LATE + NEAR))
    moment = next_moment()
  end
  -- Its own, even if it is early; one of its class, which for people must be due; or anybody's that is overdue.
  local found = not ask.bulk and find('+inf', own, ANY_TIME)
    or find(latest, class, ask.bulk and ANY_TIME or now)
    or find(latest, ANYBODY, now - LATE)
  if found then
    if found.moment > latest then return false, found.moment, found.moment end
    redis.call('ZREM', KEYS[3], found.member)
    return true, found.moment, found.arrives_by
  end
  if moment <= latest and (moment <= now + NEAR or not ask.bulk) then
    book(moment)
    return true, moment, moment + SLACK
  end
  if not ask.bulk and moment >= now + ask.patience then
    -- Retry-After is in whole seconds.
    book_for(own, moment, now + math.ceil((moment - now - ask.patience) / 1000000) * 1000000)
  end
  return false, moment, moment
end

-- CAMS throttled a call: lowers the pace, once for all calls that were booked at the previous pace.
local function record_throttle()
  if ask.booked >= queue.paced then queue.pace, queue.paced = pace() * ask.decrease, now end
  queue.opens = math.max(queue.opens, now + math.min(ask.retryAfter, HORIZON))
end

local is_ours, known = pcall(is_known)
if not (is_ours and known) then create() end
close_if_others_may_call()
local go, moment, arrives_by = false, now, now
if ask.booked then record_throttle() else go, moment, arrives_by = take() end
for _, name in ipairs(FIELDS) do redis.call('HSET', KEYS[1], name, queue[name]) end
local expiry = math.ceil((120 * WINDOW + HORIZON) / 1000)
redis.call('PEXPIRE', KEYS[1], expiry)
redis.call('PEXPIRE', KEYS[2], expiry)
redis.call('PEXPIRE', KEYS[3], expiry)
-- Whether callers wait, and not only for a closed queue to open.
local is_crowded = queue.last > math.max(now, queue.opens) + NEAR
return {go and 1 or 0, moment - now, arrives_by - now, now, queue.created, is_crowded and 1 or 0, queue.last - now}
