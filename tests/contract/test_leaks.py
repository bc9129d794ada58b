"""A thousand calls leave no thread, no descriptor and no memory behind."""

import os
import resource
import threading

from tests.conftest import Function


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
