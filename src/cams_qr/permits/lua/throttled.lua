-- Records that CAMS throttled a call: lowers the pace, once for all calls booked at the previous pace. `pace` raises it
-- again over time.

if not is_complete() then return end
if ask.booked >= queue.cut then
  queue.pace = math.max(queue.limit / 20, pace() * ask.decrease)
  queue.paced, queue.cut = now, now
end
if ask.retryAfter > 0 then queue.opens = math.max(queue.opens, now + math.min(ask.retryAfter, ask.horizon)) end
save()
