"""What a caller sees when the quota is used up: a moment, an appointment, or for bulk, its turn."""

from random import Random
from statistics import mean

import pytest

from cams_qr.permits.throttle import WINDOW_SECONDS
from testing.virtual_fleet import BULK, PATIENCE, PERSON, CallerModel, World
from tests.conftest import further
from tests.permits.conftest import MakeWorld, broken
from tests.permits.load import Crowd, one_after_another, people_who_do_not_come_back

# Virtual time: how long they take depends on the machine alone.
pytestmark = pytest.mark.timeout(300)


def called(callers: list[CallerModel]) -> list[bool]:
    return [caller.outcome == "called" for caller in callers]


def test_the_first_to_ask_waits_for_nobody(world: World) -> None:
    callers = world.crowd(0, 5)
    world.pass_time(0.05)
    assert called(callers) == [True] * 5


def test_instances_that_were_idle_for_hours(world: World) -> None:
    world.warm(10)
    world.pass_time(2 * 3600)
    world.crowd(0, 5)
    world.pass_time(1.2)
    callers = world.crowd(5, 5)
    world.pass_time(0.2)
    assert called(callers) == [True] * 5
    assert broken(world) == []


@pytest.mark.parametrize("people", [10, 16, *further(40)])
def test_the_quota_is_used_and_never_exceeded(world: World, people: int) -> None:
    world.warm(people)
    crowd = Crowd(world, people)
    crowd.ask(3)
    assert world.used(crowd.ask(20)) >= 0.95
    assert world.too_many() == 0
    assert broken(world) == []


@pytest.mark.parametrize(
    ("limit", "patience"), [(1, 2.0), (5, 0.0), (5, 5.0), *further((2, 2.0), (20, 2.0), (5, 30.0))]
)
def test_other_quotas_and_other_patience(worlds: MakeWorld, limit: int, patience: float) -> None:
    world = worlds(limit, patience=patience)
    person = PERSON._replace(budget=patience, lag=1.0)
    for _ in range(100):
        world.crowd(0, 10 + 2 * limit, person)
        world.pass_time(0.1)
    assert world.used(3.0) >= 0.9
    assert world.too_many() == 0
    assert broken(world) == []


def test_two_versions_with_different_quotas(world: World) -> None:
    """Nobody exceeds the larger one; once the smaller one's instances are gone, all of it is used."""
    world.limit = 3
    world.warm(10)
    world.limit = 5
    crowd = Crowd(world, 24)
    crowd.ask(10)
    assert world.too_many() == 0
    for at in range(10):
        world.kill(at)
    crowd.ask(5)
    assert world.used(crowd.ask(10)) >= 0.9


# Appointments


@pytest.mark.parametrize(
    ("people", "same_number", "least"),
    [(16, False, 0.95), (16, True, 0.9), *further((40, False, 0.95), (40, True, 0.9))],
)
def test_who_comes_back_when_told_is_served(world: World, people: int, same_number: bool, least: float) -> None:
    """Also where everybody asks for the same number, and nothing is cached."""
    world.warm(16)
    crowd = Crowd(world, people, same_number=same_number)
    crowd.ask(25)
    assert crowd.served() >= least
    assert broken(world) == []


def test_an_appointment_is_its_owners_until_it_is_overdue(worlds: MakeWorld) -> None:
    world = worlds(1)
    world.warm(1)
    world.crowd(0, 3)
    owner = world.call(3, PERSON._replace(ticket="owner"))
    world.pass_time(0.05)
    assert owner
    assert owner.outcome == "refused"
    told = owner.instance.told
    assert told - world.hub.now == pytest.approx(3 * WINDOW_SECONDS - PATIENCE, abs=1.0)
    others = [world.call(4), world.call(5)]
    world.pass_time(told - world.hub.now)
    owner = world.call(3, PERSON._replace(ticket="owner"))
    world.pass_time(PATIENCE)
    assert owner
    assert called([owner]) == [True]
    assert [other.outcome for other in others if other] == ["refused"] * 2


def test_who_has_less_time_than_patience_comes_back_in_time(world: World) -> None:
    """Its invocation ends before its patience, so it cannot wait as long for its moment."""
    world.warm(11)
    world.crowd(0, 10)
    hasty = PERSON._replace(budget=0.5, ticket="hasty")
    first = world.call(10, hasty)
    world.pass_time(0.05)
    assert first
    assert first.outcome == "refused"
    world.pass_time(first.instance.told - world.hub.now)
    second = world.call(10, hasty)
    world.pass_time(0.6)
    assert second
    assert called([second]) == [True]


@pytest.mark.parametrize("flood", [40, 100])
def test_people_who_do_not_come_back_leave_their_moments(world: World, flood: int) -> None:
    world.warm(12)
    people_who_do_not_come_back(world, flood)
    assert mean(called(one_after_another(world, 14))) >= 0.85


def test_the_quota_is_used_where_nobody_keeps_an_appointment(world: World) -> None:
    """Everybody who comes is new."""
    world.warm(12)
    for number in range(250):
        if number == 50:
            began = world.hub.now
        world.call(number % 60)
        world.pass_time(0.08)
    assert world.used(began) >= 0.85
    assert broken(world) == []


# Bulk


@pytest.mark.parametrize("bulk", [12, *further(20)])
def test_people_go_before_bulk_which_has_a_fifth(world: World, bulk: int) -> None:
    world.warm(3 + bulk)
    crowd = Crowd(world, 3, bulk)
    crowd.ask(3)
    began = crowd.ask(20)
    assert crowd.retries == []
    assert world.used(began) >= 0.95
    assert len(world.since(began, bulk=True)) / 20 >= 0.19 * world.limit
    assert broken(world) == []


@pytest.mark.parametrize(("bulk", "least"), [(1, 0.6), (3, 0.7)])
def test_bulk_is_served_behind_thirty_people(world: World, bulk: int, least: float) -> None:
    world.warm(30 + bulk)
    Crowd(world, 30).ask(5)
    began = Crowd(world, 30, bulk).ask(40)
    assert len(world.since(began, bulk=True)) / 40 >= least
    assert world.used(began) >= 0.9
    assert broken(world) == []


def test_bulk_is_served_behind_people_who_hardly_wait(worlds: MakeWorld) -> None:
    world = worlds(patience=1.0)
    world.warm(31)
    Crowd(world, 30).ask(5)
    began = Crowd(world, 30, bulk=1).ask(40)
    assert len(world.since(began, bulk=True)) / 40 >= 0.6
    assert broken(world) == []


def test_bulk_alone_shares_the_quota(world: World) -> None:
    world.warm(12)
    began = Crowd(world, 0, bulk=12).ask(60)
    assert world.used(began) >= 0.95
    calls = [caller.ticket for at, caller in world.arrivals if at >= began]
    assert min(calls.count(f"bulk-{number}") for number in range(12)) >= 10
    assert broken(world) == []


def test_bulk_that_leaves_wastes_at_most_its_floor(world: World) -> None:
    world.warm(12)
    crowd = Crowd(world, 16)
    crowd.ask(3)
    began = world.hub.now
    for _ in range(20):
        world.call(20, BULK._replace(budget=0.2))
        crowd.ask(0.5)
    assert world.used(began) >= 0.75


# CAMS throttles


@pytest.mark.parametrize("others", [2, *further(1, 3)])
def test_another_program_shares_the_quota(world: World, others: int) -> None:
    """What it leaves is used."""
    world.warm(24)
    crowd = Crowd(world, 24)
    world.share(others, 60, Random(1))
    began = crowd.ask(60)
    served = [caller for at, caller in world.arrivals if at >= began + 10 and caller.outcome == "called"]
    assert len(served) / 50 >= 0.85 * (world.limit - others)
    assert len(world.since(began + 10)) / 50 <= world.limit - others / 5


def test_what_cams_asks_for_is_granted(world: World) -> None:
    """Of people with appointments, too; but not of those who were told their moments before."""
    world.warm(16)
    crowd = Crowd(world, 16)
    crowd.ask(4)
    world.retry_after = 4.0
    world.share(100, 0.5, Random(1))
    crowd.ask(8)
    throttled = [at for at, caller in world.arrivals if caller.outcome == "throttled"]
    told = throttled[0] + PATIENCE + 0.1
    after = world.since(told)
    assert throttled[-1] < told
    assert throttled[-1] + 4.0 <= after[0] <= throttled[-1] + 5.0
