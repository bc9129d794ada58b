"""The use case: answers a query from the cache, or with a permit and a call to CAMS, retries included."""

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
from cams_qr.permits.breaker import Breaker, CircuitOpen
from cams_qr.permits.throttle import WINDOW_SECONDS, Caller, Permit, Throttle
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery
from cams_qr.settings import Settings

MAX_ATTEMPTS = 3

# The part of the budget that waiting for a permit must leave for the call itself.
_CALL_SECONDS = 0.5
_BACKOFF_SECONDS = 0.1
# If CAMS throttles without saying for how long, its window is over after this.
_THROTTLED_SECONDS = WINDOW_SECONDS
# How long a caller waits for CAMS if there is an old list; longer than the breaker's SILENCE_SECONDS.
_IMPATIENT_SECONDS = 1.8
# After waiting this long for a permit, a caller checks again whether CAMS is down.
_LONG_WAIT_SECONDS = 0.05
# If CAMS is down or throttling, an old list is better than none.
_STALE_FOR = frozenset({"throttled", "upstream_unavailable", "upstream_timeout"})


class _LeadLost(Exception):
    """This instance was frozen for longer than its lease: another now leads the flight, or has landed it."""


class Budget(NamedTuple):
    """What a caller may spend: it must be answered by `answer_by`, and its last call must start by `last_call_by`.

    For permits it waits at most `patience` seconds, for its calls at most `call_seconds`; None means as long as time
    remains.
    """

    answer_by: Deadline
    last_call_by: Deadline
    patience: float | None
    call_seconds: float | None = None

    @classmethod
    def until(cls, answer_by: Deadline, patience: float | None) -> "Budget":
        """The budget of a caller that needs its answer by `answer_by`."""
        return cls(answer_by, answer_by.earlier(min(_CALL_SECONDS, answer_by.remaining() / 2)), patience)

    def permit_deadline(self, waited: float) -> Deadline:
        """The deadline for a permit, after `waited` seconds for earlier ones."""
        return _within(self.last_call_by, self.patience, waited)

    def call_deadline(self, spent: float) -> Deadline:
        """The deadline for CAMS's answer, after `spent` seconds on earlier calls."""
        return _within(self.answer_by, self.call_seconds, spent)


def _within(deadline: Deadline, seconds: float | None, used: float) -> Deadline:
    return deadline if seconds is None else min(deadline, Deadline.after(seconds - used))


class Service:
    """The use case and the parts it uses."""

    def __init__(self, settings: Settings, cache: Cache, throttle: Throttle, cams: Cams, breaker: Breaker) -> None:
        self.settings = settings
        self.cache = cache
        self.throttle = throttle
        self.cams = cams
        self.breaker = breaker

    def ask(self, query: QrQuery, budget: Budget) -> Outcome:
        """Find the QR codes of a number within the budget. Never raises Problem: the outcome holds it."""
        effort = Effort()
        try:
            self._check_allowed(query)
        except Problem as problem:
            return Outcome(problem, effort, query)
        in_time = budget.last_call_by.remaining() > 0
        # Once a batch's time is up, even asking Redis would add up.
        found = self.cache.find(query, [self.breaker.question()]) if in_time else Flight(self.cache.recall(query))
        with found as flight:
            known = flight.known
            if known is not None and known.fresh_seconds() > 0:
                return self._found(known, "hit", query, effort)
            try:
                if in_time:
                    return self._lead_or_follow(flight, query, budget, effort)
                raise Problem("throttled", "The function's time was up before this query's turn; retry it on its own.")
            except Problem as problem:
                return self._failed(known, problem, query, effort)

    def _check_allowed(self, query: QrQuery) -> None:
        numbers, spaces = self.settings.allowed_phone_numbers, self.settings.allowed_cust_space_ids
        if numbers and query.phone_number not in numbers:
            raise Problem("not_allowed", "This deployment does not serve this phoneNumber.")
        if spaces and query.cust_space_id is None:
            raise Problem(
                "not_allowed", "This deployment serves certain spaces only; give a custSpaceId that it serves."
            )
        if spaces and query.cust_space_id not in spaces:
            raise Problem("not_allowed", "This deployment does not serve this custSpaceId; use one that it serves.")

    def _lead_or_follow(self, flight: Flight, query: QrQuery, budget: Budget, effort: Effort) -> Outcome:
        """Lead the query's flight, or wait for its leader's answer. Raises Problem."""
        known = flight.known
        if known is not None:
            budget = budget._replace(call_seconds=_IMPATIENT_SECONDS)
        if self.breaker.enter(flight.answers):
            # The probe waits for nobody: the leader's call may have been hanging since before.
            flight.take_over()
        while True:
            patience, call = budget.permit_deadline(effort.permit_wait), budget.call_deadline(effort.upstream)
            landed = flight.follow(patience, call, effort)
            if landed is not None:
                return self._found(landed, "collapsed", query, effort)
            with suppress(_LeadLost):
                entry = self._lead(query, budget, effort, flight)
                return self._found(entry, "miss" if known is None else "expired", query, effort)

    def _lead(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> Entry:
        """Ask CAMS, and store the answer for everyone who waits for it."""
        try:
            return self.cache.remember(query, self._ask_cams(query, budget, effort, flight), flight)
        except Problem as problem:
            self.cache.remember(query, problem, flight)
            raise

    def _ask_cams(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> QrCodeList:
        """Call CAMS up to MAX_ATTEMPTS times, each time with a new permit."""
        failure: Problem | None = None
        while True:
            spent = effort.upstream
            try:
                return self._attempt(query, budget, effort, flight)
            except CircuitOpen:
                raise
            except Problem as problem:
                # If the retry got no permit, the failure that made it necessary says more.
                if failure is not None and problem.is_without_permit():
                    raise failure from None
                failure = problem
            pause, is_throttled = _pause_before_retry(failure, effort), failure.code == "throttled"
            # Until CAMS's window is over, it is a permit that a caller waits for.
            latest = budget.permit_deadline(effort.permit_wait) if is_throttled else budget.last_call_by
            if pause is None or pause > min(latest, budget.call_deadline(effort.upstream)).remaining():
                self.breaker.record_failure(failure, effort.upstream - spent, patient=budget.call_seconds is None)
                raise failure
            time.sleep(pause)
            effort.permit_wait += pause if is_throttled else 0.0

    def _attempt(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> QrCodeList:
        started = time.monotonic()
        # Connect before asking for a permit: connecting takes several round trips, and a call must leave on time.
        try:
            self.cams.prepare(budget.call_deadline(effort.upstream))
        except Problem:
            effort.attempts += 1
            raise
        finally:
            effort.upstream += time.monotonic() - started
        deadline = budget.permit_deadline(effort.permit_wait)
        # A permit that was promised and then missed lets patience start over, once.
        extended = min(budget.last_call_by, Deadline(deadline.at + (budget.patience or 0.0)))
        while True:
            with suppress(DepartureMissed):
                return self._call(query, budget, deadline, effort, flight)
            deadline = extended

    def _call(
        self, query: QrQuery, budget: Budget, permit_deadline: Deadline, effort: Effort, flight: Flight
    ) -> QrCodeList:
        """One call, with its own permit. Raises DepartureMissed if the call was delayed and needs another permit."""
        caller = Caller(self.cache.key(query), bulk=budget.patience is None)
        asked, left = time.monotonic(), None
        try:
            with self.throttle.permit(caller, permit_deadline, flight.waiting) as permit:
                if time.monotonic() - asked > _LONG_WAIT_SECONDS:
                    self.breaker.check(since=asked)
                if not flight.still_leads(budget.answer_by.remaining()):
                    raise _LeadLost
                left = permit.departure.at
                return self._send(query, budget, permit, effort)
        except DepartureMissed:
            # Nothing was sent, so all of that was waiting for a permit.
            left = None
            raise
        finally:
            ended = time.monotonic()
            departed = ended if left is None else max(left, asked)
            effort.permit_wait += departed - asked
            effort.upstream += ended - departed

    def _send(self, query: QrQuery, budget: Budget, permit: Permit, effort: Effort) -> QrCodeList:
        effort.attempts += 1
        try:
            return self.cams.list_qr_codes(query, permit.departure, budget.call_deadline(effort.upstream))
        except DepartureMissed:
            effort.attempts -= 1
            raise
        except Problem as problem:
            if problem.code == "throttled":
                self.throttle.record_throttle(permit, problem.retry_after or 0.0)
            raise

    def _found(self, entry: Entry, status: CacheStatus, query: QrQuery, effort: Effort) -> Outcome:
        use = CacheUse(status, entry.age(), entry.fresh_seconds(), entry.renderings)
        return Outcome(entry.result, effort, query, use if self.cache.enabled else None)

    def _failed(self, known: Entry | None, problem: Problem, query: QrQuery, effort: Effort) -> Outcome:
        """The problem, or an old list in its stead."""
        if known is None or not isinstance(known.result, QrCodeList) or problem.code not in _STALE_FOR:
            return Outcome(problem, effort, query)
        use = CacheUse("stale", known.age(), known.fresh_seconds(), known.renderings, problem.code)
        return Outcome(known.result.model_copy(update={"stale": True}), effort, query, use)


def _pause_before_retry(failure: Problem, effort: Effort) -> float | None:
    """Seconds to wait before a retry, or None if it would not help. Listing codes is idempotent."""
    attempts = effort.attempts
    if attempts == MAX_ATTEMPTS:
        return None
    if failure.code == "credentials_unavailable" and failure.upstream and not effort.retried_with_fresh_credentials:
        effort.retried_with_fresh_credentials = True
        return 0.0
    if not failure.retryable or failure.is_without_permit():
        return None
    if failure.retry_after is not None:
        return failure.retry_after + random.uniform(0, _BACKOFF_SECONDS)
    if failure.code == "throttled":
        return _THROTTLED_SECONDS + random.uniform(0, _BACKOFF_SECONDS) * attempts
    return random.uniform(0, _BACKOFF_SECONDS * 2**attempts)
