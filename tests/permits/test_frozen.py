"""An instance that the platform freezes: no call too many, and no caller is lost."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from local.sandbox import Sandbox
from local.valkey import Valkey
from testing.instance import Instance
from tests.conftest import NUMBER

pytestmark = pytest.mark.timed

EVENT = {"phoneNumber": NUMBER}


@pytest.fixture
def instance(endpoint: str, valkey: Valkey) -> Iterator[Instance]:
    """One that has answered once."""
    made = Instance(endpoint, valkey.url, MAX_INSTANCES="4", CACHE_TTL_SECONDS="0")
    assert made.direct(EVENT)["status"] == 200
    made.lines.clear()
    yield made
    made.end()


def test_a_permit_that_has_become_old_is_taken_anew(instance: Instance, sandbox: Sandbox, valkey: Valkey) -> None:
    client: Any = redis.Redis.from_url(valkey.url)
    (queue,) = [key for key in client.keys("*permits*") if client.type(key) == b"hash"]
    client.hset(queue, "opens", f"{(time.time() + 1.5) * 1e6:.0f}")
    client.config_resetstat()
    instance.send(EVENT)
    instance.freeze(after=0.5, seconds=2.0)
    thawed = time.monotonic()
    assert instance.receive()["status"] == 200
    assert [line["attempts"] for line in instance.lines if "attempts" in line] == [1]
    assert sandbox.arrivals[-1] >= thawed
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] >= 2
    # A call that was not sent leaves its connection to the next one.
    assert (len(sandbox.arrivals), len(sandbox.connections)) == (2, 1)


def test_an_answer_that_is_there_when_the_process_runs_again_counts(instance: Instance, valkey: Valkey) -> None:
    client: Any = redis.Redis.from_url(valkey.url)
    client.client_pause(100)
    instance.send(EVENT)
    instance.freeze(after=0.05, seconds=0.4)
    assert instance.receive()["status"] == 200
    assert [line for line in instance.lines if "redis" in line] == []
