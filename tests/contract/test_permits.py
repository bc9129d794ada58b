"""No rolling second has more calls than the quota, retries included. A caller that would wait too long is refused."""

import threading
import time

import pytest

from local.sandbox import Sandbox
from local.traps import TRAPS
from tests.conftest import Function

pytestmark = pytest.mark.timed

ROWS = {trap.what: f"1666000{row:04}" for row, trap in TRAPS.items()}


def most_in_a_second(arrivals: list[float]) -> int:
    return max(sum(1 for later in arrivals if at <= later < at + 1) for at in arrivals)


def test_five_calls_in_any_second(function: Function, sandbox: Sandbox) -> None:
    sandbox.qps = 5
    function.configure(CAMS_QPS="5", CAMS_MAX_WAIT_SECONDS="3")
    assert [function.ask()["status"] for _ in range(12)] == [200] * 12
    assert most_in_a_second(sandbox.arrivals) == 5
    assert 2 <= sandbox.arrivals[-1] - sandbox.arrivals[0] < 2.3


def test_slow_answers_do_not_let_more_through(function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="5")
    function.timeout = 1
    function.ask(ROWS["never answers"])
    function.timeout = 10
    for _ in range(6):
        function.ask()
    assert most_in_a_second(sandbox.arrivals) <= 5


def test_an_http_caller_waits_no_longer_than_set(function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="1", CAMS_MAX_WAIT_SECONDS="0.2")
    assert function.http(parameters={"phoneNumber": "8613800001234"}).status == 200
    started = time.monotonic()
    answer = function.http(parameters={"phoneNumber": "8613800001234"})
    assert time.monotonic() - started < 0.1
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "1"
    assert answer.problem["code"] == "throttled"
    assert answer.problem["retryable"] is True
    assert answer.problem["retryAfter"] == 1
    assert len(sandbox.arrivals) == 1


def test_retry_after_is_true(function: Function) -> None:
    function.configure(CAMS_QPS="3", MAX_INSTANCES="3", CAMS_MAX_WAIT_SECONDS="0.2")
    function.http(parameters={"phoneNumber": "8613800001234"})
    answer = function.http(parameters={"phoneNumber": "8613800001234"})
    assert answer.headers["Retry-After"] == "1"
    time.sleep(1)
    assert function.http(parameters={"phoneNumber": "8613800001234"}).status == 200


def test_without_patience_a_free_permit_is_taken(function: Function) -> None:
    function.configure(CAMS_QPS="1", CAMS_MAX_WAIT_SECONDS="0")
    answers = [function.http(parameters={"phoneNumber": "8613800001234"}).status for _ in range(2)]
    assert answers == [200, 429]


def test_a_direct_caller_waits_as_long_as_there_is_time(function: Function) -> None:
    function.configure(CAMS_QPS="1", CAMS_MAX_WAIT_SECONDS="0")
    assert [function.ask()["status"] for _ in range(3)] == [200, 200, 200]
    function.timeout = 1
    assert function.ask()["status"] == 429


def test_instances_share_the_quota(function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="5", MAX_INSTANCES="2")
    for _ in range(4):
        function.ask()
    assert most_in_a_second(sandbox.arrivals) == 2


def test_each_retry_takes_a_permit(function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="2")
    function.ask("15555030010")
    assert len(sandbox.arrivals) == 3
    assert most_in_a_second(sandbox.arrivals) == 2


def test_pushback_never_opens_the_window_early(function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="5")
    for number in [*["8613800001234"] * 4, ROWS["once: throttled, x-acs-retry-after 300 ms"]]:
        function.ask(number)
    for _ in range(6):
        function.ask()
    assert most_in_a_second(sandbox.arrivals) <= 5


def test_threads_share_the_permits(function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="5")
    function.start()
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(function.ask()["status"])) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 12
    assert most_in_a_second(sandbox.arrivals) == 5


def test_the_sandbox_throttles_beyond_the_quota(function: Function, sandbox: Sandbox) -> None:
    sandbox.qps = 2
    function.configure(CAMS_QPS="5")
    answers = [function.ask()["status"] for _ in range(6)]
    assert "System.LimitControl" in sandbox.refusals
    assert answers == [200] * 6
