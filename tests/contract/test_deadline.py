"""Every answer leaves before the function's timeout."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.traps import TRAPS
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


@pytest.fixture
def full_backlog() -> Iterator[str]:
    """An address whose connections are never made: its queue is full, and nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(address)
        time.sleep(0.05)
        yield f"127.0.0.1:{address[1]}"
        for client in waiting:
            client.close()


def test_a_connection_that_is_never_made(function: Function, full_backlog: str) -> None:
    function.configure(CAMS_ENDPOINT=full_backlog)
    function.timeout = 1
    function.start()
    started = time.monotonic()
    assert function.ask()["problem"]["code"] == "upstream_timeout"
    assert time.monotonic() - started < 1
