-- Looks up the entry of a query. If it is not fresh, and nobody is fetching one, the caller leads the query's flight.
-- Times are milliseconds.
--
--     free ── somebody looks ──▶ calling ◀──▶ queued ── it lands, or its lease ends ──▶ free
--
-- KEYS[1]  the entry, the JSON of entry_json.py
-- KEYS[2]  the flight's leader, until its lease ends: its phase and its token
--
-- Returns the entry, the time until it expires, and the leader, unless the entry is fresh. A leader that is no string,
-- or outlasts any lease, is replaced.

local ttl, caller, lease, longest = unpack(ARGV)

local entry, left = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
local lifetime = entry and string.match(entry, '^{"lifetime":([%d.]+)')
if lifetime and left > lifetime * 1000 - ttl then return {entry, left, false} end

local leader, leased = redis.pcall('GET', KEYS[2]), redis.call('PTTL', KEYS[2])
if type(leader) == 'string' and leased >= 0 and leased <= tonumber(longest) then return {entry, left, leader} end
redis.call('SET', KEYS[2], caller, 'PX', lease)
return {entry, left, caller}
