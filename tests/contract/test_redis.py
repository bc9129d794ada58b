"""The connection to Redis: few round trips, none that holds a caller up, TLS, and why it is unavailable."""

import re
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme

from cams_qr.settings import SettingsError
from local.sandbox import Sandbox
from local.valkey import Valkey
from testing.proxy import Proxy
from tests.conftest import NUMBER, Function, further

# The first bytes of a command; answers begin with a number, a status or lower case.
_COMMAND = re.compile(rb"\*\d+\r\n\$\d+\r\n[A-Z]+\r\n")
_SET = re.compile(rb"\*\d+\r\n\$3\r\nSET\r\n(\$\d+\r\n[^\r]*\r\n)+")
Handler = Callable[[Any], None]


@pytest.fixture
def cached(function: Function) -> Function:
    return function.configure(CACHE_TTL_SECONDS="60")


def reasons(lines: list[dict[str, Any]]) -> list[str]:
    return [line["reason"] for line in lines if line.get("redis") == "unavailable"]


@pytest.mark.timed
def test_a_miss_takes_three_round_trips_and_a_hit_one(cached: Function, sandbox: Sandbox, valkey: Valkey) -> None:
    trips = 0

    def count(data: bytes) -> None:
        nonlocal trips
        # That the leader calls is told with SET, whose answer nobody waits for; what follows may come with it.
        trips += _COMMAND.match(_SET.sub(b"", data)) is not None

    with Proxy(f"127.0.0.1:{valkey.port}", watch=count) as proxy:

        def trips_of(number: str) -> int:
            before = trips
            assert cached.ask(number)["status"] == 200
            return trips - before

        cached.configure(REDIS_URL=f"redis://{proxy.address}", CACHE_TTL_SECONDS="1")
        # The first instance of all sends its scripts, too.
        cached.ask()
        assert trips_of("6281200001234") == 3
        assert trips_of("6281200001234") == 0
        time.sleep(1.1)
        assert trips_of("6281200001234") == 3
        cached.start()
        assert trips_of("6281200001234") == 1
    assert len(sandbox.arrivals) == 3


def test_a_failure_that_is_not_remembered_ends_its_flight(cached: Function, valkey: Valkey) -> None:
    cached.configure(REDIS_URL=valkey.url)
    assert cached.ask("15554000012")["problem"]["code"] != "throttled"
    client: Any = redis.Redis.from_url(valkey.url)
    assert client.keys("*:flight") == []


@contextmanager
def serving(handle: Handler) -> Iterator[str]:
    """A server that does this with each connection; yields its address."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def drips(sock: Any) -> None:
    """The beginning of an answer, and never its end."""
    while True:
        sock.sendall(b"+")
        time.sleep(0.1)


def floods(sock: Any) -> None:
    """An answer larger than any, as fast as it can."""
    sock.sendall(b"$1000000000\r\n")
    while True:
        sock.sendall(bytes(65536))


def is_slow_in_each_answer(sock: Any) -> None:
    while data := sock.recv(65536):
        for _ in _COMMAND.findall(data):
            time.sleep(0.14)
            sock.sendall(b"+OK\r\n")


def is_silent(sock: Any) -> None:
    while sock.recv(65536):
        pass


@pytest.mark.timed
@pytest.mark.parametrize("count", [1, *further(100)])
@pytest.mark.parametrize("handle", [drips, floods, is_slow_in_each_answer, is_silent])
@pytest.mark.parametrize("timeout", [1, *further(3)])
def test_no_redis_makes_an_invocation_late(
    cached: Function, log: Any, handle: Handler, count: int, timeout: float
) -> None:
    numbers = [NUMBER, *(f"49151{n:07}" for n in range(count - 1))]
    cached.timeout = timeout
    with serving(handle) as address:
        cached.configure(REDIS_URL=f"redis://user:secret@{address}/1", CAMS_QPS="5").start()
        started = time.monotonic()
        answer = cached.direct({"queries": [{"phoneNumber": number} for number in numbers]})
        seconds = time.monotonic() - started
    assert answer["results"][0]["status"] == 200
    assert seconds < timeout
    assert set(reasons(log())) == {"timeout"}


def test_an_answer_without_end_is_not_kept(cached: Function) -> None:
    sent = 0

    def flood(sock: Any) -> None:
        nonlocal sent
        sock.sendall(b"$1000000000\r\n")
        while True:
            sent += sock.send(bytes(1 << 20))

    with serving(flood) as address:
        cached.configure(REDIS_URL=f"redis://{address}")
        assert cached.ask()["status"] == 200
    # What is read, and what the sockets' buffers take.
    assert sent < 32 << 20


@pytest.mark.timed
def test_an_unavailable_redis_costs_a_caller_a_fifth_of_a_second(cached: Function) -> None:
    def seconds(url: str) -> float:
        cached.configure(REDIS_URL=url).start()
        started = time.monotonic()
        assert cached.ask()["status"] == 200
        return time.monotonic() - started

    with serving(is_slow_in_each_answer) as address:
        seconds(f"redis://user:secret@{address}/1")
        assert seconds(f"redis://user:secret@{address}/1") < 0.3


@pytest.mark.timed
def test_what_redis_is_told_last_does_not_outlast_the_invocation(
    cached: Function, sandbox: Sandbox, valkey: Valkey
) -> None:
    """CAMS answers too late; then everything that is left to tell Redis takes long."""
    cached.timeout = 1
    with Proxy(f"127.0.0.1:{valkey.port}") as proxy:
        cached.configure(REDIS_URL=f"redis://{proxy.address}", CAMS_QPS="5")
        cached.ask()
        sandbox.qps = 0
        proxy.delay = 0.12
        started = time.monotonic()
        assert cached.ask("6281200001234")["problem"]["code"] in ("throttled", "upstream_timeout")
        assert time.monotonic() - started < 1


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server with a certificate of the authority for `localhost` alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def tls_url(tls: ssl.SSLContext, valkey: Valkey) -> Iterator[str]:
    with Proxy(f"127.0.0.1:{valkey.port}", tls=tls) as proxy:
        yield f"rediss://localhost:{proxy.port}"


@pytest.mark.timed
@pytest.mark.parametrize("stage", [b"AUTH", b"SELECT", b"EVALSHA"])
@pytest.mark.parametrize("is_tls", [False, True], ids=["TCP", "TLS"])
def test_a_redis_that_drips_costs_a_fifth_of_a_second(
    cached: Function, tmp_path: Path, tls: ssl.SSLContext, ca_file: str, log: Any, stage: bytes, is_tls: bool
) -> None:
    """From a stage on, each byte takes 0.1 s; and no invocation is late."""
    server = Valkey(tmp_path, password="right").start()

    def drip(data: bytes) -> None:
        if b"\r\n" + stage + b"\r\n" in data:
            proxy.drips = 0.1

    with Proxy(f"127.0.0.1:{server.port}", watch=drip, tls=tls if is_tls else None) as proxy:
        url = f"{'rediss' if is_tls else 'redis'}://:right@localhost:{proxy.port}/1"
        cached.configure(REDIS_URL=url, **({"REDIS_CA_FILE": ca_file} if is_tls else {}))
        cached.start().initialize(cached.context())
        cached.timeout = 1
        started = time.monotonic()
        assert cached.ask()["status"] == 200
        alone = time.monotonic()
        cached.direct({"queries": [{"phoneNumber": f"49151{n:07}"} for n in range(30)]})
        batch = time.monotonic()
    server.kill()
    assert alone - started < 0.3
    assert batch - alone < cached.timeout
    assert reasons(log()) == ["timeout"]


def test_a_providers_own_ca(cached: Function, sandbox: Sandbox, tls_url: str, ca_file: str, log: Any) -> None:
    cached.configure(REDIS_URL=tls_url, REDIS_CA_FILE=ca_file)
    cached.ask()
    cached.start()
    assert cached.ask()["status"] == 200
    assert len(sandbox.arrivals) == 1
    assert reasons(log()) == []


def test_no_other_ca_is_trusted(cached: Function, tls_url: str, tmp_path: Path, log: Any) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    for settings in ({}, {"REDIS_CA_FILE": str(tmp_path / "other.pem")}):
        cached.configure(REDIS_URL=tls_url, **settings).start()
        assert cached.ask()["status"] == 200
        assert reasons(log()) == ["unknown_ca"]


@pytest.mark.parametrize("missing", [True, False], ids=["missing", "not PEM"])
def test_a_ca_that_cannot_be_read_stops_the_start(cached: Function, tmp_path: Path, missing: bool) -> None:
    path = tmp_path / "secret.pem" if missing else Path(__file__)
    cached.configure(REDIS_URL="rediss://localhost", REDIS_CA_FILE=str(path))
    with pytest.raises(SettingsError, match="REDIS_CA_FILE: must be the path of a readable PEM file") as refused:
        cached.ask()
    assert "secret" not in str(refused.value)


def test_a_certificate_for_another_host(cached: Function, tls_url: str, ca_file: str, log: Any) -> None:
    cached.configure(REDIS_URL=tls_url.replace("localhost", "127.0.0.1"), REDIS_CA_FILE=ca_file)
    assert cached.ask()["status"] == 200
    assert reasons(log()) == ["tls"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"-ERR bad lua script for redis cluster, all the keys that the script uses ...\r\n", "script_refused"),
        (b"-NOPERM this user has no permissions to run the 'evalsha' command\r\n", "no_permission"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "out_of_memory"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "loading"),
        (b"-ERR unknown command 'EVALSHA'\r\n", "refused"),
        *((odd, "refused") for odd in (b"+OK\r\n", b"*0\r\n", b"$-1\r\n", b":abc\r\n", b"-MOVED 3999 host\r\n")),
        (b"", "reset"),
    ],
)
def test_the_log_says_why_redis_refuses(cached: Function, log: Any, answer: bytes, reason: str) -> None:
    def refuse(sock: Any) -> None:
        while answer and (data := sock.recv(65536)):
            sock.sendall(answer * len(_COMMAND.findall(data)))

    with serving(refuse) as address:
        cached.configure(REDIS_URL=f"redis://{address}")
        assert cached.ask()["status"] == 200
    assert reasons(log()) == [reason]


def test_the_log_says_why_there_is_no_connection(cached: Function, log: Any) -> None:
    for url, reason in (
        ("redis://127.0.0.1:1", "connect"),
        ("redis://nowhere.invalid", "dns"),
    ):
        cached.configure(REDIS_URL=url).start()
        assert cached.ask()["status"] == 200
        assert reasons(log()) == [reason]


def test_the_log_says_that_a_server_is_read_only(cached: Function, valkey: Valkey, log: Any) -> None:
    redis.Redis.from_url(valkey.url).replicaof("127.0.0.1", "1")
    cached.configure(REDIS_URL=valkey.url)
    assert cached.ask()["status"] == 200
    assert reasons(log()) == ["read_only"]


def test_a_wrong_password(cached: Function, tmp_path: Path, log: Any) -> None:
    server = Valkey(tmp_path, password="right").start()
    try:
        cached.configure(REDIS_URL=server.url.replace("right", "secret"))
        assert [cached.ask()["status"] for _ in range(3)] == [200] * 3
        lines = log()
        assert [line for line in lines if "redis" in line] == [
            {"level": "WARNING", "redis": "unavailable", "reason": "wrong_password"}
        ]
        assert "secret" not in str(lines)
        cached.configure(REDIS_URL=server.url).start()
        assert cached.ask()["status"] == 200
        assert reasons(log()) == []
    finally:
        server.kill()
