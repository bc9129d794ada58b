-- Takes the lead of a query's flight. Times are milliseconds.
--
--     free ── somebody asks ──▶ led (the key holds the leader's token) ── its lease ends, or it lands ──▶ free
--
-- Returns how much is left of another caller's lease, or 0. A lock of another type, or one that outlasts any lease, is
-- taken over.

local token, lease, longest = unpack(ARGV)
local is_ours, left = redis.call('TYPE', KEYS[1]).ok == 'string', redis.call('PTTL', KEYS[1])
if is_ours and left >= 0 and left <= tonumber(longest) then return math.max(left, 1) end
redis.call('SET', KEYS[1], token, 'PX', lease)
return 0
