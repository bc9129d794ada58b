-- Claims the circuit breaker's probe. Times are milliseconds.
--
-- KEYS[1]  why the breaker is open; it was opened, or its last probe began, when this key had `memory` left
-- ARGV     `memory`; how long after that the next probe may start; what this caller has read in KEYS[1]
--
-- Returns the time until the next probe may start; 0: this caller is the probe, or what it has read is no longer so. A
-- key that has no time to live, or more than `memory`, is not the breaker's, and becomes so.

local memory, open = tonumber(ARGV[1]), tonumber(ARGV[2])
if redis.call('GET', KEYS[1]) ~= ARGV[3] then return 0 end
local left = redis.call('PTTL', KEYS[1])
if left > memory - open and left <= memory then return left - (memory - open) end
redis.call('PEXPIRE', KEYS[1], memory)
return 0
