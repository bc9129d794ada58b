"""The use case: a query, what is known of it, else a permit and a call to CAMS, until there is an outcome."""

import random
import time
from contextlib import suppress
from typing import NamedTuple

from cams_qr.cache.cache import Cache
from cams_qr.cache.entry import Entry
from cams_qr.cache.flight import Flight
from cams_qr.cams.operation import Cams
from cams_qr.deadline import Deadline, DepartureMissed
from cams_qr.outcome import CacheStatus, CacheUse, Effort, Outcome
from cams_qr.permits.breaker import PROBE_SECONDS, Breaker, CircuitOpen
from cams_qr.permits.throttle import Caller, Permit, Throttle
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.settings import Settings

MAX_ATTEMPTS = 3

# What waiting for a permit must leave of the budget for the call itself.
_CALL_SECONDS = 0.5
_BACKOFF_SECONDS = 0.1
# CAMS found its window full, and does not say until when: by then it is another.
_THROTTLED_SECONDS = 1.0
# How long CAMS may take where an old list is known; how long the probe of a breaker is waited for then; and how long
# the answer counts that came too late.
_IMPATIENT_SECONDS = 1.8
_PROBE_WAIT_SECONDS = 0.03
_LATE_SECONDS = 10.0
# Who has waited so long asks once more whether CAMS is down.
_LONG_WAIT_SECONDS = 0.05
# CAMS is down or throttling: an old list is better than none.
_STALE_FOR = frozenset({"throttled", "upstream_unavailable", "upstream_timeout"})


class _LeadLost(Exception):
    """Another instance leads the flight, or has landed: this one was frozen for longer than its lease."""


class Budget(NamedTuple):
    """The time one invocation has: until `answer` in all, until `calls` to begin its last call.

    Of that it waits `patience` seconds for permits, and `cams` seconds for CAMS, or as long as there is time. A call
    may be answered until `late`, which its caller need not wait for. A probe does not ask again whether CAMS is down.
    """

    answer: Deadline
    calls: Deadline
    patience: float | None
    cams: float | None = None
    late: Deadline | None = None
    probe: bool = False

    @classmethod
    def until(cls, answer: Deadline, patience: float | None) -> "Budget":
        """The budget of a caller that wants its answer by then."""
        return cls(answer, answer.earlier(min(_CALL_SECONDS, answer.remaining() / 2)), patience)

    def impatient(self) -> "Budget":
        """The budget of this caller, which has an old list."""
        return self._replace(cams=_IMPATIENT_SECONDS, late=min(self.answer, Deadline.after(_LATE_SECONDS)))

    def of_probe(self, seconds: float) -> "Budget":
        """The budget of this caller's probe that may take so many seconds; an impatient one leaves it to itself."""
        end = min(self.answer, Deadline.after(seconds))
        wait = end if self.cams is None else min(end, Deadline.after(_PROBE_WAIT_SECONDS))
        return Budget(wait, wait, _PROBE_WAIT_SECONDS, late=end, probe=True)

    def permit(self, waited: float) -> Deadline:
        """Until when to wait for a permit, having waited so many seconds for others."""
        return self.calls if self.patience is None else min(self.calls, Deadline.after(self.patience - waited))

    def call(self, spent: float) -> Deadline:
        """Until when to wait for CAMS, having waited so many seconds for it."""
        return self.answer if self.cams is None else min(self.answer, Deadline.after(self.cams - spent))


class Service:
    """The use case, with the parts it uses."""

    def __init__(self, settings: Settings, cache: Cache, throttle: Throttle, cams: Cams, breaker: Breaker) -> None:
        self.settings = settings
        self.cache = cache
        self.throttle = throttle
        self.cams = cams
        self.breaker = breaker

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
        if known is not None:
            budget = budget.impatient()
        try:
            return self._ask(known, query, budget, effort)
        except Problem as problem:
            return self._stale(known, problem, query, effort) or Outcome(problem, effort, query)

    def _ask(self, known: Entry | None, query: QrQuery, budget: Budget, effort: Effort) -> Outcome:
        """Ask CAMS, where it is not down, or as a probe. Raises Problem."""
        waiting = self._look()
        if known is None and waiting and self.breaker.in_doubt():
            return self._fly(known, query, budget._replace(probe=True), effort)
        if (seconds := self.breaker.enter(late=known is not None and not waiting)) is not None:
            entry = self._probe(query, budget.of_probe(seconds), effort)
            return self._asked(entry, known, query, effort)
        return self._fly(known, query, budget, effort)

    def _look(self) -> bool:
        """See what came of calls that nobody waited for; whether some may still be answered."""
        waiting, connected = self.cams.look()
        if connected:
            # The probe that could not wait for its connection can go now.
            self.breaker.postpone(0.0)
        return waiting

    def _fly(self, known: Entry | None, query: QrQuery, budget: Budget, effort: Effort) -> Outcome:
        """Lead the query's flight, or wait for it to land. Raises Problem."""
        while True:
            started = time.monotonic()
            patience, call = budget.permit(effort.permit_wait), budget.call(effort.upstream)
            with self.cache.flight(query, patience, call) as flight:
                effort.permit_wait += time.monotonic() - started - flight.called
                effort.upstream += flight.called
                if flight.landed is not None:
                    return self._known(flight.landed, "collapsed", query, effort)
                with suppress(_LeadLost):
                    return self._asked(self._lead(query, budget, effort, flight), known, query, effort)

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

    def _probe(self, query: QrQuery, budget: Budget, effort: Effort) -> Entry:
        """Ask CAMS to see whether it is back. There is one probe at a time, so it takes off without a flight."""
        try:
            return self._lead(query, budget, effort, Flight(None))
        except Problem as problem:
            if problem.code == "throttled" and problem.upstream is None:
                self.breaker.postpone(problem.retry_after or 0.0)
            elif problem.code != "upstream_timeout":
                raise
            raise CircuitOpen(problem.retry_after or 0.0) from None

    def _asked(self, entry: Entry, known: Entry | None, query: QrQuery, effort: Effort) -> Outcome:
        if not self.cache.enabled:
            return Outcome(entry.result, effort, query)
        return self._known(entry, "miss" if known is None else "expired", query, effort)

    def _known(self, entry: Entry, status: CacheStatus, query: QrQuery, effort: Effort) -> Outcome:
        use = CacheUse(status, entry.age(), self.cache.fresh_seconds(entry), entry.renderings)
        return Outcome(entry.result, effort, query, use)

    def _stale(self, known: Entry | None, problem: Problem, query: QrQuery, effort: Effort) -> Outcome | None:
        if known is None or not isinstance(known.result, QrCodeList) or problem.code not in _STALE_FOR:
            return None
        use = CacheUse("stale", known.age(), self.cache.fresh_seconds(known), known.renderings, problem.code)
        return Outcome(known.result.model_copy(update={"stale": True}), effort, query, use)

    def _ask_cams(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> QrCodeList:
        """Call CAMS up to MAX_ATTEMPTS times, each with a permit of its own."""
        failure: Problem | None = None
        while True:
            spent = effort.upstream
            try:
                return self._attempt(query, budget, effort, flight)
            except CircuitOpen:
                raise
            except Problem as problem:
                # A retry refused a permit says less than the failure that made it necessary.
                if failure is not None and problem.code == "throttled" and problem.upstream is None:
                    raise failure from None
                failure = problem
            pause = _pause_before_retry(failure, effort)
            if pause is None or pause > min(budget.calls, budget.call(effort.upstream)).remaining():
                # An earlier call may have been answered meanwhile.
                self._look()
                self.breaker.failed(failure, effort.upstream - spent)
                raise failure
            time.sleep(pause)

    def _attempt(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> QrCodeList:
        started = time.monotonic()
        # Before the permit, for a call must leave when it is granted: a connection takes several round trips.
        try:
            wait = budget.call(effort.upstream)
            self.cams.prepare(wait, Deadline.after(PROBE_SECONDS) if budget.probe else wait)
        except Problem:
            effort.attempts += 1
            raise
        finally:
            effort.upstream += time.monotonic() - started
        until = budget.permit(effort.permit_wait)
        while True:
            with suppress(DepartureMissed):
                return self._call(query, budget, until, effort, flight)
            # It was promised one, so its patience begins anew.
            until = budget.permit(waited=0)

    def _call(self, query: QrQuery, budget: Budget, until: Deadline, effort: Effort, flight: Flight) -> QrCodeList:
        """One call, with a permit of its own. Raises DepartureMissed where that was held up, and needs another."""
        caller = Caller(self.cache.key(query), bulk=budget.patience is None)
        left = asked = time.monotonic()
        try:
            with self.throttle.permit(caller, until, flight.waiting) as permit:
                if not budget.probe and effort.permit_wait + time.monotonic() - asked > _LONG_WAIT_SECONDS:
                    self.breaker.check()
                if not flight.extend(budget.answer.remaining()):
                    raise _LeadLost
                left = permit.departure.at
                effort.attempts += 1
                return self._send(query, budget, permit, effort)
        except DepartureMissed:
            effort.attempts -= 1
            raise
        finally:
            ended = time.monotonic()
            departed = left if left > asked else ended
            effort.permit_wait += departed - asked
            effort.upstream += ended - departed

    def _send(self, query: QrQuery, budget: Budget, permit: Permit, effort: Effort) -> QrCodeList:
        wait = budget.call(effort.upstream)
        try:
            return self.cams.list_qr_codes(query, permit.departure, wait, budget.late or wait)
        except Problem as problem:
            if problem.code == "throttled":
                self.throttle.throttled(permit, problem.retry_after or 0.0)
            raise


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
        return _THROTTLED_SECONDS + random.uniform(0, _BACKOFF_SECONDS) * attempts
    return random.uniform(0, _BACKOFF_SECONDS * 2**attempts)
