"""The use case: a query, a permit, a call to CAMS, and again where that helps, until there is an outcome."""

import random
import time
from dataclasses import dataclass, field

from cams_qr.cams import ListQrCodes
from cams_qr.deadline import Deadline
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.settings import Settings
from cams_qr.throttle import Throttle

MAX_ATTEMPTS = 3

# What waiting for a permit must leave of the budget for the call itself.
_CALL_SECONDS = 0.5
_BACKOFF_SECONDS = 0.1


@dataclass(frozen=True)
class Budget:
    """The time one invocation has: until `answer` in all, until `permits` to begin its last call."""

    answer: Deadline
    permits: Deadline

    @classmethod
    def until(cls, answer: Deadline, patience: float | None) -> "Budget":
        """The budget of a caller that waits `patience` seconds for permits, or as long as there is time."""
        latest = answer.earlier(min(_CALL_SECONDS, answer.remaining() / 2))
        return cls(answer, latest if patience is None else min(latest, Deadline.after(patience)))


@dataclass
class Effort:
    """What a query has cost so far: calls made, seconds waited for permits, seconds spent on calls."""

    attempts: int = 0
    permit_wait: float = 0.0
    upstream: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a query ended; `query` is None where the event held none."""

    result: QrCodeList | Problem
    query: QrQuery | None = None
    effort: Effort = field(default_factory=Effort)


def ask(query: QrQuery, settings: Settings, throttle: Throttle, list_qr_codes: ListQrCodes, budget: Budget) -> Outcome:
    """Find the QR codes of a number within the budget. Raises no Problem: the outcome holds it."""
    effort = Effort()
    try:
        _check_allowed(query, settings)
        return Outcome(_ask_cams(query, throttle, list_qr_codes, budget, effort), query, effort)
    except Problem as problem:
        return Outcome(problem, query, effort)


def _check_allowed(query: QrQuery, settings: Settings) -> None:
    numbers, spaces = settings.allowed_phone_numbers, settings.allowed_cust_space_ids
    if numbers and query.phone_number not in numbers:
        raise Problem("not_allowed", "This deployment does not serve this phoneNumber.")
    if spaces and query.cust_space_id not in spaces:
        raise Problem("not_allowed", "This deployment does not serve this custSpaceId; give one that it serves.")


def _ask_cams(
    query: QrQuery, throttle: Throttle, list_qr_codes: ListQrCodes, budget: Budget, effort: Effort
) -> QrCodeList:
    """Call CAMS up to MAX_ATTEMPTS times, each with a permit of its own."""
    failure: Problem | None = None
    while True:
        waiting = time.monotonic()
        try:
            with throttle.permit(budget.permits):
                effort.permit_wait += time.monotonic() - waiting
                effort.attempts += 1
                started = time.monotonic()
                try:
                    return list_qr_codes(query, budget.answer)
                except Problem as problem:
                    failure = problem
                finally:
                    effort.upstream += time.monotonic() - started
        except Problem as refusal:
            effort.permit_wait += time.monotonic() - waiting
            # A retry refused a permit says less than the failure that made it necessary.
            raise failure or refusal from None
        pause = _pause_before_retry(failure, effort.attempts)
        if pause is None or pause > budget.permits.remaining():
            raise failure
        time.sleep(pause)


def _pause_before_retry(failure: Problem, attempts: int) -> float | None:
    """Seconds to wait before asking again, or None where that would not help. Listing codes is idempotent."""
    if failure.code == "credentials_unavailable" and failure.upstream and attempts == 1:
        return 0.0
    if not failure.retryable or attempts == MAX_ATTEMPTS:
        return None
    if failure.retry_after is not None:
        return failure.retry_after + random.uniform(0, _BACKOFF_SECONDS)
    if failure.code == "throttled":
        return random.uniform(0.5, 1.0) * attempts
    return random.uniform(0, _BACKOFF_SECONDS * 2**attempts)
