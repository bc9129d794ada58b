"""The scripts of the account's queue, put together from the files in `lua/`."""

from cams_qr.lua import lua

TAKE = lua(__file__, "queue", "clock", "seats", "moments", "closing", "take")
THROTTLED = lua(__file__, "queue", "throttled")
