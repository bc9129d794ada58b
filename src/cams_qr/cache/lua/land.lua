-- Ends a flight if this is its leader, and stores the entry that was fetched, if any, for so many milliseconds.
-- The keys are those of look.lua.

local token, entry, kept = unpack(ARGV)
if entry ~= '' then redis.call('SET', KEYS[1], entry, 'PX', kept) end
local leader = redis.pcall('GET', KEYS[2])
if type(leader) == 'string' and string.sub(leader, -#token) == token then redis.call('DEL', KEYS[2]) end
