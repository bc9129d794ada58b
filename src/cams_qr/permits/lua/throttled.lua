-- Records that CAMS throttled a call: lowers the pace, once for all calls booked at the previous pace. `pace` raises it
-- again over time.

if not is_sound() then return end
if ask.booked >= queue.paced then queue.pace, queue.paced = pace() * ask.decrease, now end
if ask.retryAfter > 0 then queue.opens = math.max(queue.opens, now + math.min(ask.retryAfter, ask.horizon)) end
save()
