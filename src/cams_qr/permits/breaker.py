"""The circuit breaker: remembers that CAMS is down, for this instance and, with Redis, for the account.

    closed ── no connection, or silence ──▶ open ── OPEN_SECONDS later, the next caller ──▶ half-open
       ▲                                     ▲                                               │    │
       │                                     └─────────────────── no answer ─────────────────┘    │
       └────────────────────────────────────── any answer ────────────────────────────────────────┘

While it is open, nobody calls CAMS. Half-open, one caller's own request is the probe; the next probe may start
OPEN_SECONDS after it, whatever becomes of it. An answer that took as long as silence shows that CAMS is slow: for
MEMORY_SECONDS, silence opens the breaker only if a caller waited for as long as it could.

All instances share one key: its value is why the breaker is open, or that CAMS is slow; its time to live says when the
next probe is due.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cams_qr import logs
from cams_qr.lua import lua
from cams_qr.problems import Problem, Unreachable

if TYPE_CHECKING:
    from cams_qr.redis_store import Client, Store

# No answer for this long counts as silence: a caller that waited less cannot tell.
SILENCE_SECONDS = 1.75
OPEN_SECONDS = 3.0
MEMORY_SECONDS = 60.0
# What the key may hold: why the breaker is open, or that CAMS is slow.
_REASONS = ("timeout", "dns", "tls", "connect")
_SLOW = "slow"
_TIMES_MS = int(MEMORY_SECONDS * 1000), int(OPEN_SECONDS * 1000)


class CircuitOpen(Problem):
    """CAMS is down and is not called; the next probe may start in `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        detail = "CAMS could not be reached a moment ago; retry later."
        super().__init__("upstream_unavailable", detail, retry_after=retry_after)


class Breaker:
    """The breaker for all calls from one account to one endpoint; without a store, for this instance only."""

    def __init__(self, account: str, endpoint: str, store: "Store | None" = None) -> None:
        self._key = f"cams-qr:{{{account}}}:breaker:{endpoint}"
        self._store = store
        self._claim: Any = store.script(lua(__file__, "breaker")) if store else None
        self._reason: str | None = None
        self._opened = self._due = self._slow_until = 0.0
        # Whether the last line in the log says that CAMS is unavailable.
        self._is_reported = False

    def question(self) -> tuple[str, str]:
        """The command whose answer `enter` takes: what all instances know."""
        return "GET", self._key

    def enter(self, answers: Sequence[bytes | None] = ()) -> bool:
        """Whether this caller is the probe; False while the breaker is closed. Raises CircuitOpen for all others.

        Redis is not asked again if `answers` are those to `question`.
        """
        self._read(answers)
        reason = self._reason
        if reason is None:
            return False
        wait = self._due - time.monotonic()
        if wait <= 0:
            claim = (*_TIMES_MS, reason)
            wait = self._attempt(lambda client: int(self._claim(client, [self._key], claim)), 0) / 1000
            self._due = time.monotonic() + (wait or OPEN_SECONDS)
        if wait > 0:
            raise CircuitOpen(wait)
        return True

    def check(self, since: float) -> None:
        """Raises CircuitOpen if the breaker has opened after `since`, on the monotonic clock."""
        self._read()
        if self._reason is not None and self._opened > since:
            raise CircuitOpen(OPEN_SECONDS)

    def record_answer(self, seconds: float) -> None:
        """CAMS has answered after `seconds`, even if with an error."""
        if self._is_reported:
            logs.log(logging.WARNING, {"cams": "available", "reason": None})
            self._is_reported = False
        if seconds >= SILENCE_SECONDS:
            self._share(_SLOW)
        elif self._reason is not None:
            self._share("")

    def record_failure(self, failure: Problem, seconds: float, patient: bool) -> None:
        """A call failed after `seconds`; its caller was `patient` if it waited for as long as it could."""
        if not isinstance(failure, Unreachable) or self._reason is not None:
            return
        proves = seconds >= SILENCE_SECONDS and (patient or time.monotonic() >= self._slow_until)
        if failure.reason != "timeout" or proves:
            self._share(failure.reason)
            self._due = time.monotonic() + OPEN_SECONDS

    def _read(self, answers: Sequence[bytes | None] = ()) -> None:
        for answer in answers or self._attempt(lambda client: [client.execute(*self.question())], []):
            self._learn(answer)

    def _share(self, state: str) -> None:
        """Let all instances know, too."""
        self._learn(state.encode())
        command = ("SET", self._key, state, "PX", _TIMES_MS[0]) if state else ("DEL", self._key)
        self._attempt(lambda client: client.execute(*command), None)

    def _attempt(self, operation: "Callable[[Client], Any]", default: Any) -> Any:
        return default if self._store is None else self._store.attempt(operation, default)

    def _learn(self, answer: bytes | None) -> None:
        """Take over what all instances know; if that is nothing, the breaker is closed, even if CAMS gave no answer."""
        known, now = answer.decode(errors="replace") if isinstance(answer, bytes) else "", time.monotonic()
        reason = known if known in _REASONS else None
        if reason and not self._reason:
            logs.log(logging.WARNING, {"cams": "unavailable", "reason": reason})
            self._opened, self._due, self._is_reported = now, 0.0, True
        self._reason = reason
        self._slow_until = now + MEMORY_SECONDS if known == _SLOW else 0.0
