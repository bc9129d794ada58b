-- Records that CAMS throttled a call: lowers the line's pace, once for all calls booked at the previous pace.
--
-- KEYS[1] is the line, a hash; take.lua describes it, and raises the pace again over time.

local ask = cjson.decode(ARGV[1])

if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return end
local line = {}
local NAMES = {'limit', 'offset', 'opens', 'pace', 'paced', 'cut'}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(NAMES))) do
  line[NAMES[i]] = value and tonumber(value)
  if not line[NAMES[i]] then return end
end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2] + line.offset

local function write(name, value) redis.call('HSET', KEYS[1], name, value) end

if ask.booked >= line.cut then
  local pace = math.min(line.limit, line.pace + line.limit * ask.growth * math.max(0, now - line.paced) / ask.window)
  write('pace', tostring(math.max(line.limit / 20, pace * ask.decrease)))
  write('paced', string.format('%.0f', now))
  write('cut', string.format('%.0f', now))
end
if ask.retryAfter > 0 then
  write('opens', string.format('%.0f', math.max(line.opens, now + math.min(ask.retryAfter, ask.horizon))))
end
