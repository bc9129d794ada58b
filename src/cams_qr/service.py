"""The use case: a query, what is known of it, else a permit and a call to CAMS, until there is an outcome."""

import random
import time
from typing import NamedTuple

from cams_qr.cache import Cache, Entry, Flight
from cams_qr.cams import Cams
from cams_qr.deadline import Deadline
from cams_qr.outcome import CacheStatus, CacheUse, Effort, Outcome
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.settings import Settings
from cams_qr.throttle import Throttle

MAX_ATTEMPTS = 3

# What waiting for a permit must leave of the budget for the call itself.
_CALL_SECONDS = 0.5
_BACKOFF_SECONDS = 0.1
# How long all callers hold back when CAMS throttles and does not say for how long.
_PUSHBACK_SECONDS = 1.0
_MAX_PUSHBACK_SECONDS = 60.0
# CAMS is down or throttling: an old list is better than none.
_STALE_FOR = frozenset({"throttled", "upstream_unavailable", "upstream_timeout"})


class Budget(NamedTuple):
    """The time one invocation has: until `answer` in all, until `calls` to begin its last call.

    Of that it waits `patience` seconds for permits, or as long as there is time.
    """

    answer: Deadline
    calls: Deadline
    patience: float | None

    @classmethod
    def until(cls, answer: Deadline, patience: float | None) -> "Budget":
        """The budget of a caller that wants its answer by then."""
        return cls(answer, answer.earlier(min(_CALL_SECONDS, answer.remaining() / 2)), patience)

    def permit(self, waited: float) -> Deadline:
        """Until when to wait for a permit, having waited so many seconds for others."""
        return self.calls if self.patience is None else min(self.calls, Deadline.after(self.patience - waited))


class Service:
    """The use case, with the parts it uses."""

    def __init__(self, settings: Settings, cache: Cache, throttle: Throttle, cams: Cams) -> None:
        self.settings = settings
        self.cache = cache
        self.throttle = throttle
        self.cams = cams

    def ask(self, query: QrQuery, budget: Budget) -> Outcome:
        """Find the QR codes of a number within the budget. Raises no Problem: the outcome holds it."""
        effort = Effort()
        try:
            self._check_allowed(query)
        except Problem as problem:
            return Outcome(problem, effort, query)
        if budget.calls.remaining() <= 0:
            return self._without_asking(query, effort)
        known = self.cache.find(query)
        if known is not None and self.cache.fresh_seconds(known) > 0:
            return self._known(known, "hit", query, effort)
        started = time.monotonic()
        try:
            with self.cache.flight(query, budget.permit(waited=0)) as flight:
                effort.permit_wait = time.monotonic() - started
                if flight.landed is not None:
                    return self._known(flight.landed, "collapsed", query, effort)
                entry = self._lead(query, budget, effort, flight)
                if not self.cache.enabled:
                    return Outcome(entry.result, effort, query)
                return self._known(entry, "miss" if known is None else "expired", query, effort)
        except Problem as problem:
            return self._stale(known, problem, query, effort) or Outcome(problem, effort, query)

    def _without_asking(self, query: QrQuery, effort: Effort) -> Outcome:
        """The time is up for anything but what this instance knows; even asking Redis would add up in a batch."""
        known = self.cache.recall(query)
        if known is not None and self.cache.fresh_seconds(known) > 0:
            return self._known(known, "hit", query, effort)
        problem = Problem("throttled", "The function's time was up before this could be asked; ask again for it alone.")
        return self._stale(known, problem, query, effort) or Outcome(problem, effort, query)

    def _check_allowed(self, query: QrQuery) -> None:
        numbers, spaces = self.settings.allowed_phone_numbers, self.settings.allowed_cust_space_ids
        if numbers and query.phone_number not in numbers:
            raise Problem("not_allowed", "This deployment does not serve this phoneNumber.")
        if spaces and query.cust_space_id not in spaces:
            raise Problem("not_allowed", "This deployment does not serve this custSpaceId; give one that it serves.")

    def _lead(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> Entry:
        """Ask CAMS, and leave the answer to those who wait for it."""
        try:
            return self.cache.remember(query, self._ask_cams(query, budget, effort, flight))
        except Problem as problem:
            self.cache.remember(query, problem)
            raise

    def _known(self, entry: Entry, status: CacheStatus, query: QrQuery, effort: Effort) -> Outcome:
        use = CacheUse(status, entry.age(), self.cache.fresh_seconds(entry))
        return Outcome(entry.result, effort, query, use)

    def _stale(self, known: Entry | None, problem: Problem, query: QrQuery, effort: Effort) -> Outcome | None:
        if known is None or not isinstance(known.result, QrCodeList) or problem.code not in _STALE_FOR:
            return None
        use = CacheUse("stale", known.age(), self.cache.fresh_seconds(known), problem.code)
        return Outcome(known.result.model_copy(update={"stale": True}), effort, query, use)

    def _ask_cams(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> QrCodeList:
        """Call CAMS up to MAX_ATTEMPTS times, each with a permit of its own."""
        failure: Problem | None = None
        while True:
            try:
                return self._attempt(query, budget, effort, flight)
            except Problem as problem:
                # A retry refused a permit says less than the failure that made it necessary.
                if failure is not None and problem.code == "throttled" and problem.upstream is None:
                    raise failure from None
                failure = problem
            if failure.code == "throttled" and failure.upstream is not None:
                self.throttle.pushback(
                    min(failure.retry_after or _PUSHBACK_SECONDS * effort.attempts, _MAX_PUSHBACK_SECONDS)
                )
            pause = _pause_before_retry(failure, effort)
            if pause is None or pause > budget.calls.remaining():
                raise failure
            time.sleep(pause)

    def _attempt(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> QrCodeList:
        started = time.monotonic()
        # Before the permit, for a call must leave when it is granted: a connection takes several round trips.
        try:
            self.cams.prepare(budget.answer)
        except Problem:
            effort.attempts += 1
            raise
        waiting = time.monotonic()
        effort.upstream += waiting - started
        granted = None
        try:
            with self.throttle.permit(budget.permit(effort.permit_wait), flight.waiting):
                granted = time.monotonic()
                effort.attempts += 1
                flight.extend(budget.answer.remaining())
                return self.cams.list_qr_codes(query, budget.answer)
        finally:
            ended = time.monotonic()
            effort.permit_wait += (granted or ended) - waiting
            effort.upstream += ended - (granted or ended)


def _pause_before_retry(failure: Problem, effort: Effort) -> float | None:
    """Seconds to wait before asking again, or None where that would not help. Listing codes is idempotent."""
    attempts = effort.attempts
    if attempts == MAX_ATTEMPTS:
        return None
    if failure.code == "credentials_unavailable" and failure.upstream and not effort.credentials_refused:
        effort.credentials_refused = True
        return 0.0
    refused_a_permit = failure.code == "throttled" and failure.upstream is None
    if not failure.retryable or refused_a_permit:
        return None
    if failure.retry_after is not None:
        return failure.retry_after + random.uniform(0, _BACKOFF_SECONDS)
    if failure.code == "throttled":
        return _PUSHBACK_SECONDS + random.uniform(0, _BACKOFF_SECONDS) * attempts
    return random.uniform(0, _BACKOFF_SECONDS * 2**attempts)
