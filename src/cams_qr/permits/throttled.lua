-- Records that CAMS throttled a call: lowers the queue's pace, once for all calls booked at the previous pace.
--
-- KEYS[1] is the queue, a hash; take.lua describes it, and raises the pace again over time.

local ask = cjson.decode(ARGV[1])

if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return end
local queue = {}
local NAMES = {'limit', 'offset', 'opens', 'pace', 'paced', 'cut'}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(NAMES))) do
  queue[NAMES[i]] = value and tonumber(value)
  if not queue[NAMES[i]] then return end
end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2] + queue.offset

local function write(name, value) redis.call('HSET', KEYS[1], name, value) end

if ask.booked >= queue.cut then
  local grown = queue.limit * ask.growth * math.max(0, now - queue.paced) / ask.window
  local pace = math.min(queue.limit, queue.pace + grown)
  write('pace', tostring(math.max(queue.limit / 20, pace * ask.decrease)))
  write('paced', string.format('%.0f', now))
  write('cut', string.format('%.0f', now))
end
if ask.retryAfter > 0 then
  write('opens', string.format('%.0f', math.max(queue.opens, now + math.min(ask.retryAfter, ask.horizon))))
end
