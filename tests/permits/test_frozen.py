"""An instance in a process of its own, which the platform freezes: no call too many, and no caller is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.valkey import Valkey
from tests.conftest import CODE, NUMBER, Function

pytestmark = pytest.mark.timed

SCRIPT = """
import sys, types, index
context = types.SimpleNamespace(request_id='r', function=types.SimpleNamespace(timeout=10))
index.initialize(context)
for event in sys.stdin:
    print('answer', index.handler(event.encode(), context)['status'], flush=True)
"""


class Instance:
    """One instance: it answers one event at a time, and can be made to stand still."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SCRIPT],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.log: list[dict[str, Any]] = []

    def ask(self) -> "Instance":
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"phoneNumber": NUMBER}) + "\n")
        self.process.stdin.flush()
        return self

    def status(self) -> int:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("answer"):
                return int(line.split()[1])
            self.log.append(json.loads(line))
        raise RuntimeError("the process ended")

    def freeze(self, after: float, seconds: float) -> None:
        time.sleep(after)
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def instance(endpoint: str, valkey: Valkey) -> Iterator[Instance]:
    """One that has answered once."""
    made = Instance(
        {
            **role_environment(DEMO_KEY_ID, DEMO_KEY),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{CODE}{os.pathsep}.",
            "CAMS_ENDPOINT": endpoint,
            "CAMS_PROTOCOL": "HTTP",
            "MAX_INSTANCES": "4",
            "CACHE_TTL_SECONDS": "0",
            "REDIS_URL": valkey.url,
        }
    )
    assert made.ask().status() == 200
    made.log.clear()
    yield made
    made.process.kill()
    made.process.wait()


def test_a_permit_that_has_become_old_is_taken_anew(instance: Instance, sandbox: Sandbox, valkey: Valkey) -> None:
    client: Any = redis.Redis.from_url(valkey.url)
    (queue,) = [key for key in client.keys("*permits*") if client.type(key) == b"hash"]
    client.hset(queue, "opens", f"{(time.time() + 1.5) * 1e6:.0f}")
    client.config_resetstat()
    instance.ask().freeze(after=0.5, seconds=2.0)
    thawed = time.monotonic()
    assert instance.status() == 200
    assert [line["attempts"] for line in instance.log if "attempts" in line] == [1]
    assert sandbox.arrivals[-1] >= thawed
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] >= 2
    # A call that was not sent leaves its connection to the next one.
    assert (len(sandbox.arrivals), len(sandbox.connections)) == (2, 1)


def test_an_answer_that_is_there_when_the_process_runs_again_counts(instance: Instance, valkey: Valkey) -> None:
    client: Any = redis.Redis.from_url(valkey.url)
    client.client_pause(100)
    instance.ask().freeze(after=0.05, seconds=0.4)
    assert instance.status() == 200
    assert [line for line in instance.log if "redis" in line] == []


def test_a_process_that_stands_still_while_it_connects(
    function: Function, valkey: Valkey, monkeypatch: pytest.MonkeyPatch, log: Any
) -> None:
    """The resolver is the system's, so this one is put in its place."""
    real, waker = socket.getaddrinfo, f"sleep 0.3; kill -CONT {os.getpid()}"
    stood: list[subprocess.Popen[bytes]] = []

    def stand_still(*arguments: Any, **options: Any) -> Any:
        if not stood:
            stood.append(subprocess.Popen(["sh", "-c", waker]))
            os.kill(os.getpid(), signal.SIGSTOP)
        return real(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", stand_still)
    function.configure(REDIS_URL=valkey.url.replace("127.0.0.1", "localhost"))
    assert function.ask()["status"] == 200
    assert stood[0].wait() == 0
    assert [line for line in log() if "redis" in line] == []
