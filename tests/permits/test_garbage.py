"""With any garbage in the queue's keys, callers are served soon, and hardly exceed the quota."""

from collections.abc import Callable
from typing import Any

import pytest

from cams_qr.deadline import Deadline
from cams_qr.permits.account import AccountThrottle
from cams_qr.permits.breaker import Breaker
from cams_qr.permits.throttle import Caller
from cams_qr.redis_store import Client, Store, StoreUnavailable
from testing.virtual_fleet import BULK, PERSON, World
from tests.conftest import further
from tests.permits.conftest import broken
from tests.permits.load import Crowd

KEYS = ("state", "arrivals", "appointments")
FIELDS = ("created", "closed", "opens", "last", "bulk", "pace", "paced", "foreign")
VALUES = ["text", "1e17", "-5", *further("", "-inf", "inf", "nan", "1e300", "-1e300", "0", "0x10")]
# Moments within the horizon may be the queue's own.
HORIZON_SECONDS = 16.0
SOON_SECONDS = 4.0

# Virtual time: how long they take depends on the machine alone.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def world(world: World) -> World:
    """A fleet that has just been at work."""
    world.warm(6)
    world.crowd(0, 6)
    world.pass_time(0.3)
    return world


def key(part: str) -> str:
    return f"cams-qr:{{account}}:permits:{part}"


def ahead(world: World, seconds: float) -> str:
    """So many seconds from now, as the script keeps a time."""
    return str(int((1_700_000_000 + world.hub.now + seconds) * 1e6))


def recovers(world: World, within: float = SOON_SECONDS) -> None:
    """People and bulk are served in time, and nobody gets much more than the quota."""
    began = world.hub.now
    served = set[bool]()
    while served != {True, False} and world.hub.now < began + within:
        world.call(0, BULK)
        world.crowd(1, 5, PERSON)
        world.pass_time(0.1)
        served = {caller.manner.bulk for at, caller in world.arrivals if caller.began >= began}
    assert served == {True, False}, "\n".join(world.log[-40:])
    world.pass_time(2)
    assert world.too_many(quota=2 * world.limit) == 0
    assert [fault for fault in broken(world) if fault.startswith(("script", "bounded", "expiry"))] == []


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_makes_no_sense(world: World, field: str, value: str) -> None:
    world.plant("HSET", key("state"), field, value)
    recovers(world)


@pytest.mark.parametrize("seconds", [1e4, *further(9.0, 13.0, 25.0)])
@pytest.mark.parametrize("field", ["created", "opens", "last", *further("closed", "bulk", "paced")])
def test_a_time_that_is_far(world: World, field: str, seconds: float) -> None:
    world.plant("HSET", key("state"), field, ahead(world, seconds))
    recovers(world, HORIZON_SECONDS if seconds < 15 else SOON_SECONDS)


@pytest.mark.parametrize("value", ["0", "1e18", "an hour ahead", "text", *further("-5", "inf", "nan", "", "-1e300")])
@pytest.mark.parametrize("count", [1, 5, *further(2, 6, 10_000)])
def test_arrivals_that_make_no_sense(world: World, count: int, value: str) -> None:
    """As another quota's version leaves them, or more."""
    world.plant("DEL", key("arrivals"))
    value = ahead(world, 3600) if value == "an hour ahead" else value
    world.plant("RPUSH", key("arrivals"), *[value] * count)
    recovers(world)


@pytest.mark.parametrize("value", ["1e18", "text"])
def test_one_arrival_among_others_that_makes_no_sense(world: World, value: str) -> None:
    """It is met once those before it have been used."""
    world.plant("LPUSH", key("arrivals"), value)
    Crowd(world, 5, bulk=3).ask(5)
    recovers(world)
    assert value not in world.server.redis.keys[key("arrivals")]


@pytest.mark.parametrize("part", KEYS)
@pytest.mark.parametrize("kind", [("SET", "text"), ("RPUSH", "0"), ("HSET", "field", "text"), ("ZADD", "1", "text")])
def test_a_key_of_another_type(world: World, part: str, kind: tuple[str, ...]) -> None:
    name, *values = kind
    world.plant("DEL", key(part))
    world.plant(name, key(part), *values)
    recovers(world)


@pytest.mark.parametrize("score", ["near", "far", "inf", "-inf", *further("1e300", "0", "beyond")])
@pytest.mark.parametrize(
    "member",
    ["no appointment", "1 2 3 4 instance ticket", "1 9999999999999999 0 0 i t", f"{10**300} {10**301} 0 0 i t"],
)
def test_an_appointment_that_makes_no_sense(world: World, member: str, score: str) -> None:
    moments = {"near": ahead(world, 0.1), "far": ahead(world, 9.0), "beyond": ahead(world, 1e4)}
    world.plant("ZADD", key("appointments"), moments.get(score, score), member)
    recovers(world)


def test_appointments_that_are_too_far_ahead_are_removed(world: World) -> None:
    """Or there would soon be room for no others."""
    for number in range(1000):
        world.server.redis.command("ZADD", key("appointments"), ahead(world, 1e4 + number), f"member {number}")
    recovers(world)
    assert len(world.server.redis.keys.get(key("appointments"), ())) < 100


@pytest.mark.parametrize("seconds", [-5.0, *further(0.5, 9.0)])
def test_two_thousand_appointments(world: World, seconds: float) -> None:
    for number in range(2000):
        moment = ahead(world, seconds + number / 2e3)
        world.server.redis.command(
            "ZADD", key("appointments"), moment, f"{moment} {moment} {moment} 0 i planted-{number}"
        )
    world.plant("PEXPIRE", key("appointments"), "60000")
    # Each moment that could be the queue's own is a permit.
    recovers(world, HORIZON_SECONDS)


@pytest.mark.parametrize("reply", [None, b"OK", [], [1, 2, 3], [b"text"] * 7])
def test_a_reply_that_makes_no_sense(reply: Any) -> None:
    """It is read where the store can take it for a fault of Redis, and the instance goes on alone."""

    class Other(Store):
        def script(self, source: str) -> Any:
            return lambda client, keys, args: reply

        def ask(self, operation: Callable[[Client], Any], probe: bool = False) -> Any:
            try:
                return super().ask(operation, probe)
            except (TypeError, ValueError):
                raise StoreUnavailable from None

    throttle = AccountThrottle(Other("redis://127.0.0.1:1"), "account", 5, 1, 2.0)
    with throttle.permit(Caller("ticket", bulk=False), Deadline.after(1)) as permit:
        assert permit.booked == 0


@pytest.mark.parametrize("reply", [None, 5, [], b"\xff", b"text"])
def test_a_reason_that_makes_no_sense(reply: Any) -> None:
    assert not Breaker("account", "cams.example.com").enter([reply])
