"""With any garbage in the queue's keys, callers are served soon, and hardly exceed the quota."""

from collections.abc import Iterator

import pytest

from tests.conftest import further
from tests.permits.fields import QUEUE_FIELDS, ahead
from tests.permits.fleet_model import PARTS, Manner, World

LIMIT = 5
FLEET = 6
FIELDS = QUEUE_FIELDS
# Far beyond what the queue ever books; within what it may.
BEYOND = ["text", "1e17", "-5", *further("", "-inf", "inf", "nan", "1e300", "-1e300", "0", "0x10")]
# What is told once the queue was forgotten, or another's moments were planted, cannot agree with what was told before.
PLANTED = ("promise", "twice", "order", "appointment", "idle")
PERSON = Manner(obeys=False)
BULK = Manner(bulk=True, budget=60.0, obeys=False)
HORIZON_SECONDS = 14.0
SOON_SECONDS = 3.5

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def world() -> Iterator[World]:
    """A fleet that has just been at work; a planted hole may make it forget one window."""
    made = World(LIMIT, excuse=lambda world, calls: "planted")
    made.warm(FLEET)
    made.crowd(0, FLEET, PERSON)
    made.pass_time(0.3)
    yield made
    made.close()


def recovers(world: World, within: float, calls: int = LIMIT + 1, most: int = 2 * LIMIT) -> None:
    """A person who comes again and again, and bulk, are served in time, and so many calls; nothing else breaks."""
    began = world.hub.now
    while not served(world, began, calls) and world.hub.now < began + within:
        world.call(0, BULK)
        world.crowd(1, FLEET - 1, PERSON)
        world.pass_time(0.1)
    assert served(world, began, calls), "\n".join(world.log[-40:])
    world.pass_time(2)
    assert [fault for fault in world.broken if not fault.startswith(PLANTED)] == []
    assert most_in_a_second(world) <= most


def served(world: World, began: float, calls: int) -> bool:
    people = [at for at, caller, _ in world.arrivals if not caller.manner.bulk and caller.began >= began]
    return bool(people and world.since(began, bulk=True)) and len(world.since(began)) >= calls


def most_in_a_second(world: World) -> int:
    times = [at for at, _, _ in world.arrivals]
    return max(sum(at <= later < at + 1 - 1e-6 for later in times) for at in times)


@pytest.mark.parametrize("value", BEYOND)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_makes_no_sense(world: World, field: str, value: str) -> None:
    world.plant("HSET", world.key("state"), field, value)
    recovers(world, SOON_SECONDS)


@pytest.mark.parametrize("seconds", [13.0, 1e4, *further(9.0, 25.0)])
@pytest.mark.parametrize("field", ["asked", "opens", "paced"])
def test_a_time_that_is_far(world: World, field: str, seconds: float) -> None:
    world.plant("HSET", world.key("state"), field, ahead(world, seconds))
    recovers(world, HORIZON_SECONDS if seconds < 14 else SOON_SECONDS)


@pytest.mark.parametrize("seconds", [-1e4, -9.0, 9.0, 1e4])
def test_an_offset_that_is_far(world: World, seconds: float) -> None:
    world.plant("HSET", world.key("state"), "offset", str(int(seconds * 1e6)))
    recovers(world, HORIZON_SECONDS if abs(seconds) < 14 else SOON_SECONDS)


@pytest.mark.parametrize("value", BEYOND)
@pytest.mark.parametrize("at", [0, 2, -1])
def test_an_arrival_that_makes_no_sense(world: World, at: int, value: str) -> None:
    world.plant("LSET", world.key("arrivals"), str(at), value)
    recovers(world, SOON_SECONDS)


@pytest.mark.parametrize("seconds", [13.0, 1e4, *further(9.0, 25.0)])
@pytest.mark.parametrize("at", [0, 2, -1])
def test_an_arrival_that_is_far(world: World, at: int, seconds: float) -> None:
    world.plant("LSET", world.key("arrivals"), str(at), ahead(world, seconds))
    recovers(world, HORIZON_SECONDS if seconds < 14 else SOON_SECONDS)


@pytest.mark.parametrize("count", [1, LIMIT + 1, 10_000])
def test_another_number_of_arrivals(world: World, count: int) -> None:
    """As another quota's version leaves them."""
    world.plant("DEL", world.key("arrivals"))
    world.plant("RPUSH", world.key("arrivals"), *(["0"] * count))
    recovers(world, SOON_SECONDS)


@pytest.mark.parametrize(
    ("value", "within"), [("-5", HORIZON_SECONDS), ("0.25", HORIZON_SECONDS), ("1000", SOON_SECONDS)]
)
def test_another_pace(world: World, value: str, within: float) -> None:
    world.plant("HSET", world.key("state"), "pace", value)
    world.plant("HSET", world.key("state"), "paced", ahead(world, 0.0))
    recovers(world, within, calls=2)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", ["SET", "RPUSH", "HSET", "ZADD"])
def test_a_key_of_another_type(world: World, part: str, kind: str) -> None:
    values = {"SET": ["text"], "RPUSH": ["text"], "HSET": ["field", "text"], "ZADD": ["1", "text"]}
    world.plant("DEL", world.key(part))
    world.plant(kind, world.key(part), *values[kind])
    recovers(world, SOON_SECONDS)


@pytest.mark.parametrize("value", ["inf", "-inf", "1e300", "-1", "0", "near", "far"])
def test_a_moment_set_aside(world: World, value: str) -> None:
    moments = {"near": ahead(world, 0.1), "far": ahead(world, 13.0)}
    world.plant("ZADD", world.key("set-aside"), moments.get(value, value), "planted")
    recovers(world, HORIZON_SECONDS if value == "far" else SOON_SECONDS)


@pytest.mark.parametrize("value", ["inf", "-inf", "1e300", "0", "near", "far", "beyond"])
@pytest.mark.parametrize("ticket", ["its own", "another's"])
def test_an_appointment(world: World, ticket: str, value: str) -> None:
    moments = {"near": ahead(world, 0.1), "far": ahead(world, 9.0), "beyond": ahead(world, 1e4)}
    world.plant("ZADD", world.key("appointments"), moments.get(value, value), ticket)
    began = world.hub.now
    while not any(c.ticket == "its own" for _, c, _ in world.arrivals) and world.hub.now < began + HORIZON_SECONDS:
        world.call(3, PERSON._replace(ticket="its own"))
        world.pass_time(0.1)
    assert world.hub.now - began < (HORIZON_SECONDS if value == "far" else SOON_SECONDS)
    recovers(world, SOON_SECONDS)


@pytest.mark.parametrize("seat", ["text", "-1", "nan", "inf", "1e9", "1e300", "-1 0", "9", "0.5"])
@pytest.mark.parametrize("value", ["near", "-inf", "inf", "1e300", "0"])
def test_a_seat_that_makes_no_sense(world: World, seat: str, value: str) -> None:
    world.plant("ZADD", world.key("seats"), ahead(world, 0.1) if value == "near" else value, seat)
    recovers(world, SOON_SECONDS)
    assert len(world.server.stub.keys[world.key("seats")]) <= FLEET + 1


def test_seats_that_are_held(world: World) -> None:
    held = ahead(world, 8.0)
    for seat in range(9999):
        world.server.stub.command("ZADD", world.key("seats"), held, seat)
    world.plant("ZADD", world.key("seats"), held, "9999")
    recovers(world, SOON_SECONDS)


@pytest.mark.parametrize("seconds", [-5.0, 0.5, 9.0, 1e4])
@pytest.mark.parametrize("part", ["appointments", "set-aside", "bulk"])
def test_ten_thousand_entries(world: World, part: str, seconds: float) -> None:
    for number in range(10_000):
        moment = ahead(world, seconds + number / 1e4)
        world.server.stub.command("ZADD", world.key(part), number if part == "bulk" else moment, f"planted-{number}")
    world.plant("PEXPIRE", world.key(part), "60000")
    # Each moment that could be the queue's own is a permit.
    recovers(world, HORIZON_SECONDS, most=60 if seconds == 0.5 and part != "bulk" else 2 * LIMIT)
