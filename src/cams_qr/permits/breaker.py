"""The circuit breaker: remembers that CAMS is down, for this instance and, with Redis, for the account.

    closed ── no connection, or silence ──▶ open ◀───────────────┐
       ▲                                     │ a probe is due     │ no answer
       ├──── a late answer to any call ──────┤                    │
       │                                     ▼                    │
       └────────────── any answer ────── half-open: one call, the probe

While it is open, nobody calls CAMS. Once a probe is due, the next caller becomes the probe; the others are rejected as
before. An instance does nothing between invocations, so if an answer arrives after its caller has left, the next caller
finds it. A late answer also shows how slow CAMS is: for the next minute, silence must last twice as long as that answer
took before the breaker opens. If nobody calls, the breaker forgets everything after MEMORY_SECONDS.
"""

import logging
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cams_qr import logs
from cams_qr.lua import lua
from cams_qr.problems import Problem, Unreachable

if TYPE_CHECKING:
    from cams_qr.redis_store import Store

# No answer for this long counts as silence: slow answers take less, and a caller that waited less cannot tell.
SILENCE_SECONDS = 1.75
MEMORY_SECONDS = 5.0
# How long a probe may take, and how long after that the next one may start.
PROBE_SECONDS = 0.5
PAUSE_SECONDS = 0.15
# One probe at a time may be answered this late: CAMS may be back, but slow.
LATE_SECONDS = 5.0
# How long the next answers are expected to be as slow as the last.
_SLOW_SECONDS = 60.0


class CircuitOpen(Problem):
    """CAMS is down and is not called; the next probe may start in `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        detail = "CAMS could not be reached a moment ago; retry later."
        super().__init__("upstream_unavailable", detail, retry_after=retry_after)


class Breaker:
    """The breaker for all calls from one account to one endpoint; without a store, for this instance only."""

    def __init__(self, account: str, endpoint: str, store: "Store | None" = None) -> None:
        self._keys = [f"cams-qr:{{{account}}}:breaker:{endpoint}:{part}" for part in ("down", "probe", "late")]
        self._store = store
        self._enter: Any = store.script(lua(__file__, "enter")) if store else None
        self._hand_over: Any = store.script(lua(__file__, "hand_over")) if store else None
        self._instance = os.urandom(16).hex()
        self._reason: str | None = None
        self._until = 0.0
        self._doubtful_until = 0.0
        self._next_probe = 0.0
        self._silence = 0.0
        self._slowness = 0.0
        self._slow_until = 0.0

    def question(self) -> tuple[str, str]:
        """The command whose answer `enter` takes: whether CAMS is down."""
        return "EXISTS", self._keys[0]

    def enter(self, late: bool, answers: Sequence[int] = ()) -> float | None:
        """None while closed. Otherwise this caller is the probe; the result is how many seconds it may take.

        LATE_SECONDS if `late` is set (no other call of this instance may be answered late) and no other late probe is
        under way, else PROBE_SECONDS. Raises CircuitOpen for all other callers while CAMS is down.
        """
        if 0 in answers:
            self._close()
            return None
        wait, late = self._wait(PROBE_SECONDS + PAUSE_SECONDS, LATE_SECONDS if late else 0.0)
        if wait is None:
            return None
        if wait > 0:
            raise CircuitOpen(wait)
        return LATE_SECONDS if late else PROBE_SECONDS

    def check(self) -> None:
        """Check again after a long wait since `enter`. Raises CircuitOpen if CAMS is down by now."""
        wait, _ = self._wait(0.0, 0.0)
        if wait is not None:
            raise CircuitOpen(wait)

    def in_doubt(self) -> bool:
        """Whether a call of this instance met silence so recently that its late answer may show CAMS to be slow."""
        return self._reason == "timeout" and time.monotonic() < self._doubtful_until

    def postpone(self, seconds: float) -> None:
        """The probe had no permit and was not sent; without Redis, the next may start in `seconds`."""
        self._next_probe = time.monotonic() + seconds

    def hand_over_probe(self) -> None:
        """This instance's probe did not wait for its connection, which is ready now; the next caller may start one."""
        self._next_probe = 0.0
        if self._store is not None:
            self._store.attempt(lambda client: self._hand_over(client, self._keys[1:], [self._instance]), None)

    def record_answer(self, seconds: float) -> None:
        """CAMS has answered, even if with an error, and took at least `seconds`."""
        self._silence = 0.0
        # A slow CAMS also gives fast answers.
        self._slowness = max(seconds, self._slowness / 2)
        self._slow_until = time.monotonic() + _SLOW_SECONDS
        if self._reason is not None:
            self._until = 0.0
            self._set_reason(None)
            if self._store is not None:
                self._store.attempt(lambda client: client.execute("DEL", *self._keys), None)

    def record_failure(self, failure: Problem, seconds: float, late: bool) -> None:
        """A query failed; its last call waited `seconds` for CAMS, and may be answered `late`."""
        if not isinstance(failure, Unreachable) or (failure.reason == "timeout" and not self._is_silence(seconds)):
            return
        reason = failure.reason
        if late and time.monotonic() >= self._until:
            self._doubtful_until = time.monotonic() + SILENCE_SECONDS
        self._open(reason)
        if self._store is not None:
            self._store.attempt(
                lambda client: client.execute("SET", self._keys[0], reason, "PX", _ms(MEMORY_SECONDS)), None
            )

    def _is_silence(self, seconds: float) -> bool:
        """Whether calls have waited longer than CAMS may take: this one, plus those since the last answer."""
        if seconds < SILENCE_SECONDS:
            return False
        self._silence += seconds
        return time.monotonic() >= self._slow_until or self._silence >= 2 * self._slowness

    def _wait(self, probe: float, late: float) -> tuple[float | None, bool]:
        """Seconds until the next probe may start, None while closed; and whether its answer may come late.

        At 0 this caller is the probe: no other may start for `probe` seconds, and no other late one for `late` seconds.
        """
        answer: Any = None
        if self._store is not None:
            arguments = (_ms(probe), _ms(late), _ms(MEMORY_SECONDS), self._instance)
            answer = self._store.attempt(lambda client: self._enter(client, self._keys, arguments), None)
        if answer is None:
            return self._wait_locally(probe), late > 0
        wait, reason, is_late = answer
        if wait < 0:
            # Another instance closed it, or nobody has called for so long that it forgot.
            self._close()
            return None, False
        self._open(reason.decode(errors="replace"))
        return float(wait) / 1000, bool(is_late)

    def _wait_locally(self, probe: float) -> float | None:
        now = time.monotonic()
        if now >= self._until:
            return None
        if now >= self._next_probe and probe:
            self._next_probe = now + probe
            self._until = now + MEMORY_SECONDS
            return 0.0
        return self._next_probe - now

    def _close(self) -> None:
        self._until = 0.0
        self._set_reason(None)

    def _open(self, reason: str) -> None:
        self._until = time.monotonic() + MEMORY_SECONDS
        self._set_reason(reason)

    def _set_reason(self, reason: str | None) -> None:
        if (reason is None) != (self._reason is None):
            state = "available" if reason is None else "unavailable"
            logs.log(logging.WARNING, {"cams": state, "reason": reason})
        self._reason = reason


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
