"""Redis is away: those who were active share the quota, others join them, and CAMS corrects what they cannot know.

And when it is back, people are served soon.
"""

import random
import time
from collections.abc import Iterator
from statistics import mean

import pytest
from cams_qr.permits.turns import Turns

from testing.fleet.measures import most_in_a_second, over_quota, share
from tests.conftest import further
from tests.permits.fleet_model import CallerModel, Manner, World

QUOTA = 5
# Whoever is refused does not come back.
PERSON = Manner(obeys=False)
OUTAGE_SECONDS = 20.0
RUNS = 6

# Virtual time: how long they take depends on the machine alone.
pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(300)]


class Platform:
    """Sends each person to an idle instance, or to a new one, which takes a while to start.

    The idle instance is the one that was busy last, or with `even`, a random one.
    """

    def __init__(
        self, world: World, seed: int, start_seconds: float = 0.1, started: int = 0, even: bool = False
    ) -> None:
        self._world = world
        self._chance = random.Random(seed)
        self._start_seconds = start_seconds
        self._even = even
        self._idle = list(range(started))
        self._busy: list[tuple[int, CallerModel]] = []
        self._started = started
        self._next = 0.0
        # When each came, and what became of it; None of those for whom there was no instance.
        self.people: list[tuple[float, CallerModel | None]] = []

    def come(self, rate: float, seconds: float) -> None:
        """People come at a rate, almost evenly."""
        hub = self._world.hub
        end = hub.now + seconds
        while hub.now < end:
            self._free()
            if hub.now >= self._next:
                self._next = hub.now + self._chance.uniform(0.5, 1.5) / rate
                self._place(hub.now)
            hub.run(hub.now + 0.01)

    def refused(self, begin: float, end: float) -> float:
        """The share of those who came then and were not served."""
        outcomes = [caller.outcome if caller else "no instance" for came, caller in self.people if begin <= came < end]
        return share([outcome != "called" for outcome in outcomes])

    def _place(self, came: float) -> None:
        if self._idle:
            self._send(self._idle.pop(self._chance.randrange(len(self._idle)) if self._even else -1), came)
        elif self._started < self._world.allowed:
            self._started += 1
            self._world.hub.at(came + self._start_seconds, lambda at=self._started: self._send(at, came))
        else:
            self.people.append((came, None))

    def _send(self, at: int, came: float) -> None:
        caller = self._world.call(at, PERSON)
        assert caller
        self.people.append((came, caller))
        self._busy.append((at, caller))

    def _free(self) -> None:
        done = [busy for busy in self._busy if busy[1].thread.ended]
        self._busy = [busy for busy in self._busy if busy not in done]
        self._idle += [at for at, _ in done]


@pytest.fixture
def worlds() -> Iterator[list[World]]:
    """Many, for what differs from one to another."""
    made = [World(QUOTA, seed, excuse=lambda world, calls: "counted here") for seed in range(RUNS)]
    for world in made:
        world.throttles = True
    yield made
    for world in made:
        world.close()


@pytest.mark.parametrize("start_seconds", [0.1, 0.5])
@pytest.mark.parametrize("allowed", [2, 8, 16, 40])
def test_people_are_served_while_redis_is_away(worlds: list[World], allowed: int, start_seconds: float) -> None:
    """Whether few or many instances are allowed, and start quickly or slowly: 60 % of the quota needs few of them."""
    refused, over = [], []
    for seed, world in enumerate(worlds):
        world.allowed = allowed
        platform = Platform(world, seed, start_seconds)
        platform.come(0.6 * QUOTA, 8)
        world.restart()
        world.become("gone")
        begin, end = world.hub.now, world.hub.now + OUTAGE_SECONDS
        platform.come(0.6 * QUOTA, OUTAGE_SECONDS + 3)
        refused.append(platform.refused(begin, end))
        over.append(over_quota(world.since(0), QUOTA, begin, end))
    assert mean(refused) <= 0.05
    assert mean(over) <= 0.01


@pytest.mark.parametrize("seconds", [0.5, 1.5, *further(2.0, 3.0, 6.0)])
@pytest.mark.parametrize("count", [8, 16])
def test_people_are_served_soon_after_redis_is_back(worlds: list[World], count: int, seconds: float) -> None:
    """However short the outage was, and also if the first instance to ask has slept through it."""
    refused = []
    for seed, world in enumerate(worlds):
        world.allowed = count
        world.warm(count)
        platform = Platform(world, seed, started=count, even=True)
        for _ in range(2):
            platform.come(0.6 * QUOTA, 4)
            world.become("gone")
            platform.come(0.6 * QUOTA, seconds)
            world.restart()
            back = world.hub.now
            platform.come(0.6 * QUOTA, 5)
            refused.append(platform.refused(back, back + 3))
            assert most_in_a_second(world.since(back - 1)) <= QUOTA
    assert mean(refused) <= 0.05


@pytest.mark.parametrize("seconds", [0.3, *further(0.05, 0.6, 0.9)])
@pytest.mark.parametrize("count", [8, 24])
def test_a_saturated_fleet_loses_redis_again_before_its_queue_opens(
    worlds: list[World], count: int, seconds: float
) -> None:
    """Those who were told to wait do not call at once."""
    world = worlds[0]
    world.warm(count)
    world.saturate(4, count, PERSON)
    world.restart()
    world.saturate(seconds, count, PERSON)
    world.become("gone")
    world.saturate(3, count, PERSON)
    world.restart()
    world.saturate(4, count, PERSON)
    assert most_in_a_second(world.since(0)) == QUOTA


@pytest.mark.parametrize("count", [12, *further(24, 40)])
def test_a_saturated_fleet_loses_redis_again_and_again(worlds: list[World], count: int) -> None:
    """Everybody comes back to the seat it had, so that no round takes longer than the one before."""
    world, calls = worlds[0], []
    world.warm(count)
    world.saturate(4, count, PERSON)
    for _ in range(3):
        began = world.hub.now
        world.become("gone")
        world.saturate(8, count, PERSON)
        world.restart()
        world.saturate(3, count, PERSON)
        calls.append(len(world.since(began)))
    assert most_in_a_second(world.since(0)) == QUOTA
    assert min(calls) > 0.7 * max(calls)


def test_hundreds_of_seats_are_forgotten(worlds: list[World]) -> None:
    """Only so many are held for their instances, but no two instances ever share one."""
    world = worlds[0]
    for at in range(300):
        world.call(at, PERSON)
        world.pass_time(0.005)
    world.flush()
    back = (299, 10, 270, 11, *range(400, 403), 298)
    for at in back:
        world.call(at, PERSON)
        world.pass_time(0.1)
    seats = [world.instances[at].throttle for at in back]
    taken = [known._seat for known in seats if known]
    assert len(set(taken)) == len(taken)


def test_what_cams_throttles_slows_instances_down_that_know_of_no_others(worlds: list[World]) -> None:
    calls = []
    for world in worlds:
        world.become("gone")
        world.saturate(60, 24, PERSON)
        assert most_in_a_second(world.since(0)) == 24
        calls.append(len(world.since(30)) / 30)
    assert 4 <= mean(calls) <= 5.5


@pytest.mark.parametrize("patience", [0.5, *further(0.0, 2.0)])
def test_a_saturated_fleet_keeps_the_quota_however_little_patience_people_have(patience: float) -> None:
    """Those who have none book nothing ahead, but the quota is used up all the same."""
    world = World(QUOTA, patience=patience)
    world.saturate(10, 24, PERSON._replace(budget=patience))
    world.become("gone")
    world.saturate(8, 24, PERSON._replace(budget=patience))
    world.close()
    assert most_in_a_second(world.since(0)) == QUOTA


def test_more_instances_run_than_are_allowed(worlds: list[World]) -> None:
    """As while one replaces another."""
    world = worlds[0]
    world.allowed = 1
    world.saturate(10, 2, PERSON)
    world.become("gone")
    world.saturate(8, 2, PERSON)
    assert most_in_a_second(world.since(0)) <= QUOTA


def test_a_throttle_counts_after_redis_is_lost() -> None:
    turns = Turns(QUOTA, 8)
    turns.record_throttle(10.0)
    turns.start(time.monotonic(), is_crowded=False)
    assert turns.next() > time.monotonic() + 9
