"""Network failures are distinguished, and a dead connection costs a reconnect, not an error."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from local.sandbox import Sandbox
from local.serve import serve
from testing.endpoints import over_tls, refusing
from testing.proxy import Proxy
from tests.conftest import Function


def detail_of(function: Function) -> tuple[str, str]:
    problem = function.ask()["problem"]
    return problem["code"], problem["detail"]


def test_refused(function: Function) -> None:
    with refusing() as address:
        function.configure(CAMS_ENDPOINT=address)
        code, detail = detail_of(function)
    assert code == "upstream_unavailable"
    assert "connection" in detail


def test_an_unknown_host(function: Function) -> None:
    function.configure(CAMS_ENDPOINT="cams.invalid", CAMS_PROTOCOL="HTTPS")
    function.timeout = 3
    code, detail = detail_of(function)
    assert code == "upstream_unavailable"
    assert "name" in detail


def test_a_server_that_accepts_and_says_nothing(function: Function) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for protocol in ("HTTP", "HTTPS"):
            function.configure(CAMS_ENDPOINT=f"127.0.0.1:{server.getsockname()[1]}", CAMS_PROTOCOL=protocol)
            function.timeout = 1
            function.start()
            assert detail_of(function)[0] == "upstream_timeout"


@contextmanager
def tls(tmp_path: Path, sandbox: Sandbox, *names: str) -> Iterator[tuple[str, Path]]:
    authority = trustme.CA()
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(str(root))
    with over_tls(sandbox, authority.issue_cert(*names)) as endpoint:
        yield endpoint, root


def test_tls_is_verified(function: Function, sandbox: Sandbox, tmp_path: Path) -> None:
    with tls(tmp_path, sandbox, "127.0.0.1") as (endpoint, root):
        function.configure(CAMS_ENDPOINT=endpoint, CAMS_PROTOCOL="HTTPS")
        code, detail = detail_of(function)
        assert code == "upstream_unavailable"
        assert "TLS" in detail
        function.configure(SSL_CERT_FILE=str(root))
        function.start()
        assert [function.ask()["status"] for _ in range(3)] == [200, 200, 200]
    assert len(sandbox.connections) == 1


def test_a_connection_that_waits_for_its_permit_is_used(function: Function, sandbox: Sandbox, tmp_path: Path) -> None:
    """A server that speaks TLS 1.3 sends session tickets unasked, so there is something to read before any answer."""
    hellos = 0

    def count(data: bytes) -> None:
        nonlocal hellos
        hellos += data[:1] == b"\x16" and data[5:6] == b"\x01"

    with tls(tmp_path, sandbox, "127.0.0.1") as (endpoint, root), Proxy(endpoint, 0.02, count) as proxy:
        function.configure(CAMS_ENDPOINT=proxy.address, CAMS_PROTOCOL="HTTPS", SSL_CERT_FILE=str(root), CAMS_QPS="1")
        assert function.ask()["status"] == 200
        function.pass_time(40)
        assert function.ask()["status"] == 200
    assert hellos == 2


def test_a_certificate_for_another_host_is_refused(function: Function, sandbox: Sandbox, tmp_path: Path) -> None:
    with tls(tmp_path, sandbox, "other.example.com") as (endpoint, root):
        function.configure(CAMS_ENDPOINT=endpoint, CAMS_PROTOCOL="HTTPS", SSL_CERT_FILE=str(root))
        assert "TLS" in detail_of(function)[1]
    assert sandbox.arrivals == []


def test_one_connection_serves_many_invocations(function: Function, sandbox: Sandbox) -> None:
    for _ in range(10):
        assert function.ask()["status"] == 200
    assert len(sandbox.connections) == 1


def test_the_sdk_sends_through_our_adapter(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own adapter would obey the proxy; `_mount_adapter` in cams/operation.py then needs another key."""
    with refusing() as nobody:
        monkeypatch.setenv("HTTP_PROXY", f"http://{nobody}")
        assert function.ask()["status"] == 200


def test_a_connection_closed_by_the_server_costs_a_reconnect(function: Function, sandbox: Sandbox) -> None:
    with serve(sandbox.app()) as endpoint:
        function.configure(CAMS_ENDPOINT=endpoint)
        assert function.ask()["status"] == 200
    with serve(sandbox.app(), port=int(endpoint.rpartition(":")[2])):
        assert function.ask()["status"] == 200
    assert len(sandbox.arrivals) == 2


def test_a_connection_that_died_unseen_costs_a_reconnect(function: Function, sandbox: Sandbox, endpoint: str) -> None:
    with Proxy(endpoint) as proxy:
        function.configure(CAMS_ENDPOINT=proxy.address)
        assert function.ask()["status"] == 200
        proxy.freeze()
        assert function.ask()["status"] == 200
        assert function.ask()["status"] == 200


def test_a_connection_does_not_grow_younger_for_being_looked_at(function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="1")
    assert function.ask()["status"] == 200
    function.pass_time(20)
    function.timeout = 1
    assert function.ask()["problem"]["code"] == "throttled"
    function.pass_time(20)
    function.timeout = 10
    assert function.ask()["status"] == 200
    assert len(sandbox.connections) == 2


@pytest.mark.timed
def test_a_slow_resolver_does_not_outlive_the_budget(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    # The resolver is the system's; a name server that never answers is not to be had here, so it is played.
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(30))
    function.configure(CAMS_ENDPOINT="cams.example.com", CAMS_PROTOCOL="HTTPS")
    function.timeout = 1
    function.start()
    started = time.monotonic()
    assert function.ask()["problem"]["code"] == "upstream_timeout"
    assert time.monotonic() - started < 1
