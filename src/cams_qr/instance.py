"""One function instance, and the path of an invocation through it: decode, ask, encode, log."""

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cams_qr import __version__, logs, trace
from cams_qr.cache.cache import Cache
from cams_qr.cams.credentials import InvocationCredentials, use_credentials_of
from cams_qr.cams.operation import create_client
from cams_qr.deadline import Deadline, ending_at
from cams_qr.events.answers import bytes_of
from cams_qr.events.call import MAX_ANSWER_BYTES, Answer, Call
from cams_qr.events.triggers import decode
from cams_qr.outcome import Effort, Outcome
from cams_qr.permits.breaker import Breaker
from cams_qr.permits.local import instance_throttle
from cams_qr.problems import Problem
from cams_qr.query import QrCodeList, QrQuery, mask_phone_number
from cams_qr.service import Budget, Service
from cams_qr.settings import Settings, SettingsError, read_settings

if TYPE_CHECKING:
    from cams_qr.permits.throttle import Throttle
    from cams_qr.redis_store import Store

# Function Compute's own default, for a context without a timeout.
_DEFAULT_TIMEOUT_SECONDS = 3.0
# Reserved for encoding, logging and returning the answer.
_MARGIN_SECONDS = 0.5
_MARGIN_SHARE = 0.2
# The room that an answer keeps for each query, which may fail.
_PROBLEM_BYTES = 1024


class FunctionMeta(Protocol):
    """What this function uses of `context.function`; the timeout is in seconds, as a string on some runtimes."""

    timeout: int | str


class FcContext(Protocol):
    """What this function uses of Function Compute's context. Source: "Context" (Python)."""

    request_id: str
    function: FunctionMeta


class Instance:
    """What one instance keeps between invocations."""

    def __init__(self, settings: Settings, service: Service) -> None:
        self.settings = settings
        self.service = service
        self._invocations = itertools.count()

    @classmethod
    def start(cls, environ: Mapping[str, str]) -> "Instance":
        """Set up an instance. Raises SettingsError."""
        settings = read_settings(environ)
        logs.configure(settings.log_level)
        return cls(settings, _service(settings, account=environ.get("FC_ACCOUNT_ID", "local")))

    def invoke(self, event: bytes, context: FcContext, started: float) -> bytes:
        """Answer one event before the function's timeout, which counts from `started` (monotonic)."""
        trace.begin(context)
        use_credentials_of(context)
        budget, margin = _budget_seconds(context)
        cold = next(self._invocations) == 0
        call = decode(event, self.settings, context.request_id, Deadline(started + budget / 2))
        # What Redis has to be told after the last call may take half of the margin.
        with ending_at(Deadline(started + budget + margin / 2)):
            outcomes = self._outcomes(call, Deadline(started + budget), context.request_id)
        answer = None
        try:
            answer = call.encode(outcomes, context.request_id)
            if len(answer.content) > MAX_ANSWER_BYTES:
                answer, outcomes = None, [outcome._replace(result=_list_too_long()) for outcome in outcomes]
                answer = call.encode(outcomes, context.request_id)
            return answer.content
        finally:
            _log_invocation(context.request_id, call, outcomes, answer, time.monotonic() - started, cold)

    def _outcomes(self, call: Call, deadline: Deadline, request_id: str) -> list[Outcome]:
        """An outcome for each query, in order. Equal queries are asked once, and all share one budget.

        Once the answer has no room for a list, nothing further is asked.
        """
        room = MAX_ANSWER_BYTES - len(call.queries) * _PROBLEM_BYTES
        budget = Budget.until(deadline, self.settings.cams_max_wait_seconds if call.interactive else None)
        answered: dict[QrQuery, Outcome] = {}
        sizes: dict[QrQuery, int] = {}
        outcomes = []
        for query in call.queries:
            if isinstance(query, Problem):
                outcomes.append(Outcome(query, Effort()))
                continue
            outcome = answered.get(query)
            if outcome is None:
                outcome = self._ask(query, budget, request_id) if room > 0 else Outcome(_no_room(call), Effort(), query)
                answered[query] = outcome
            if len(call.queries) > 1 and isinstance(outcome.result, QrCodeList):
                sizes[query] = sizes.get(query) or bytes_of(outcome.result)
                room -= sizes[query]
                outcome = outcome if room > 0 else outcome._replace(result=_no_room(call))
            outcomes.append(outcome)
        return outcomes

    def _ask(self, query: QrQuery, budget: Budget, request_id: str) -> Outcome:
        try:
            return self.service.ask(query, budget)
        except Exception as error:
            return Outcome(logs.internal_error(error, request_id), Effort(), query)


def _list_too_long() -> Problem:
    return Problem(
        "upstream_invalid_response", "CAMS's list is longer than the 6 MB of an answer; over HTTP, accept gzip."
    )


def _no_room(call: Call) -> Problem:
    """What is left of a stream must be delivered again, since nobody reads that it was not asked."""
    if call.trigger == "stream":
        return Problem("throttled", "The other lists fill the 6 MB of an answer; lower the trigger's batch size.")
    return Problem("payload_too_large", "The other lists fill the 6 MB of an answer; query this number on its own.")


def _service(settings: Settings, account: str) -> Service:
    ttl, stale, endpoint = settings.cache_ttl_seconds, settings.cache_stale_seconds, settings.cams_endpoint
    # A list depends on the account and the endpoint; the password in the URL keeps hashed keys from being guessed.
    scope = f"{account} {endpoint} {settings.redis_url}"
    store, throttle = _store_and_throttle(settings, account)
    breaker = Breaker(account, endpoint, store)
    client = create_client(endpoint, settings.cams_protocol, InvocationCredentials(), breaker.record_answer)
    return Service(settings, Cache(ttl, stale, scope, store), throttle, client, breaker)


def _store_and_throttle(settings: Settings, account: str) -> "tuple[Store | None, Throttle]":
    """Raises SettingsError if the CA's file, which only the package has, cannot be read."""
    if settings.redis_url is None:
        return None, instance_throttle(settings.cams_qps, settings.max_instances)
    # Importing redis-py takes time that instances without Redis can save.
    from cams_qr.permits.account import AccountThrottle
    from cams_qr.redis_store import Store

    try:
        store = Store(settings.redis_url, settings.redis_ca_file)
    except OSError:
        raise SettingsError("REDIS_CA_FILE: must be the path of a readable PEM file with the certificates") from None
    return store, AccountThrottle(
        store, account, settings.cams_qps, settings.max_instances, settings.cams_max_wait_seconds
    )


def _budget_seconds(context: FcContext) -> tuple[float, float]:
    """The seconds for an invocation's queries, and the margin after them."""
    try:
        timeout = float(context.function.timeout)
    except (AttributeError, TypeError, ValueError):
        timeout = _DEFAULT_TIMEOUT_SECONDS
    margin = min(_MARGIN_SECONDS, timeout * _MARGIN_SHARE)
    return timeout - margin, margin


def _log_invocation(
    request_id: str, call: Call, outcomes: list[Outcome], answer: Answer | None, seconds: float, cold: bool
) -> None:
    """Write one line for the invocation and, if it had several queries, one for each distinct query."""
    failures = [outcome.result for outcome in outcomes if isinstance(outcome.result, Problem)]
    level = logs.level_of(max((failure.status for failure in failures), default=200))
    line: dict[str, Any] = {"requestId": request_id, "trigger": call.trigger}
    if call.route is not None:
        line["route"] = call.route
    line["status"] = _status(answer, failures)
    line["coldStart"] = cold
    if cold:
        line["version"] = __version__
    line["totalMs"] = _ms(seconds)
    if len(outcomes) == 1:
        logs.log(level, line | _query_fields(outcomes[0]))
        return
    if outcomes:
        line |= {"queries": len(outcomes), "failed": len(failures)}
    logs.log(level, line)
    distinct = {id(outcome): outcome for outcome in outcomes}.values()
    for item, outcome in enumerate(distinct):
        status = outcome.result.status if isinstance(outcome.result, Problem) else 200
        logs.log(
            logs.level_of(status), {"requestId": request_id, "item": item, "status": status, **_query_fields(outcome)}
        )


def _query_fields(outcome: Outcome) -> dict[str, Any]:
    """The fields of one query."""
    result, effort, query, cache = outcome
    fields: dict[str, Any] = {}
    if query is not None:
        fields["phoneNumber"] = mask_phone_number(query.phone_number)
    if isinstance(result, Problem):
        fields["problem"] = result.code
        if result.upstream:
            fields["upstreamCode"], fields["upstreamRequestId"] = result.upstream
    else:
        fields["upstreamRequestId"] = result.request_id
    if cache is not None:
        fields["cache"] = cache.status
    fields["attempts"] = effort.attempts
    fields["permitWaitMs"] = _ms(effort.permit_wait)
    fields["upstreamMs"] = _ms(effort.upstream)
    return fields


def _status(answer: Answer | None, failures: Sequence[Problem]) -> int | None:
    """The answer's status, or that of the failure if it was raised: the first that another attempt may mend, if any."""
    if answer is not None:
        return answer.status
    return next((failure.status for failure in sorted(failures, key=lambda failure: not failure.retryable)), None)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
