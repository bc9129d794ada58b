-- Lets the next probe start, if the last one was this instance's.

for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
