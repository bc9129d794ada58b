"""No permit is wasted when other callers leave, are far away, or were idle for long."""

from random import Random

import pytest

from tests.conftest import further
from tests.permits.fields import ahead
from tests.permits.fleet_model import CallerModel, Manner, World

# Whoever is refused does not come back.
PERSON = Manner(obeys=False)
BULK = Manner(bulk=True, budget=30.0, obeys=False)

# Virtual time: how long they take depends on the machine alone.
pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(300)]


def used(world: World, began: float) -> float:
    """The share of the quota since then."""
    return len(world.since(began)) / (world.hub.now - began) / world.limit


@pytest.mark.parametrize("delay", [0.025, *further(0.0005, 0.006)])
def test_redis_is_far_away(world: World, delay: float) -> None:
    """Each way takes so long; by the round trip, clocks are known half as well."""
    world.warm(24)
    for at in range(24):
        world.delay(at, delay, delay)
    # Until the moments are over that were booked when it was near.
    world.saturate(20, 24, PERSON)
    world.crowd(30, 3, BULK)
    began = world.hub.now
    world.saturate(20, 24, PERSON)
    assert used(world, began) >= 0.9
    assert world.since(began, bulk=True)
    assert world.broken == []


@pytest.mark.parametrize("delay", [0.01, *further(0.005, 0.025)])
def test_people_come_back_to_instances_farther_away(world: World, delay: float) -> None:
    """Half of the instances are near Redis, and whoever comes back may reach any."""
    world.warm(24)
    for at in range(12, 24):
        world.delay(at, delay, delay)
    began, choose = world.hub.now, Random(1)
    people: dict[str, tuple[float, CallerModel | None]] = {f"person-{number}": (0.0, None) for number in range(16)}
    for _ in range(1500):
        for ticket, (_, caller) in people.items():
            if caller and caller.thread.ended:
                people[ticket] = (caller.instance.told if caller.outcome == "refused" else 0.0, None)
        for ticket in [name for name, (due, caller) in people.items() if caller is None and due <= world.hub.now]:
            at = choose.choice([at for at in range(24) if world.instances[at].caller is None])
            people[ticket] = (0.0, world.call(at, PERSON._replace(ticket=ticket)))
        world.pass_time(0.02)
    assert used(world, began + 5) >= 0.9
    assert world.broken == []


@pytest.mark.parametrize("instances", [30, 200])
def test_each_of_many_instances_asks_seldom(world: World, instances: int) -> None:
    world.warm(5)
    began = world.hub.now
    for number in range(8 * 60):
        world.call(number % instances, PERSON)
        world.pass_time(1 / 8)
    assert used(world, began + 5) >= 0.85
    assert world.broken == []


@pytest.mark.parametrize("flood", [40, 100])
def test_people_who_do_not_come_back_leave_their_moments(world: World, flood: int) -> None:
    world.warm(12)
    for number in range(flood):
        world.call(number % 50, PERSON)
        world.pass_time(0.01)
    outcomes = []
    for _ in range(14):
        caller = world.call(60, PERSON)
        world.pass_time(2.1)
        outcomes.append(caller.outcome if caller else "none")
    assert outcomes.count("called") >= 12


def test_no_patience_is_patience_enough_for_a_permit_that_is_free() -> None:
    world = World(5, patience=0.0)
    for at in range(5):
        caller = world.call(at, Manner(budget=0.0, obeys=False))
        world.pass_time(0.05)
        assert caller
        assert caller.outcome == "called"
    refused = world.call(5, Manner(budget=0.0, obeys=False))
    world.pass_time(0.05)
    world.close()
    assert refused
    assert refused.outcome == "refused"


def test_instances_that_were_idle_for_hours(world: World) -> None:
    world.warm(10)
    world.pass_time(2 * 3600)
    world.crowd(0, 5, PERSON)
    world.pass_time(1.1)
    callers = [world.call(at, PERSON) for at in range(5, 10)]
    world.pass_time(0.2)
    assert [caller.outcome for caller in callers if caller] == ["called"] * 5
    assert world.broken == []


def test_two_versions_with_different_quotas(world: World) -> None:
    """Nobody exceeds the larger one; once the smaller one's instances are gone, all of it is used."""
    world.limits = dict.fromkeys(range(10), 3)
    world.warm(20)
    began = world.hub.now
    world.saturate(10, 24, PERSON)
    assert 0.9 * 3 / 5 <= used(world, began) <= 1
    for _ in range(200):
        world.crowd(10, 14, PERSON)
        world.pass_time(0.1)
    later = world.hub.now
    for _ in range(100):
        world.crowd(10, 14, PERSON)
        world.pass_time(0.1)
    assert used(world, later) >= 0.9
    assert world.broken == []


@pytest.mark.parametrize("patience", [30.0, 30.3, 14.4])
def test_all_is_forgotten_where_people_are_very_patient(patience: float) -> None:
    """Every key expires, whatever fraction of a second people wait."""
    world = World(5, patience=patience)
    world.warm(3)
    world.flush()
    caller = world.call(0, Manner(budget=30.0))
    world.pass_time(5)
    world.close()
    assert caller
    assert caller.outcome == "called"
    assert world.broken == []


def test_an_outage_of_redis_and_of_cams_is_over_soon(world: World) -> None:
    """However long CAMS throttled, and whatever it said."""
    world.warm(5)
    world.become("gone")
    world.saturate(60, 5, PERSON._replace(throttled=9999.0))
    over = world.hub.now
    world.saturate(20, 5, PERSON)
    assert world.since(over)


@pytest.mark.parametrize("others", [2, *further(1, 3)])
def test_another_program_shares_the_quota(world: World, others: int) -> None:
    """What it leaves is used."""
    world.warm(24)
    began = world.hub.now
    world.share(others, seconds=60, at=Random(1))
    world.saturate(60, 24, PERSON)
    served = [caller for at, caller, _ in world.arrivals if at >= began + 10 and caller.outcome == "called"]
    assert len(served) / 50 >= 0.85 * (world.limit - others)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_slow_pace_is_not_forgotten(limit: int) -> None:
    """However far ahead its moments are, nobody is given one that the queue cannot keep."""
    world = World(limit)
    world.warm(12)
    world.plant("HSET", world.key("state"), "pace", str(limit / 20))
    world.plant("HSET", world.key("state"), "paced", ahead(world, 0.0))
    world.saturate(6, 12)
    world.close()
    assert float(world.state()["pace"]) < limit / 10
    assert len(world.since(world.hub.now - 6)) <= limit


@pytest.mark.parametrize("ticket", ["its own", "the same"])
@pytest.mark.parametrize("count", [16, *further(40)])
def test_who_comes_back_when_told_is_served(world: World, count: int, ticket: str) -> None:
    """Also where everybody asks for the same number, and nothing is cached. Each person stays with one instance."""
    world.warm(16)
    callers: dict[int, CallerModel] = {}
    back = []
    for _ in range(20 * 50):
        for at in range(count):
            before = callers.get(at)
            if before and (not before.thread.ended or world.hub.now < world.instances[at].told):
                continue
            caller = world.call(at, PERSON._replace(ticket=ticket if ticket == "the same" else f"person {at}"))
            assert caller
            if before and before.outcome == "refused":
                back.append(caller)
            callers[at] = caller
        world.pass_time(0.02)
    outcomes = [caller.outcome for caller in back if caller.thread.ended]
    assert outcomes.count("called") >= 0.9 * len(outcomes) > 0
    assert world.broken == []
