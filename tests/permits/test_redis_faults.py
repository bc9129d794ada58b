"""Redis restarts, forgets, stands still, or its clock is set: no flood, and soon all is well."""

import copy

import pytest

from testing.virtual_fleet import PATIENCE, PERSON, World
from tests.conftest import further
from tests.permits.conftest import MakeWorld, broken
from tests.permits.load import Crowd

# Virtual time: how long they take depends on the machine alone.
pytestmark = pytest.mark.timeout(300)

# What was promised before the fault, and a window.
SETTLED_SECONDS = PATIENCE + 1.0


@pytest.fixture
def crowd(world: World) -> Crowd:
    """16 people and 8 bulk callers, who have used up the quota for a while."""
    world.warm(24)
    made = Crowd(world, 16, bulk=8)
    made.ask(8)
    return made


@pytest.mark.parametrize("what", [":state", ":arrivals", ":appointments", ""])
@pytest.mark.parametrize("after", [0.13, *further(0.39, 0.7, 0.95)])
def test_redis_forgets(world: World, crowd: Crowd, what: str, after: float) -> None:
    """Any one of its keys, or everything; nobody who waits is refused."""
    crowd.ask(after)
    for key in [key for key in world.server.redis.keys if key.endswith(what)]:
        world.plant("DEL", key)
    began = crowd.ask(8)
    assert world.too_many() == 0
    # Moments of appointments that are forgotten are nobody's.
    least = 0.5 if what == ":appointments" else 0.9
    assert len(world.since(began + SETTLED_SECONDS)) >= least * world.limit * (8 - SETTLED_SECONDS)
    assert broken(world) == []


def test_redis_forgets_again_and_again(world: World, crowd: Crowd) -> None:
    for seconds in (0.3, 2.3, 1.1, 2.9, 0.8, 5.0):
        world.restart()
        crowd.ask(seconds)
    assert world.too_many() == 0
    assert broken(world) == []


@pytest.mark.parametrize("patience", [0.5, *further(5.0, 0.0, 30.0, 30.3, 14.4)])
def test_redis_forgets_where_people_are_less_or_more_patient(worlds: MakeWorld, patience: float) -> None:
    world = worlds(patience=patience)
    person = PERSON._replace(budget=patience, lag=1.0)
    for tenth in range(80):
        if tenth in (30, 53):
            world.flush()
        world.crowd(0, 16, person)
        world.pass_time(0.1)
    world.pass_time(patience)
    assert world.too_many() == 0
    assert broken(world) == []


def test_redis_forgets_while_hardly_anybody_asks(world: World) -> None:
    """Nobody was promised anything, so the next ones wait only until those who could be under way have arrived."""
    world.warm(12)
    world.flush()
    callers = world.crowd(0, 5)
    world.pass_time(2.5)
    assert [caller.outcome for caller in callers] == ["called"] * 5
    assert world.too_many() == 0


def test_a_new_instance_asks_first_after_redis_forgot(world: World, crowd: Crowd) -> None:
    """It cannot know what others were promised: at most a window's worth is too much."""
    world.flush()
    world.crowd(100, 4)
    forgot = world.hub.now
    crowd.ask(6)
    assert world.too_many(forgot - 1, 2 * world.limit) == 0
    assert world.too_many(forgot + SETTLED_SECONDS) == 0


def test_a_replica_that_lags_takes_over(world: World, crowd: Crowd) -> None:
    """At most what it had not yet copied is promised twice."""
    redis = world.server.redis
    copies = copy.deepcopy((redis.keys, redis.expiries))
    crowd.ask(0.5)
    world.watch.disturbed(forgot=True)
    redis.keys, redis.expiries = copies
    failed = crowd.ask(6)
    assert world.too_many(failed - 1, 2 * world.limit) == 0
    assert world.too_many(failed + SETTLED_SECONDS) == 0


@pytest.mark.parametrize("seconds", [0.1, 0.4, 3.0])
def test_redis_stands_still(world: World, crowd: Crowd, seconds: float) -> None:
    """Thawed, it answers questions of callers that have left; what it books for them is lost, and no more."""
    world.become("frozen")
    crowd.ask(seconds)
    world.become("up")
    began = crowd.ask(8)
    assert world.too_many(quota=2 * world.limit if seconds > 1 else None) == 0
    assert world.too_many(began + SETTLED_SECONDS) == 0
    assert len(world.since(began + SETTLED_SECONDS)) >= 0.8 * world.limit * (8 - SETTLED_SECONDS)


@pytest.mark.parametrize("seconds", [0.03, 5.0, *further(0.1, 0.25, 1.0, 3600.0)])
def test_the_clock_is_set_forward(world: World, crowd: Crowd, seconds: float) -> None:
    """Too many at most once, and over in three windows."""
    world.step_clock(seconds)
    began = crowd.ask(8)
    assert world.too_many(began - 1, 2 * world.limit) == 0
    assert world.too_many(began + 3) == 0
    assert len(world.since(began + 3)) >= 0.9 * world.limit * 5


@pytest.mark.parametrize("seconds", [-0.1, -20.0, *further(-5.0, -3600.0)])
def test_the_clock_is_set_back(world: World, crowd: Crowd, seconds: float) -> None:
    """The account is not closed until the clock is again where it was."""
    world.step_clock(seconds)
    began = crowd.ask(12)
    assert world.too_many(began - 1, 2 * world.limit) == 0
    assert world.too_many(began + SETTLED_SECONDS) == 0
    assert len(world.since(began + 7)) >= 0.9 * world.limit * 5
