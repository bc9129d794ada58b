"""Instances that the platform freezes or busy cores delay: no call too many, and no caller is lost."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.valkey import Valkey
from testing.fleet.callers import Event, direct, http
from testing.fleet.measures import most_in_a_second
from testing.proxy import Proxy
from tests.conftest import CODE, NUMBER, further

pytestmark = pytest.mark.timed

FROZEN_SECONDS = 3


class Instance:
    """One instance, in a process that answers one event at a time, and can be made to stand still."""

    def __init__(self, environ: dict[str, str], program: str = "testing.fleet.child") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", program],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.log: list[dict[str, Any]] = []
        self._reply()

    def ask(self, event: Event) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"event": event, "timeout": 10}) + "\n")
        self._process.stdin.flush()
        return self._reply()["answer"]

    def freeze(self, seconds: float) -> None:
        """Stand still for so long, from now on."""
        os.kill(self._process.pid, signal.SIGSTOP)
        threading.Timer(seconds, os.kill, (self._process.pid, signal.SIGCONT)).start()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _reply(self) -> Any:
        assert self._process.stdout
        for line in self._process.stdout:
            document = json.loads(line)
            if "reply" in document:
                return document["reply"]
            self.log.append(document)
        raise RuntimeError("the process ended")


@pytest.fixture
def environ(endpoint: str, valkey: Valkey) -> dict[str, str]:
    return {
        **role_environment(DEMO_KEY_ID, DEMO_KEY),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{CODE}{os.pathsep}.",
        "CAMS_ENDPOINT": endpoint,
        "CAMS_PROTOCOL": "HTTP",
        "CAMS_QPS": "5",
        "MAX_INSTANCES": "4",
        "CACHE_TTL_SECONDS": "0",
        "REDIS_URL": valkey.url,
    }


@contextmanager
def watched(environ: dict[str, str], valkey: Valkey, watch: Callable[[Instance, bytes], None]) -> Iterator[Instance]:
    """An instance, and who sees what it and Redis say to each other, once it has answered for the first time."""
    instance: Instance | None = None
    proxy = Proxy(f"127.0.0.1:{valkey.port}", watch=lambda data: watch(instance, data) if instance else None)
    started = Instance({**environ, "REDIS_URL": f"redis://{proxy.address}"})
    try:
        assert started.ask(direct(NUMBER))["status"] == 200
        started.log.clear()
        instance = started
        yield instance
    finally:
        started.stop()
        proxy.cut()


@contextmanager
def busy(environ: dict[str, str], count: int) -> Iterator[None]:
    """So many instances at work until the block ends."""
    over = threading.Event()
    instances = [Instance(environ) for _ in range(count)]

    def work(instance: Instance, number: int) -> None:
        while not over.is_set():
            instance.ask(direct(f"861{number:08}"))

    threads = [threading.Thread(target=work, args=(one, number)) for number, one in enumerate(instances)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
        for instance in instances:
            instance.stop()


def once(act: Callable[[Instance], None], sees: Callable[[bytes], bool]) -> Callable[[Instance, bytes], None]:
    """What acts on an instance as soon as it sees something, but not again."""
    acted: list[bool] = []

    def watch(instance: Instance, data: bytes) -> None:
        if not acted and sees(data):
            acted.append(True)
            act(instance)

    return watch


def is_question(data: bytes) -> bool:
    return b"EVALSHA" in data


def tells_to_wait(data: bytes) -> bool:
    """Whether this is the queue's answer that a call may leave, in a while."""
    answer = re.match(rb"\*8\r\n\$2\r\ngo\r\n:(\d+)\r\n:(\d+)", data)
    return answer is not None and int(answer[2]) - int(answer[1]) > 60_000


def before_it_knows(instance: Instance) -> None:
    instance.freeze(FROZEN_SECONDS)


def while_it_waits(instance: Instance) -> None:
    threading.Timer(0.03, instance.freeze, (FROZEN_SECONDS,)).start()


@pytest.mark.parametrize(
    ("freeze", "event"),
    [(while_it_waits, http), *further((before_it_knows, http), (before_it_knows, direct), (while_it_waits, direct))],
    ids=lambda f: f.__name__,
)
def test_a_permit_that_has_become_old_is_taken_anew(
    environ: dict[str, str],
    sandbox: Sandbox,
    valkey: Valkey,
    freeze: Callable[[Instance], None],
    event: Callable[[str], Event],
) -> None:
    with busy(environ, 3), watched(environ, valkey, once(freeze, tells_to_wait)) as frozen:
        before, seconds = len(sandbox.arrivals), 0.0
        while seconds < FROZEN_SECONDS:
            began = time.monotonic()
            answer = frozen.ask(event(NUMBER))
            seconds = time.monotonic() - began
        time.sleep(1)
    assert 200 in (answer.get("status"), answer.get("statusCode"))
    assert {line["attempts"] for line in frozen.log if "attempts" in line} == {1}
    assert len(sandbox.arrivals) - before > 15
    # A call that was not sent leaves its connection to the next one.
    assert len(sandbox.connections) == 4
    assert most_in_a_second(sandbox.arrivals) == 5


def test_an_answer_that_is_there_when_the_process_runs_again_counts(
    environ: dict[str, str], sandbox: Sandbox, valkey: Valkey
) -> None:
    def freeze(instance: Instance) -> None:
        instance.freeze(0.3)

    with watched(environ, valkey, once(freeze, is_question)) as frozen:
        began = time.monotonic()
        assert frozen.ask(direct(NUMBER))["status"] == 200
        assert time.monotonic() - began > 0.3
    assert [line for line in frozen.log if "redis" in line] == []
