-- What Redis keeps of an account's queue of booked moments. All scripts here begin with this.
--
-- Times are microseconds of the queue's clock: the server's, corrected for the changes to it that instances noticed.
--
-- KEYS[1]  the queue, a hash: a ring of when the last `limit` booked calls will have arrived at CAMS at the latest
--          (fields 0, 1, …), until when places of bulk are kept (b0, b1, …), and
--            limit, held          the quota in force; when a caller with that quota, or a smaller one, last asked
--            count, last          number of bookings so far; the last booked moment
--            asked, offset        when the queue was last asked; its clock minus the server's
--            opens, promised      nothing leaves before this, nor before forgotten promises up to this are past
--            known                when whoever closed the queue had last been answered
--            pace, paced, cut     the calls a second that CAMS accepts; as of when; when that was last lowered
--            low, high            the shortest and longest recent time from a moment to its answer
--            blur                 the recent clock error of an average instance
--            streak, next         people booked since the last bulk caller; the next place for bulk
-- KEYS[2]  appointments, a sorted set: the tickets of refused people, by moment
-- KEYS[3]  moments set aside for bulk, a sorted set: their numbers, by moment
-- KEYS[4]  seats, a hash: the holder of each, and until when; and their `count`, and until when that is fixed
-- KEYS[5]  bulk callers in the queue, a sorted set of places

local ask = cjson.decode(ARGV[1])
local WINDOW = ask.window

local NUMBERS = {
  'limit', 'held', 'count', 'last', 'asked', 'offset', 'opens', 'promised', 'known', 'pace', 'paced', 'cut', 'low',
  'high', 'blur', 'streak', 'next',
}

local function text(number) return string.format('%.0f', number) end

-- nil if the value is not a number, or too large for exact arithmetic.
local function number(value)
  local found = value and tonumber(value)
  return found and math.abs(found) < 2 ^ 53 and found or nil
end

local queue = {}
if redis.call('TYPE', KEYS[1]).ok == 'hash' then
  for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(NUMBERS))) do queue[NUMBERS[i]] = number(value) end
end

-- Whether nothing of it is missing, or makes no sense as a number.
local function is_complete()
  for _, name in ipairs(NUMBERS) do
    if not queue[name] then return false end
  end
  return true
end

local clock = redis.call('TIME')
local server = clock[1] * 1000000 + clock[2]
local now = server + (queue.offset or 0)

-- The calls a second that CAMS accepts, as far as known: a throttle lowers it, and time raises it.
local function pace()
  local grown = queue.limit * ask.growth * math.max(0, now - queue.paced) / WINDOW
  return math.min(queue.limit, queue.pace + grown)
end

local function save()
  local fields = {}
  for _, name in ipairs(NUMBERS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = name == 'pace' and tostring(queue[name]) or text(queue[name])
  end
  redis.call('HSET', KEYS[1], unpack(fields))
end
