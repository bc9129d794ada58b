"""A memory that CAMS is down: a circuit breaker, of this instance and, where there is Redis, of the account.

    closed ── no connection, or silence ──▶ open ◀───────────────┐
       ▲                                     │ a probe is due     │ no answer
       ├──── a late answer to any call ──────┤                    │
       │                                     ▼                    │
       └────────────── any answer ────── half-open: one call, the probe

While open, nobody asks CAMS. Once a probe is due the first to come is it; the others are told what they are told while
it is open. An instance does nothing between invocations, so an answer that comes when its caller has left already, be
it the one that met the silence or a probe, is found by the next caller. It also tells how slow CAMS is: what counts as
silence is twice as long as lately an answer took. When nobody asks, all is forgotten after MEMORY_SECONDS.
"""

import logging
import time
from typing import TYPE_CHECKING, Any

from cams_qr import logs
from cams_qr.problems import Problem, Unreachable

if TYPE_CHECKING:
    from cams_qr.redis_store import Store

# Without any answer for so long, CAMS is silent; slow answers take less, and who waited less cannot tell.
SILENCE_SECONDS = 1.75
MEMORY_SECONDS = 5.0
# How long a probe may take to be answered, and how long after that the next may go.
PROBE_SECONDS = 0.5
PAUSE_SECONDS = 0.15
# One probe at a time may be answered so late: CAMS may be back, and slow.
LATE_SECONDS = 5.0
# For so long what an answer took tells what to expect.
_SLOW_SECONDS = 60.0

# What the instances of an account share are three keys that expire. The first is there while CAMS is down, and says
# why; the second while the next probe may not go yet; the third while a probe may be answered late. Returns the
# milliseconds until the next probe may go: 0 for the probe itself, and -1 while closed; the reason; and whether the
# probe may be answered late. A key that never expires, or not soon, is none of ours.
_ENTER = """
local function left(key)
  local time = redis.call('PTTL', key)
  return time <= tonumber(ARGV[3]) and time or -1
end

local function take(key, time)
  if time == '0' or left(key) >= 0 then return 0 end
  redis.call('SET', key, '', 'PX', time)
  return 1
end

local reason = redis.call('GET', KEYS[1])
if not reason then return {-1, '', 0} end
if take(KEYS[2], ARGV[1]) == 0 then return {math.max(left(KEYS[2]), 1), reason, 0} end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {0, reason, take(KEYS[3], ARGV[2])}
"""


class CircuitOpen(Problem):
    """Nobody asks CAMS now; `retry_after` seconds from now the next probe may."""

    def __init__(self, retry_after: float) -> None:
        detail = "CAMS could not be reached a moment ago; ask again later."
        super().__init__("upstream_unavailable", detail, retry_after=retry_after)


class Breaker:
    """The breaker of all calls to one endpoint from one account; without a store, of this instance alone."""

    def __init__(self, account: str, endpoint: str, store: "Store | None" = None) -> None:
        self._keys = [f"cams-qr:{{{account}}}:breaker:{endpoint}:{part}" for part in ("down", "probe", "late")]
        self._store = store
        self._enter: Any = store.script(_ENTER) if store else None
        self._reason: str | None = None
        self._until = 0.0
        self._opened = 0.0
        self._next_probe = 0.0
        self._silence = 0.0
        self._slowness = 0.0
        self._slow_until = 0.0

    def enter(self, late: bool) -> float | None:
        """None while closed; else this caller is the probe, whose answer may come within so many seconds.

        They are LATE_SECONDS at most where the caller can wait for an answer so `late`, and PROBE_SECONDS else.
        Raises CircuitOpen to everybody else while CAMS is down.
        """
        wait, late = self._wait(PROBE_SECONDS + PAUSE_SECONDS, LATE_SECONDS if late else 0.0)
        if wait is None:
            return None
        if wait > 0:
            raise CircuitOpen(wait)
        return LATE_SECONDS if late else PROBE_SECONDS

    def check(self) -> None:
        """For who has waited since `enter`. Raises CircuitOpen where CAMS is down by now."""
        wait, _ = self._wait(0.0, 0.0)
        if wait is not None:
            raise CircuitOpen(wait)

    def in_doubt(self) -> bool:
        """Whether this instance has met silence so lately that CAMS may only be slow."""
        return self._reason == "timeout" and time.monotonic() - self._opened < SILENCE_SECONDS

    def postpone(self, seconds: float) -> None:
        """The probe could not be sent, for it had no permit or no connection; it can be so many seconds from now."""
        self._next_probe = time.monotonic() + seconds
        if self._store is not None and seconds == 0:
            self._store.attempt(lambda client: client.delete(*self._keys[1:]), None)

    def answered(self, seconds: float) -> None:
        """CAMS has answered, if only with an error, and took so many seconds at least."""
        self._silence = 0.0
        # Not all answers of a slow CAMS are slow.
        self._slowness = max(seconds, self._slowness / 2)
        self._slow_until = time.monotonic() + _SLOW_SECONDS
        if self._reason is not None:
            self._until = 0.0
            self._turn(None)
            if self._store is not None:
                self._store.attempt(lambda client: client.delete(*self._keys), None)

    def failed(self, failure: Problem, seconds: float) -> None:
        """A query came to nothing; its last call waited so many seconds for CAMS."""
        if not isinstance(failure, Unreachable) or (failure.reason == "timeout" and not self._is_silence(seconds)):
            return
        reason = failure.reason
        self._remember(reason)
        if self._store is not None:
            self._store.attempt(lambda client: client.set(self._keys[0], reason, px=_ms(MEMORY_SECONDS)), None)

    def _is_silence(self, seconds: float) -> bool:
        """Whether calls have waited for longer, these seconds and those since the last answer, than CAMS may take."""
        if seconds < SILENCE_SECONDS:
            return False
        self._silence += seconds
        return time.monotonic() >= self._slow_until or self._silence >= 2 * self._slowness

    def _wait(self, probe: float, late: float) -> tuple[float | None, bool]:
        """Seconds until the next probe may go, which is kept from others for `probe` seconds where that is now.

        None while closed. And whether its answer may come as `late`, which is kept from others for so many seconds.
        """
        answer: Any = None
        if self._store is not None:
            arguments = (_ms(probe), _ms(late), _ms(MEMORY_SECONDS))
            answer = self._store.attempt(
                lambda client: self._enter(keys=self._keys, args=arguments, client=client), None
            )
        if answer is None:
            return self._wait_alone(probe), late > 0
        wait, reason, is_late = answer
        if wait < 0:
            self._until = 0.0
            return None, False
        self._remember(reason.decode(errors="replace"))
        return float(wait) / 1000, bool(is_late)

    def _wait_alone(self, probe: float) -> float | None:
        now = time.monotonic()
        if now >= self._until:
            return None
        if now >= self._next_probe and probe:
            self._next_probe = now + probe
            self._until = now + MEMORY_SECONDS
            return 0.0
        return self._next_probe - now

    def _remember(self, reason: str) -> None:
        now = time.monotonic()
        if now >= self._until:
            self._opened = now
        self._until = now + MEMORY_SECONDS
        self._turn(reason)

    def _turn(self, reason: str | None) -> None:
        if (reason is None) != (self._reason is None):
            state = "available" if reason is None else "unavailable"
            logs.log(logging.WARNING, {"cams": state, "reason": reason})
        self._reason = reason


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
