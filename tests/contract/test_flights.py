"""One call per query, however many callers: if its leader dies, freezes or is slow, the others still get the answer."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from aiohttp import web
from aiohttp.typedefs import Handler

from local.sandbox import Sandbox
from local.serve import serve
from local.valkey import Valkey
from testing.instance import Instance
from tests.conftest import NUMBER, Function, further, v1_event

pytestmark = pytest.mark.timed

OTHER = "6281200001234"
TIMEOUT = 10
# A queued leader renews a lease of 0.3 s; the rest is for the others' look every 50 ms, and for busy cores.
TAKEOVER_SECONDS = 0.3 + 0.15


class Asked(Instance):
    """An instance that is asked for a number's list, and for the answer's status later."""

    def ask(self, number: str = NUMBER, kind: str = "direct") -> "Asked":
        query = {"phoneNumber": number}
        self.send(query if kind == "direct" else v1_event(parameters=query))
        return self

    def status(self) -> int:
        answer = self.receive()
        return int(answer.get("statusCode") or answer["status"])


@pytest.fixture
def instances(endpoint: str, valkey: Valkey) -> Iterator[Callable[..., list[Asked]]]:
    """Starts so many instances, and waits for them to be ready."""
    started: list[Asked] = []

    def start(count: int, **settings: str) -> list[Asked]:
        started.extend(Asked(endpoint, valkey.url, MAX_INSTANCES=str(count), **settings) for _ in range(count))
        return started

    yield start
    for instance in started:
        instance.process.kill()
        instance.process.communicate()


@pytest.fixture
def client(valkey: Valkey) -> Any:
    return redis.Redis.from_url(valkey.url)


@contextlib.contextmanager
def slow(sandbox: Sandbox, seconds: float) -> Iterator[str]:
    """The sandbox, whose answers for NUMBER take so long."""

    @web.middleware
    async def delay(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if request.query.get("PhoneNumber") == NUMBER:
            await asyncio.sleep(seconds)
        return answer

    app = sandbox.app()
    app.middlewares.append(delay)
    with serve(app) as address:
        yield address


def wait_for(condition: Callable[[], Any], seconds: float = 5) -> Any:
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.005)
    return found


def flight(client: Any) -> bytes | None:
    """Who leads the one flight there is, if anybody."""
    (key,) = client.keys("*:flight") or [None]
    return client.get(key) if key else None


def calls_for(sandbox: Sandbox, number: str) -> int:
    return sum(query["PhoneNumber"] == number for query in sandbox.queries)


def lead_in_line(client: Any, first: Asked, leader: Asked) -> bytes:
    """Have the leader queue for the permit that the first has just taken."""
    first.ask(OTHER)
    assert first.status() == 200
    leader.ask()
    lead = wait_for(lambda: queued if (queued := flight(client)) and queued.startswith(b"queued") else None)
    time.sleep(0.2)
    assert flight(client) == lead
    return bytes(lead)


def test_a_leader_killed_in_the_line_is_followed_at_once(
    instances: Callable[..., list[Asked]], sandbox: Sandbox, client: Any
) -> None:
    first, leader, *followers = instances(5, CAMS_QPS="1")
    dead = lead_in_line(client, first, leader)
    for follower in followers:
        follower.ask()
    leader.process.kill()
    killed = time.monotonic()
    wait_for(lambda: flight(client) not in (dead, None))
    assert time.monotonic() - killed < TAKEOVER_SECONDS
    assert [follower.status() for follower in followers] == [200] * 3
    assert calls_for(sandbox, NUMBER) == 1


@pytest.mark.parametrize("until", ["the next leader has landed", *further("the next leader has called")])
def test_a_leader_frozen_in_the_line_does_not_call_when_it_thaws(
    instances: Callable[..., list[Asked]], sandbox: Sandbox, client: Any, until: str
) -> None:
    with slow(sandbox, 1.0) as endpoint:
        first, leader, follower = instances(3, CAMS_QPS="1", CAMS_ENDPOINT=endpoint)
        lead_in_line(client, first, leader)
        leader.process.send_signal(signal.SIGSTOP)
        follower.ask()
        wait_for(lambda: calls_for(sandbox, NUMBER))
        if until == "the next leader has landed":
            assert follower.status() == 200
        leader.process.send_signal(signal.SIGCONT)
        assert leader.status() == 200
        assert calls_for(sandbox, NUMBER) == 1


@pytest.mark.parametrize("kind", ["http", *further("direct")])
def test_a_slow_cams_is_called_once(
    instances: Callable[..., list[Asked]], sandbox: Sandbox, client: Any, kind: str
) -> None:
    with slow(sandbox, 4.5) as endpoint:
        asked = [instance.ask(kind=kind) for instance in instances(3, CAMS_ENDPOINT=endpoint)]
        wait_for(lambda: sandbox.arrivals)
        (lock,) = client.keys("*:flight")
        wait_for(lambda: client.pttl(lock) > 4500)
        assert client.pttl(lock) <= TIMEOUT * 1000
        assert [instance.status() for instance in asked] == [200] * 3
    assert len(sandbox.arrivals) == 1
    assert not client.exists(lock)


def without_expiry(client: Any, lock: bytes) -> None:
    client.set(lock, "nobody")


def for_a_day(client: Any, lock: bytes) -> None:
    client.set(lock, "nobody", ex=86_400)


def of_another_type(client: Any, lock: bytes) -> None:
    client.hset(lock, "nobody", 1)
    client.expire(lock, 10)


@pytest.mark.parametrize("plant", [without_expiry, for_a_day, of_another_type], ids=lambda f: f.__name__)
def test_a_lock_that_no_leader_can_have_set_is_taken_over(
    function: Function, valkey: Valkey, client: Any, log: Any, plant: Callable[[Any, bytes], None]
) -> None:
    function.configure(REDIS_URL=valkey.url, CACHE_TTL_SECONDS="60")
    function.ask()
    (key,) = client.keys("cams-qr:list:*")
    client.delete(key)
    plant(client, key + b":flight")
    function.start()
    assert function.ask()["status"] == 200
    assert not client.exists(key + b":flight")
    assert [line for line in log() if "redis" in line] == []


def test_locks_lost_to_evictions_do_not_hold_a_leader_up(
    instances: Callable[..., list[Asked]], sandbox: Sandbox, client: Any
) -> None:
    """A full server may evict what expires soonest."""
    first, leader = instances(2, CAMS_QPS="1")
    lead_in_line(client, first, leader)
    (lock,) = client.keys("*:flight")
    while not calls_for(sandbox, NUMBER):
        client.delete(lock)
    assert leader.status() == 200
    assert calls_for(sandbox, NUMBER) == 1
