"""Redis is away: each instance keeps a pace of its own, and CAMS' throttling corrects what they cannot know."""

from random import Random
from statistics import mean

import pytest

from testing.virtual_fleet import BULK, PERSON, World
from tests.conftest import further
from tests.permits.conftest import MakeWorld
from tests.permits.load import Crowd, come, refused

# Virtual time: how long they take depends on the machine alone.
pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("count", [24, *further(40)])
def test_a_saturated_fleet_loses_redis_briefly(worlds: MakeWorld, count: int) -> None:
    """Each goes on as it was last served."""
    world = worlds(allowed=count)
    world.throttles = True
    world.warm(count)
    crowd = Crowd(world, count // 2, bulk=count // 2)
    crowd.ask(10)
    lost = world.hub.now
    world.become("gone")
    crowd.ask(1.5)
    world.restart()
    crowd.ask(6)
    assert world.too_many(lost - 1) == 0


@pytest.mark.parametrize("returns", ["with its memory", "empty"])
@pytest.mark.parametrize("count", [24, *further(40)])
def test_a_saturated_fleet_loses_redis_for_long(worlds: MakeWorld, count: int, returns: str) -> None:
    """CAMS is the arbiter; after the return, at most a window's worth is too much."""
    loses_redis_for_long(worlds(allowed=count), count, returns)


def loses_redis_for_long(world: World, count: int, returns: str) -> None:
    world.throttles = True
    world.warm(count)
    crowd = Crowd(world, count)
    crowd.ask(10)
    world.become("gone")
    lost = crowd.ask(8)
    served = [caller for at, caller in world.arrivals if at >= lost and caller.outcome == "called"]
    assert len(served) / 8 >= 0.5 * world.limit
    world.restart() if returns == "empty" else world.become("up")
    back = crowd.ask(8)
    assert world.too_many(back) <= world.limit
    assert world.too_many(back + 4) == 0
    assert len(world.since(back + 4)) >= 0.9 * world.limit * 4


def test_redis_is_lost_again_before_its_queue_opens(worlds: MakeWorld) -> None:
    """Those who were told to wait do not call at once."""
    world = worlds()
    world.throttles = True
    world.warm(24)
    crowd = Crowd(world, 24)
    crowd.ask(4)
    world.restart()
    crowd.ask(0.3)
    lost = world.hub.now
    world.become("gone")
    crowd.ask(3)
    world.restart()
    crowd.ask(4)
    assert world.too_many(lost - 1, 2 * world.limit) == 0


@pytest.mark.parametrize("allowed", [8, 16, *further(40)])
def test_people_are_served_at_sixty_percent(worlds: MakeWorld, allowed: int) -> None:
    """While Redis is away, and in the three seconds after its return."""
    away, after, over = [], [], []
    for seed in range(4):
        world = worlds(seed=seed, allowed=allowed)
        world.throttles = True
        world.warm(allowed)
        chance = Random(seed)
        come(world, 3, 8, allowed, chance, even=True)
        world.become("gone")
        lost = world.hub.now
        people = come(world, 3, 20, allowed, chance, even=True)
        over.append(world.too_many(lost - 1) / 60)
        world.restart()
        returned = come(world, 3, 3, allowed, chance, even=True)
        world.pass_time(3)
        away.append(refused(people))
        after.append(refused(returned))
    assert mean(away) <= 0.10
    assert mean(after) <= 0.10
    assert mean(over) <= 0.02


def test_people_who_come_at_random_without_redis(worlds: MakeWorld) -> None:
    """What CAMS throttles is not hidden, and is little."""
    shares = []
    for seed in range(6):
        world = worlds(seed=seed, allowed=16)
        world.throttles = True
        world.warm(16)
        world.become("gone")
        people = come(world, 3, 20, 16, Random(seed))
        world.pass_time(3)
        shares.append(refused(people))
    assert mean(shares) <= 0.15


def test_cams_slows_down_instances_that_never_heard_of_others(worlds: MakeWorld) -> None:
    calls = []
    for seed in range(3):
        world = worlds(seed=seed)
        world.throttles = True
        world.become("gone")
        crowd = Crowd(world, 24)
        crowd.ask(30)
        began = crowd.ask(30)
        calls.append(len(world.since(began)) / 30)
    assert 3.5 <= mean(calls) <= 6.5


def test_what_cams_asked_for_is_granted_without_redis(world: World) -> None:
    """However long it throttled, and whatever it said, it is over soon."""
    world.become("gone")
    world.retry_after = 9999.0
    world.share(100, 5.0, Random(1))
    crowd = Crowd(world, 5)
    crowd.ask(5)
    assert len(world.arrivals) <= 10
    world.retry_after = 0.0
    later = crowd.ask(25)
    assert [at for at in world.since(later) if at < later + 5] == []
    assert world.since(later)


def test_a_person_is_told_at_once_that_it_must_wait(world: World) -> None:
    world.become("gone")
    world.call(0)
    world.pass_time(0.3)
    second = world.call(0, PERSON._replace(budget=0.2))
    world.pass_time(0.3)
    assert second
    assert second.outcome == "refused"
    assert second.instance.told - second.began <= 2


@pytest.mark.parametrize("later", [1.5, 30.0])
def test_a_blip_that_one_instance_met_closes_nothing(world: World, later: float) -> None:
    """It may ask again much later, and knows nothing of what was in between."""
    world.warm(8)
    world.delay(0, 0.0005, 0.3)
    world.call(0)
    world.pass_time(0.5)
    world.delay(0, 0.0005, 0.0005)
    world.pass_time(later)
    callers = world.crowd(0, 5)
    world.pass_time(0.05)
    assert [caller.outcome for caller in callers] == ["called"] * 5


def test_a_new_instance_serves_people_when_redis_dies_after_its_first_permit(world: World) -> None:
    world.warm(24)
    Crowd(world, 24).ask(5)
    first = world.call(30, BULK)
    world.pass_time(5)
    world.become("gone")
    second = world.call(30)
    world.pass_time(2)
    assert first
    assert second
    assert [first.outcome, second.outcome] == ["called"] * 2


def test_what_the_queue_has_just_granted_counts_without_redis(worlds: MakeWorld) -> None:
    world = worlds(allowed=1)
    world.warm(1)
    world.pass_time(2)
    began = world.hub.now
    for _ in range(4):
        world.call(0)
        world.pass_time(0.02)
    world.become("gone")
    for _ in range(8):
        world.call(0)
        world.pass_time(0.25)
    assert len(world.since(began)) >= 8
    assert world.too_many() == 0
