"""A thousand calls leave no thread, no descriptor and no memory behind."""

import gc
import os
import resource
import threading
from contextlib import suppress

import pytest
from pydantic import ValidationError

from cams_qr.events.answers import QueryFailed
from cams_qr.problems import Problem
from tests.conftest import Function, v1_event


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_thousand_calls(function: Function) -> None:
    function.configure(LOG_LEVEL="ERROR", CAMS_QPS="10000")
    for _ in range(50):
        function.ask()
    before = threading.active_count(), descriptors()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1000):
        assert function.ask()["status"] == 200
    threads, opened = before
    assert threading.active_count() <= threads
    assert descriptors() <= opened
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 4096


BAD = [
    {"phoneNumber": "12"},
    {"phoneNumber": 12},
    {"custSpaceId": "!"},
    {"phoneNumber": "8613800001234", "other": 1},
    {"specversion": "1.0", "data": {"phoneNumber": "12"}},
    [{"phoneNumber": "12"}, "12", "{", {"phoneNumber": "+86 138"}],
    {"Message": "12"},
    {"queries": [{"phoneNumber": "12"}]},
    v1_event(parameters={"phoneNumber": "12"}),
    v1_event(path="/qr-codes/A.svg", parameters={"phoneNumber": "8613800001234", "dark": "fff"}),
    v1_event(path="/qr-codes/A.svg", parameters={"phoneNumber": "8613800001234", "scale": "x"}),
    v1_event("POST", body="{"),
]


@pytest.mark.parametrize("event", BAD, ids=range(len(BAD)))
def test_a_problem_is_gone_when_it_has_been_told(function: Function, event: object) -> None:
    """pydantic's errors are invisible to the garbage collector: what is in a cycle with one is never freed."""
    before = failures_alive()
    for _ in range(20):
        with suppress(QueryFailed):
            function.direct(event)
    assert failures_alive() <= before + 2


def failures_alive() -> int:
    gc.collect()
    return sum(isinstance(found, Problem | ValidationError) for found in gc.get_objects())


def test_a_remembered_failure_keeps_nothing_else_alive(function: Function) -> None:
    """A problem that was raised holds the frames it came through, with all that was in them."""
    function.configure(CACHE_TTL_SECONDS="60", LOG_LEVEL="ERROR")
    for number in range(20):
        assert function.ask(f"4915112{number:05}")["problem"]["code"] == "not_owned"
    gc.collect()
    kept = [found for found in gc.get_objects() if isinstance(found, Problem) and found.__traceback__ is not None]
    assert kept == []
