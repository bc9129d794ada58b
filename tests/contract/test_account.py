"""Several instances share one account and one Redis: the quota holds, whatever happens to Redis under load."""

import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.valkey import Valkey
from testing.proxy import Proxy
from tests.conftest import CODE, NUMBER, Function, further

pytestmark = pytest.mark.timed

INSTANCES = 4


def most_in_a_second(arrivals: list[float]) -> int:
    return max(sum(1 for later in arrivals if at <= later < at + 1) for at in arrivals)


def test_a_frozen_redis_is_decided_on_within_a_fifth_of_a_second(function: Function, valkey: Valkey) -> None:
    function.configure(REDIS_URL=valkey.url, CACHE_TTL_SECONDS="60")
    assert function.ask()["status"] == 200
    valkey.pause()
    started = time.monotonic()
    assert function.ask("6281200001234")["status"] == 200
    # What Redis granted last leaves the window first.
    assert time.monotonic() - started < 1.6
    started = time.monotonic()
    assert function.ask("8613800000009")["status"] == 200
    assert time.monotonic() - started < 1.0
    valkey.resume()


@pytest.mark.parametrize("delay", [0.02, *further(0.01)])
def test_a_slow_redis_still_serves(
    function: Function, sandbox: Sandbox, valkey: Valkey, log: Any, delay: float
) -> None:
    with Proxy(f"127.0.0.1:{valkey.port}", delay) as proxy:
        function.configure(REDIS_URL=f"redis://{proxy.address}", CAMS_QPS="2", CACHE_TTL_SECONDS="60")
        answers = [function.ask(f"49151{n:07}")["status"] for n in range(6)]
    assert answers == [404] * 6
    assert most_in_a_second(sandbox.arrivals) <= 2
    assert [line for line in log() if "redis" in line] == []


def test_one_slow_answer_of_redis_does_not_stop_the_others(function: Function, valkey: Valkey) -> None:
    function.configure(REDIS_URL=valkey.url)
    assert function.ask()["status"] == 200
    valkey.pause()
    threading.Timer(0.3, valkey.resume).start()
    function.timeout = 1
    assert function.ask()["status"] == 200
    time.sleep(0.6)
    started = time.monotonic()
    assert function.ask()["status"] == 200
    assert time.monotonic() - started < 0.3


def test_a_redis_connection_that_died_costs_a_reconnect(function: Function, valkey: Valkey, log: Any) -> None:
    function.configure(REDIS_URL=valkey.url)
    assert function.ask()["status"] == 200
    redis.Redis.from_url(valkey.url).client_kill_filter(_type="normal", skipme=True)
    assert function.ask()["status"] == 200
    assert [line for line in log() if "redis" in line] == []


def test_a_list_known_to_one_instance_is_known_to_all(function: Function, sandbox: Sandbox, valkey: Valkey) -> None:
    function.configure(REDIS_URL=valkey.url, CACHE_TTL_SECONDS="60")
    first = function.ask()
    failure = function.ask("4915112345678")
    function.start()
    assert function.ask() == first
    assert function.ask("4915112345678")["problem"]["upstream"] == failure["problem"]["upstream"]
    assert len(sandbox.arrivals) == 2


def test_keys_hold_no_phone_number(function: Function, valkey: Valkey) -> None:
    function.configure(REDIS_URL=valkey.url, CACHE_TTL_SECONDS="60")
    function.ask()
    function.ask("4915112345678", custSpaceId="cams-8filvjc8snw")
    keys: Any = redis.Redis.from_url(valkey.url).keys("*")
    assert len(keys) == 4
    assert not any(digits in key for key in keys for digits in (NUMBER.encode(), b"4915112345678", b"8filvjc8snw"))


def test_what_cannot_be_read_is_asked_for_again(function: Function, sandbox: Sandbox, valkey: Valkey) -> None:
    function.configure(REDIS_URL=valkey.url, CACHE_TTL_SECONDS="60")
    function.ask()
    client = redis.Redis.from_url(valkey.url)
    keys: Any = client.keys("cams-qr:list:2:*")
    for text in ("", "{}", '{"at": 1}', "\xff", '{"at": "x"}'):
        client.set(keys[0], text)
        function.start()
        assert function.ask()["status"] == 200
    assert len(sandbox.arrivals) == 6


def test_one_flight_for_a_number(endpoint: str, sandbox: Sandbox, valkey: Valkey) -> None:
    script = (
        "import json, types, index\n"
        "context = types.SimpleNamespace(request_id='r', function=types.SimpleNamespace(timeout=10))\n"
        "index.initialize(context); input()\n"
        "print('answer', json.loads(index.handler(b'{\"phoneNumber\": \"8613800001234\"}', context))['status'])"
    )
    environ = role_environment(DEMO_KEY_ID, DEMO_KEY) | {"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP"}
    environ |= {"REDIS_URL": valkey.url, "PYTHONPATH": CODE, "MAX_INSTANCES": "4"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    time.sleep(2)
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=20)[0] for process in processes]
    assert all("answer 200" in output for output in outputs)
    assert len(sandbox.arrivals) == 1


def test_a_flight_that_lands_between_a_look_and_the_lead(function: Function, sandbox: Sandbox, valkey: Valkey) -> None:
    client = redis.Redis.from_url(valkey.url)

    def land(data: bytes) -> None:
        if b":flight" in data and client.exists("not stored yet"):
            client.rename("not stored yet", listed)

    with Proxy(f"127.0.0.1:{valkey.port}", watch=land) as proxy:
        function.configure(REDIS_URL=f"redis://{proxy.address}", CACHE_TTL_SECONDS="60")
        first = function.ask()
        keys: Any = client.keys("cams-qr:list:2:*")
        [listed] = keys
        client.rename(listed, "not stored yet")
        function.start()
        assert function.ask() == first
    assert len(sandbox.arrivals) == 1


def test_a_leader_that_died_frees_the_others(function: Function, sandbox: Sandbox, valkey: Valkey) -> None:
    function.configure(REDIS_URL=valkey.url, CACHE_TTL_SECONDS="60")
    function.ask()
    client = redis.Redis.from_url(valkey.url)
    keys: Any = client.keys("cams-qr:list:2:*")
    client.flushall()
    client.set(keys[0] + b":flight", "a dead leader", px=1000)
    function.start()
    started = time.monotonic()
    assert function.ask()["status"] == 200
    assert 0.8 < time.monotonic() - started < 4
    assert client.get(keys[0] + b":flight") is None


def test_pushback_reaches_every_instance(function: Function, sandbox: Sandbox, valkey: Valkey) -> None:
    function.configure(REDIS_URL=valkey.url, CAMS_QPS="5")
    function.timeout = 5
    function.ask("15554000003")
    second = Function(function.monkeypatch, dict(function.settings))
    second.timeout = 10
    sandbox.arrivals.clear()
    started = time.monotonic()
    for _ in range(3):
        assert second.ask()["status"] == 200
    assert sandbox.arrivals[0] - started > 0.2
    gaps = [later - earlier for earlier, later in zip(sandbox.arrivals, sandbox.arrivals[1:], strict=False)]
    assert min(gaps) > 0.2


def test_a_batch_ends_in_time_however_slow_redis_is(function: Function, valkey: Valkey) -> None:
    with Proxy(f"127.0.0.1:{valkey.port}", 0.01) as proxy:
        function.configure(REDIS_URL=f"redis://{proxy.address}", CAMS_QPS="5", CACHE_TTL_SECONDS="60")
        function.timeout = 3
        function.ask()
        started = time.monotonic()
        numbers = [NUMBER, *(f"49151{n:07}" for n in range(99))]
        results = function.direct({"queries": [{"phoneNumber": number} for number in numbers]})["results"]
        assert time.monotonic() - started < 3
    statuses = [result["status"] for result in results]
    assert statuses[0] == 200
    assert set(statuses[1:]) == {404, 429}
    assert all(result["problem"]["retryAfter"] >= 1 for result in results if result["status"] == 429)


def test_a_slow_resolver_of_redis_name_holds_nobody_up(
    function: Function, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, log: Any
) -> None:
    """The resolver is the system's, so this one is put in its place."""
    real = socket.getaddrinfo

    def slow(host: Any, *arguments: Any, **options: Any) -> Any:
        if host == "redis.example.net":
            time.sleep(3)
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    function.configure(REDIS_URL="redis://redis.example.net", CACHE_TTL_SECONDS="60")
    started = time.monotonic()
    assert function.ask()["status"] == 200
    assert time.monotonic() - started < 2
    assert {"level": "WARNING", "redis": "unavailable", "reason": "timeout"} in log()


def test_a_server_that_comes_back_without_the_last_grants_is_not_trusted(
    function: Function, sandbox: Sandbox, valkey: Valkey
) -> None:
    """As after a failover to a replica that lags: what the line promised last is forgotten."""
    function.configure(REDIS_URL=valkey.url, CACHE_TTL_SECONDS="0", CAMS_QPS="5")
    function.ask()
    client = redis.Redis.from_url(valkey.url)
    keys: Any = client.keys("*:permits*")
    replica: Any = {key: client.dump(key) for key in keys}
    time.sleep(1.2)
    for _ in range(5):
        function.ask()
    client.flushall()
    for key, value in replica.items():
        client.restore(key, 60_000, value)
    assert function.ask()["status"] == 200
    assert most_in_a_second(sandbox.arrivals) == 5


def test_the_scripts_name_their_keys_in_every_call() -> None:
    """A cluster's proxy refuses a script that calls with a key it cannot see. Source: Tair, "Lua script limits"."""
    scripts = {path.stem: re.sub("--.*", "", path.read_text()) for path in Path(CODE, "cams_qr").rglob("*.lua")}
    assert set(scripts) == {"take", "breaker", "look", "land"}
    for name, script in scripts.items():
        named = set(re.findall(r"\bKEYS\b(\[\d\])?", script))
        assert named == {"take": {"[1]", "[2]", "[3]"}, "breaker": {"[1]"}}.get(name, {"[1]", "[2]"})
        calls = re.findall(r"redis\.p?call\('(\w+)'(?:, ([^,)]+))?", script)
        assert all(key.startswith("KEYS[") for command, key in calls if command != "TIME")
