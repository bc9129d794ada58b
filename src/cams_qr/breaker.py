"""A memory that CAMS is down: a circuit breaker, of this instance and, where there is Redis, of the account.

    closed ── no connection, or silence ──▶ open ◀───────────────┐
       ▲                                     │ a probe is due     │ no answer
       │                                     ▼                    │
       └────────────── any answer ────── half-open: one call, the probe

While open, nobody asks CAMS. Once a probe is due the first to come is it; the others are told what they are told while
it is open. An instance does nothing between invocations, so an answer that comes when the probe's caller has left
already is found by the next caller. When nobody asks, all is forgotten after MEMORY_SECONDS.
"""

import logging
import time
from typing import TYPE_CHECKING, Any

from cams_qr import logs
from cams_qr.problems import Problem, Unreachable

if TYPE_CHECKING:
    from cams_qr.store import Store

# Without any answer for so long, CAMS is silent; slow answers take less, and who waited less cannot tell.
SILENCE_SECONDS = 1.75
MEMORY_SECONDS = 5.0
# How long a probe may take to be answered, and how long after that the next may go.
PROBE_SECONDS = 0.5
PAUSE_SECONDS = 0.15
# Every so many probes one is given as long as silence takes: CAMS may be back, and slow.
_PATIENT_PROBE = 10

# What the instances of an account share are two keys that expire. The first is there while CAMS is down, and says why;
# the second while the next probe may not go yet. Returns the milliseconds until it may: 0 for the probe itself, and -1
# while closed. A second key that never expires, or not soon, is none of ours.
_ENTER = """
local reason = redis.call('GET', KEYS[1])
if not reason then return {-1, ''} end
local left = redis.call('PTTL', KEYS[2])
if ARGV[1] ~= '0' and (left < 0 or left > tonumber(ARGV[2])) then
  redis.call('SET', KEYS[2], '', 'PX', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {0, reason}
end
return {math.max(left, 1), reason}
"""


class CircuitOpen(Problem):
    """Nobody asks CAMS now; `retry_after` seconds from now the next probe may."""

    def __init__(self, retry_after: float) -> None:
        detail = "CAMS could not be reached a moment ago; ask again later."
        super().__init__("upstream_unavailable", detail, retry_after=retry_after)


class Breaker:
    """The breaker of all calls to one endpoint from one account; without a store, of this instance alone."""

    def __init__(self, account: str, endpoint: str, store: "Store | None" = None) -> None:
        self._keys = [f"cams-qr:{{{account}}}:breaker:{endpoint}:{part}" for part in ("down", "probe")]
        self._store = store
        self._enter: Any = store.script(_ENTER) if store else None
        self._reason: str | None = None
        self._until = 0.0
        self._next_probe = 0.0
        self._probes = 0

    def enter(self) -> float | None:
        """None while closed; else this caller is the probe, and has so many seconds for it.

        Raises CircuitOpen to everybody else while CAMS is down.
        """
        seconds = SILENCE_SECONDS if self._probes % _PATIENT_PROBE == _PATIENT_PROBE - 1 else PROBE_SECONDS
        wait = self._wait(seconds + PAUSE_SECONDS)
        if wait is None:
            return None
        if wait > 0:
            raise CircuitOpen(wait)
        self._probes += 1
        return seconds

    def check(self) -> None:
        """For who has waited since `enter`. Raises CircuitOpen where CAMS is down by now."""
        wait = self._wait(0.0)
        if wait is not None:
            raise CircuitOpen(wait)

    def postpone(self, seconds: float) -> None:
        """The probe got no permit, and would have got one so many seconds from now."""
        self._next_probe = time.monotonic() + seconds

    def answered(self) -> None:
        """CAMS has answered, if only with an error."""
        if self._reason is not None:
            self._until = 0.0
            self._turn(None)
            if self._store is not None:
                self._store.attempt(lambda client: client.delete(*self._keys), None)

    def failed(self, failure: Problem, seconds: float) -> None:
        """A query came to nothing; its last call waited so many seconds for CAMS."""
        if not isinstance(failure, Unreachable) or (failure.reason == "timeout" and seconds < SILENCE_SECONDS):
            return
        reason = failure.reason
        self._remember(reason)
        if self._store is not None:
            self._store.attempt(lambda client: client.set(self._keys[0], reason, px=_ms(MEMORY_SECONDS)), None)

    def _wait(self, probe: float) -> float | None:
        """Seconds until the next probe may go, which is kept from others for `probe` seconds where that is now.

        None while closed.
        """
        answer: Any = None
        if self._store is not None:
            arguments = (_ms(probe), _ms(MEMORY_SECONDS))
            answer = self._store.attempt(
                lambda client: self._enter(keys=self._keys, args=arguments, client=client), None
            )
        if answer is None:
            return self._wait_alone(probe)
        wait, reason = answer
        if wait < 0:
            self._until = 0.0
            return None
        self._remember(reason.decode(errors="replace"))
        return float(wait) / 1000

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
        self._until = time.monotonic() + MEMORY_SECONDS
        self._turn(reason)

    def _turn(self, reason: str | None) -> None:
        if (reason is None) != (self._reason is None):
            state = "available" if reason is None else "unavailable"
            logs.log(logging.WARNING, {"cams": state, "reason": reason})
        self._reason = reason


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
