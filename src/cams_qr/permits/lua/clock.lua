-- What time it is on the queue's clock, so that no change of the server's clock shortens or lengthens a wait.
--
-- Every question states the time that its instance expects (`heard`), how much it may be off (`doubt`), and whether the
-- instance has concluded from an earlier answer that the server's clock was changed (`stepped`).

-- Whether the caller and the queue agree on the time. Otherwise the caller does not know it precisely enough, the
-- server's clock was changed, the caller was frozen, or Redis was frozen and the caller has given up by now.
local function is_agreed()
  if queue.asked and queue.asked <= now + HORIZON then now = math.max(now, queue.asked) end
  if ask.stepped then now = math.max(ask.heard, math.min(queue.asked or 0, now)) end
  return ask.stepped or ask.heard and math.abs(now - ask.heard) <= ask.doubt
end
