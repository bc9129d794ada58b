"""Frozen instances, busy cores and a Redis that is far away: no call too many, and nobody is lost."""

from random import Random

import pytest

from testing.virtual_fleet import PERSON, World
from tests.conftest import further
from tests.permits.conftest import broken
from tests.permits.load import Crowd, one_after_another, people_who_do_not_come_back

# Virtual time: how long they take depends on the machine alone.
pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("waits", [0.0002, 0.9])
def test_a_frozen_instance_asks_anew_and_the_others_go_on(world: World, waits: float) -> None:
    """Whether before Redis answers, or while it waits for its moment."""
    world.warm(8)
    world.crowd(0, 5)
    world.pass_time(0.1)
    frozen = world.crowd(5, 2, PERSON._replace(budget=6.0))
    world.pass_time(waits)
    for at in (5, 6):
        world.freeze(at, 3.0)
    others = Crowd(world, 5)
    began = others.ask(2.5)
    assert len(world.since(began)) >= 8
    others.ask(4)
    assert [caller.outcome for caller in frozen] == ["called"] * 2
    assert world.too_many() == 0
    later = world.call(5)
    world.pass_time(2.5)
    assert later
    assert later.outcome == "called"


def test_a_suspended_instance_whose_clock_stood_still(world: World) -> None:
    world.warm(8)
    crowd = Crowd(world, 6)
    for number in range(8):
        crowd.ask(1.0)
        world.freeze(6 + number % 2, 3.0, clock_stands=True)
        world.crowd(6, 2)
    crowd.ask(4)
    assert world.too_many() == 0


@pytest.mark.parametrize(("delay", "least"), [(0.025, 0.9), *further((0.006, 0.9), (0.05, 0.85))])
def test_redis_is_far_away(world: World, delay: float, least: float) -> None:
    """Each way takes so long."""
    world.warm(24)
    for at in range(24):
        world.delay(at, delay, delay)
    crowd = Crowd(world, 21, bulk=3)
    # Until the moments are over that were booked when it was near.
    crowd.ask(15)
    began = crowd.ask(15)
    assert world.used(began) >= least
    assert world.since(began, bulk=True)
    assert world.too_many() == 0


def test_who_is_farther_from_redis_gets_no_moment_that_it_must_miss(world: World) -> None:
    """Of appointments that were booked from nearby, and that nobody keeps."""
    world.warm(12)
    world.call(60)
    world.delay(60, 0.0165, 0.0165)
    world.call(60)
    world.pass_time(2)
    world.call(60)
    world.pass_time(2)
    people_who_do_not_come_back(world, 40)
    assert [caller.asks for caller in one_after_another(world, 5)] == [1] * 5


def test_redis_is_slow_and_uneven(world: World) -> None:
    world.warm(16)
    chance, crowd = Random(1), Crowd(world, 16)
    began = world.hub.now
    for _ in range(200):
        world.delay(chance.randrange(16), chance.uniform(0, 0.05), chance.uniform(0, 0.05))
        crowd.ask(0.1)
    assert world.used(began) >= 0.7
    assert world.too_many() == 0


@pytest.mark.parametrize("seconds", [0.02, *further(0.005, 0.01)])
def test_busy_cores(world: World, seconds: float) -> None:
    """Some instances wake up late."""
    world.warm(16)
    for at in range(4):
        world.oversleep(at, seconds)
    began = Crowd(world, 16).ask(20)
    assert world.used(began) >= 0.9
    assert world.too_many() == 0
    assert broken(world) == []


def test_callers_die_while_they_wait(world: World) -> None:
    """Their moments are lost, and no more than that."""
    world.warm(16)
    crowd = Crowd(world, 12, bulk=4)
    began = world.hub.now
    for at in range(16):
        crowd.ask(1.0)
        world.kill(at)
    assert world.used(began) >= 0.75
    assert world.too_many() == 0
