-- Asks the circuit breaker whether CAMS may be called. Times are milliseconds.
--
--     closed (no `down`) ── no answer ──▶ open (`down`) ── no `probe`, and somebody asks ──▶ half-open (`down`, `probe`)
--       ▲                                  ▲                                                  │
--       │                                  └────────────── no answer: `probe` expires ────────┤
--       └────────────────────────────────────────────────────────────────────── any answer ───┘
--
-- KEYS[1]  down: the reason
-- KEYS[2]  probe: the instance that has the probe, until the next one may start
-- KEYS[3]  late: the instance whose probe may be answered late, until it no longer may
--
-- Returns the time until the next probe may start (0: this caller is the probe; -1: closed), the reason, and whether
-- the probe may be answered late.

local probe, late, memory, instance = unpack(ARGV)

-- A `probe` or `late` that does not expire within `memory` is not the breaker's, and is ignored.
local function left(key)
  local time = redis.call('PTTL', key)
  return time <= tonumber(memory) and time or -1
end

local function take(key, time)
  if time == '0' or left(key) >= 0 then return 0 end
  redis.call('SET', key, instance, 'PX', time)
  return 1
end

local reason = redis.call('GET', KEYS[1])
if not reason then return {-1, '', 0} end
if take(KEYS[2], probe) == 0 then return {math.max(left(KEYS[2]), 1), reason, 0} end
redis.call('PEXPIRE', KEYS[1], memory)
-- An instance asks for it only if no call of its own may still be answered late.
if late ~= '0' and redis.call('GET', KEYS[3]) == instance then redis.call('DEL', KEYS[3]) end
return {0, reason, take(KEYS[3], late)}
