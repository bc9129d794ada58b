-- What Redis keeps of an account's queue of booked moments. The queue's scripts begin with this.
--
-- Times are microseconds of the queue's clock: the server's, corrected for the changes to it that instances noticed.
-- A moment, when a call may leave, is in whole milliseconds. Its last three digits, which would be microseconds, are
-- its tolerance: how many milliseconds later the call may arrive.
--
-- KEYS[1]  its state, a hash:
--            asked, offset   when the queue was last asked; its clock minus the server's
--            opens, closed   CAMS accepts nothing before this; when the queue was last closed
--            pace, paced     the calls a second that CAMS accepts; when that was last lowered
--            least, spread   the shortest recent time from a moment to its answer; how much longer others took
--            blur            how much an instance's clock may be off, the most of recent questions
--            streak          people booked since the last bulk caller
-- KEYS[2]  arrivals, a list: when the last `limit` booked calls will have arrived at CAMS at the latest, newest first
-- KEYS[3]  appointments, a sorted set: tickets of people who were told to come back, some with instances, by moment
-- KEYS[4]  moments set aside for bulk, a sorted set: who booked them, by moment
-- KEYS[5]  seats, a sorted set: their numbers, by until when they are held
-- KEYS[6]  places in line, a sorted set: until when they are kept, and their instances, by when their callers came

local ask = cjson.decode(ARGV[1])
local WINDOW, HORIZON = ask.window, ask.horizon
-- No later time than this is ever stored.
local FAR = HORIZON + 4 * WINDOW

local NUMBERS = {'asked', 'offset', 'opens', 'closed', 'pace', 'paced', 'least', 'spread', 'blur', 'streak'}

-- nil if the value is not a number, or too large for exact arithmetic.
local function number(value)
  local found = value and tonumber(value)
  return found and math.abs(found) < 2 ^ 53 and found or nil
end

local function tolerance_of(moment) return moment % 1000 * 1000 end

local function arrival(moment) return moment + tolerance_of(moment) end

local queue = {}
for i, value in ipairs(redis.pcall('HMGET', KEYS[1], unpack(NUMBERS))) do queue[NUMBERS[i]] = number(value) end

local clock = redis.call('TIME')
local server = clock[1] * 1000000 + clock[2]
local now = server + (queue.offset or 0)

-- Whether the queue is complete, and all of it may be its own.
local function is_sound()
  for _, name in ipairs(NUMBERS) do
    local value = queue[name]
    if not value or value > now + FAR or value < 0 and name ~= 'offset' then return false end
  end
  return redis.call('TYPE', KEYS[2]).ok == 'list'
end

-- The calls a second that CAMS accepts, as far as known: a throttle lowers it, and time raises it.
local function pace()
  local grown = ask.limit * ask.growth * math.max(0, now - queue.paced) / WINDOW
  return math.min(ask.limit, math.max(ask.limit / 20, queue.pace) + grown)
end

local function save()
  local fields = {}
  for _, name in ipairs(NUMBERS) do
    fields[#fields + 1], fields[#fields + 2] = name, queue[name]
  end
  redis.call('HSET', KEYS[1], unpack(fields))
end
