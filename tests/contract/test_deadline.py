"""Every answer leaves before the function's timeout."""

import time
from typing import Any

import pytest

from local.traps import TRAPS
from testing.endpoints import full_backlog
from tests.conftest import Function

pytestmark = pytest.mark.timed

ROWS = {trap.what: f"1666000{row:04}" for row, trap in TRAPS.items()}


@pytest.mark.parametrize("trap", ["never answers", "drips its headers", "drips its body"])
@pytest.mark.parametrize("timeout", [1, 2])
def test_a_slow_upstream(function: Function, trap: str, timeout: float) -> None:
    function.timeout = timeout
    function.start()
    started = time.monotonic()
    assert function.ask(ROWS[trap])["problem"]["code"] == "upstream_timeout"
    assert time.monotonic() - started < timeout


@pytest.mark.parametrize("timeout", ["1", 1, 1.0])
def test_the_timeout_may_be_a_string(function: Function, timeout: Any) -> None:
    function.timeout = timeout
    function.start()
    started = time.monotonic()
    function.ask(ROWS["never answers"])
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("timeout", [None, "", "soon", 0, -1])
def test_a_timeout_that_is_none_still_ends(function: Function, timeout: Any) -> None:
    function.timeout = timeout
    function.start()
    started = time.monotonic()
    assert function.ask(ROWS["never answers"])["problem"]["code"] in ("upstream_timeout", "throttled")
    assert time.monotonic() - started < 3


def test_retries_end_in_time(function: Function) -> None:
    function.timeout = 1
    function.start()
    started = time.monotonic()
    function.ask("15555030010")
    assert time.monotonic() - started < 1


def test_a_connection_that_is_never_made(function: Function) -> None:
    with full_backlog() as address:
        function.configure(CAMS_ENDPOINT=address)
        function.timeout = 1
        function.start()
        started = time.monotonic()
        assert function.ask()["problem"]["code"] == "upstream_timeout"
        assert time.monotonic() - started < 1
