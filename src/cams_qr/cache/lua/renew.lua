-- Makes a leader's lease end so many milliseconds from now, at once if 0. Returns 0 if it has already ended.

local token, lease = unpack(ARGV)
if redis.call('GET', KEYS[1]) ~= token then return 0 end
return redis.call('PEXPIRE', KEYS[1], lease)
