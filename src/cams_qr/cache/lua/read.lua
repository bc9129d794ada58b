-- Returns an entry, and the milliseconds until it expires.

return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}
