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
from cams_qr.permits.breaker import PROBE_SECONDS, Breaker, CircuitOpen
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
# If there is an old list: how long to wait for CAMS, how long to wait for a breaker's probe, and how late an answer may
# arrive and still be used, although its caller has left.
_IMPATIENT_SECONDS = 1.8
_PROBE_WAIT_SECONDS = 0.03
_LATE_ANSWER_SECONDS = 10.0
# After waiting this long for a permit, a caller checks again whether CAMS is down.
_LONG_WAIT_SECONDS = 0.05
# If CAMS is down or throttling, an old list is better than none.
_STALE_FOR = frozenset({"throttled", "upstream_unavailable", "upstream_timeout"})


class _LeadLost(Exception):
    """This instance was frozen for longer than its lease: another now leads the flight, or has landed it."""


class Budget(NamedTuple):
    """The time of one invocation: it must answer by `answer_by`, and start its last call by `last_call_by`.

    It waits at most `patience` seconds for permits and `max_call_seconds` for its calls; None means as long as time
    remains. An answer is accepted until `late_deadline`, even after its caller has left. A `probe` does not check again
    whether CAMS is down.
    """

    answer_by: Deadline
    last_call_by: Deadline
    patience: float | None
    max_call_seconds: float | None = None
    late_deadline: Deadline | None = None
    probe: bool = False

    @classmethod
    def until(cls, answer_by: Deadline, patience: float | None) -> "Budget":
        """The budget of a caller that needs its answer by `answer_by`."""
        return cls(answer_by, answer_by.earlier(min(_CALL_SECONDS, answer_by.remaining() / 2)), patience)

    def impatient(self) -> "Budget":
        """This caller's budget if it has an old list."""
        late_deadline = min(self.answer_by, Deadline.after(_LATE_ANSWER_SECONDS))
        return self._replace(max_call_seconds=_IMPATIENT_SECONDS, late_deadline=late_deadline)

    def for_probe(self, seconds: float) -> "Budget":
        """This caller's budget as the probe, which may take `seconds`; its caller may leave earlier."""
        end = min(self.answer_by, Deadline.after(seconds))
        wait = min(end, Deadline.after(PROBE_SECONDS if self.max_call_seconds is None else _PROBE_WAIT_SECONDS))
        return Budget(wait, wait, _PROBE_WAIT_SECONDS, late_deadline=end, probe=True)

    def permit_deadline(self, waited: float) -> Deadline:
        """The deadline for a permit, after `waited` seconds for earlier ones."""
        if self.patience is None:
            return self.last_call_by
        return min(self.last_call_by, Deadline.after(self.patience - waited))

    def call_deadline(self, spent: float) -> Deadline:
        """The deadline for CAMS's answer, after `spent` seconds on earlier calls."""
        if self.max_call_seconds is None:
            return self.answer_by
        return min(self.answer_by, Deadline.after(self.max_call_seconds - spent))


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
        if budget.last_call_by.remaining() <= 0:
            return self._from_memory(query, effort)
        with self.cache.find(query, [self.breaker.question()]) as flight:
            known = flight.known
            if known is not None and known.fresh_seconds() > 0:
                return self._cached(known, "hit", query, effort)
            if known is not None:
                budget = budget.impatient()
            try:
                return self._ask(known, query, budget, effort, flight)
            except Problem as problem:
                return self._stale(known, problem, query, effort) or Outcome(problem, effort, query)

    def _ask(self, known: Entry | None, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> Outcome:
        """Ask CAMS, if it is not down or this is the probe. Raises Problem."""
        waiting = self._collect_late_answers()
        if known is None and waiting and self.breaker.in_doubt():
            return self._lead_or_follow(known, query, budget._replace(probe=True), effort, flight)
        if (seconds := self.breaker.enter(late=not waiting, answers=flight.answers)) is not None:
            entry = self._probe(query, budget.for_probe(seconds), effort, flight)
            return self._fetched(entry, known, query, effort)
        return self._lead_or_follow(known, query, budget, effort, flight)

    def _collect_late_answers(self) -> bool:
        """Collect the answers to calls whose callers have left. Returns whether some may still be answered."""
        waiting, connected = self.cams.poll()
        if connected:
            # A probe did not wait for its connection, which is now ready for the next one.
            self.breaker.hand_over_probe()
        return waiting

    def _lead_or_follow(
        self, known: Entry | None, query: QrQuery, budget: Budget, effort: Effort, flight: Flight
    ) -> Outcome:
        """Lead the query's flight, or wait for its leader's answer. Raises Problem."""
        while True:
            started = time.monotonic()
            patience, call = budget.permit_deadline(effort.permit_wait), budget.call_deadline(effort.upstream)
            landed, seconds_in_call = flight.follow(patience, call)
            effort.permit_wait += time.monotonic() - started - seconds_in_call
            effort.upstream += seconds_in_call
            if landed is not None:
                return self._cached(landed, "collapsed", query, effort)
            with suppress(_LeadLost):
                return self._fetched(self._lead(query, budget, effort, flight), known, query, effort)

    def _from_memory(self, query: QrQuery, effort: Effort) -> Outcome:
        """Answer from this instance's memory, once time is up; in a batch, even asking Redis would add up."""
        known = self.cache.recall(query)
        if known is not None and known.fresh_seconds() > 0:
            return self._cached(known, "hit", query, effort)
        problem = Problem("throttled", "The function's time was up before this query's turn; retry it on its own.")
        return self._stale(known, problem, query, effort) or Outcome(problem, effort, query)

    def _check_allowed(self, query: QrQuery) -> None:
        numbers, spaces = self.settings.allowed_phone_numbers, self.settings.allowed_cust_space_ids
        if numbers and query.phone_number not in numbers:
            raise Problem("not_allowed", "This deployment does not serve this phoneNumber.")
        if spaces and query.cust_space_id not in spaces:
            raise Problem("not_allowed", "This deployment does not serve this custSpaceId; use one that it serves.")

    def _lead(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> Entry:
        """Ask CAMS, and store the answer for everyone who waits for it."""
        try:
            return self.cache.remember(query, self._ask_cams(query, budget, effort, flight), flight)
        except Problem as problem:
            self.cache.remember(query, problem, flight)
            raise

    def _probe(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> Entry:
        """Ask CAMS, to find out whether it is back. There is only one probe at a time, so it follows nobody."""
        try:
            return self._lead(query, budget, effort, flight)
        except Problem as problem:
            if problem.is_without_permit():
                self.breaker.postpone(problem.retry_after or 0.0)
            elif problem.code != "upstream_timeout":
                raise
            raise CircuitOpen(problem.retry_after or 0.0) from None

    def _fetched(self, entry: Entry, known: Entry | None, query: QrQuery, effort: Effort) -> Outcome:
        if not self.cache.enabled:
            return Outcome(entry.result, effort, query)
        return self._cached(entry, "miss" if known is None else "expired", query, effort)

    def _cached(self, entry: Entry, status: CacheStatus, query: QrQuery, effort: Effort) -> Outcome:
        use = CacheUse(status, entry.age(), entry.fresh_seconds(), entry.renderings)
        return Outcome(entry.result, effort, query, use)

    def _stale(self, known: Entry | None, problem: Problem, query: QrQuery, effort: Effort) -> Outcome | None:
        if known is None or not isinstance(known.result, QrCodeList) or problem.code not in _STALE_FOR:
            return None
        use = CacheUse("stale", known.age(), known.fresh_seconds(), known.renderings, problem.code)
        return Outcome(known.result.model_copy(update={"stale": True}), effort, query, use)

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
            pause = _pause_before_retry(failure, effort)
            if pause is None or pause > min(budget.last_call_by, budget.call_deadline(effort.upstream)).remaining():
                # An earlier call may have been answered meanwhile.
                self._collect_late_answers()
                self.breaker.record_failure(failure, effort.upstream - spent, budget.late_deadline is not None)
                raise failure
            time.sleep(pause)

    def _attempt(self, query: QrQuery, budget: Budget, effort: Effort, flight: Flight) -> QrCodeList:
        started = time.monotonic()
        # Connect before asking for a permit: connecting takes several round trips, and a call must leave on time.
        try:
            wait = budget.call_deadline(effort.upstream)
            self.cams.prepare(wait, Deadline.after(PROBE_SECONDS) if budget.probe else wait)
        except Problem:
            effort.attempts += 1
            raise
        finally:
            effort.upstream += time.monotonic() - started
        permit_deadline = budget.permit_deadline(effort.permit_wait)
        while True:
            with suppress(DepartureMissed):
                return self._call(query, budget, permit_deadline, effort, flight)
            # It had been promised a permit, so its patience starts over.
            permit_deadline = budget.permit_deadline(waited=0)

    def _call(
        self, query: QrQuery, budget: Budget, permit_deadline: Deadline, effort: Effort, flight: Flight
    ) -> QrCodeList:
        """One call, with its own permit. Raises DepartureMissed if the call was delayed and needs another permit."""
        caller = Caller(self.cache.key(query), bulk=budget.patience is None)
        left = asked = time.monotonic()
        attempts = effort.attempts
        try:
            with self.throttle.permit(caller, permit_deadline, flight.waiting) as permit:
                if not budget.probe and effort.permit_wait + time.monotonic() - asked > _LONG_WAIT_SECONDS:
                    self.breaker.check()
                if not (budget.probe or flight.still_leads(budget.answer_by.remaining())):
                    raise _LeadLost
                left = permit.departure.at
                effort.attempts += 1
                return self._send(query, budget, permit, effort)
        except DepartureMissed:
            effort.attempts = attempts
            raise
        finally:
            ended = time.monotonic()
            departed = left if left > asked else ended
            effort.permit_wait += departed - asked
            effort.upstream += ended - departed

    def _send(self, query: QrQuery, budget: Budget, permit: Permit, effort: Effort) -> QrCodeList:
        wait = budget.call_deadline(effort.upstream)
        try:
            return self.cams.list_qr_codes(query, permit.departure, wait, budget.late_deadline or wait)
        except Problem as problem:
            if problem.code == "throttled":
                self.throttle.record_throttle(permit, problem.retry_after or 0.0)
            raise


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
