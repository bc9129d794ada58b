"""Random schedules keep all invariants, and each deliberate bug breaks one, or a scenario."""

import itertools
from collections.abc import Callable

import pytest

from cams_qr import logs
from testing.random_steps import random_world
from testing.redis_emulator import Command
from testing.virtual_fleet import Question, Sabotage
from tests.conftest import further
from tests.permits import test_queue as queue
from tests.permits import test_redis_faults as faults
from tests.permits import test_without_redis as outage
from tests.permits.conftest import MakeWorld
from tests.permits.load import Crowd

# Virtual time: how long they take depends on the machine alone.
pytestmark = pytest.mark.timeout(300)

STEPS = 200
# A bug that breaks an invariant does so within so many schedules.
MOST_SCHEDULES = 24

Scenario = Callable[[MakeWorld, Sabotage], None]


@pytest.mark.parametrize("seed", [*range(8), *further(*range(8, 40))])
def test_random_schedules(seed: int) -> None:
    logs.configure("CRITICAL")
    world, watch = random_world(seed, STEPS)
    assert watch.broken == [], "\n".join(world.log[-60:])
    assert watch.counts["calls"] > 20


def asks(**changes: object) -> Sabotage:
    """Each question has these fields instead."""
    return Sabotage(question=lambda question: {**question, **changes} if "ticket" in question else question)


def asks_without(field: str) -> Sabotage:
    return Sabotage(question=lambda question: {name: value for name, value in question.items() if name != field})


def allows_more(question: Question) -> Question:
    return {**question, "limit": question["limit"] + 1}


def skips(name: str) -> Sabotage:
    """The script does not run this command."""
    return Sabotage(command=lambda command: () if command[0] == name else command)


def keeps(field: str, value: str) -> Sabotage:
    """The queue has this in a field, whatever is written."""

    def alter(command: Command) -> Command:
        return (*command[:3], value) if command[0] == "HSET" and command[2] == field else command

    return Sabotage(command=alter)


def books(seconds: float) -> Sabotage:
    """The queue takes each call to arrive so much later than it may."""

    def alter(command: Command) -> Command:
        return (*command[:2], f"{float(command[2]) + seconds * 1e6:.0f}") if command[0] == "LPUSH" else command

    return Sabotage(command=alter)


BREAKS_AN_INVARIANT = {
    "slack ignored": books(-0.035),
    "a moment that is free is left out": books(0.25),
    "one call too many": Sabotage(question=allows_more),
    "bookings not kept": skips("LPUSH"),
    "appointments not booked": skips("ZADD"),
    "appointments given to two": skips("ZREM"),
    "bulk not limited": keeps("bulk", "0"),
    "forgotten not noticed": asks_without("queue"),
    "promises of before not waited for": asks(promised=0),
    "expiry missing": skips("PEXPIRE"),
}


@pytest.mark.parametrize("bug", BREAKS_AN_INVARIANT)
def test_a_bug_breaks_an_invariant(bug: str) -> None:
    logs.configure("CRITICAL")
    watches = (random_world(seed, STEPS, BREAKS_AN_INVARIANT[bug])[1] for seed in itertools.count())
    broken = next((watch.broken for watch in itertools.islice(watches, MOST_SCHEDULES) if watch.broken), [])
    assert broken
    assert not broken[0].startswith("script")


def a_clock_set_back(worlds: MakeWorld, bug: Sabotage) -> None:
    world = worlds(sabotage=bug)
    world.warm(24)
    crowd = Crowd(world, 16, bulk=8)
    crowd.ask(4)
    faults.test_the_clock_is_set_back(world, crowd, -20.0)


BREAKS_A_SCENARIO: dict[str, tuple[Sabotage, Scenario]] = {
    "horizon not dropped": (asks(horizon=10**12), a_clock_set_back),
    "floor of bulk missing": (
        Sabotage(command=lambda command: () if command[0] == "ZADD" and command[3].endswith(" bulk") else command),
        lambda worlds, bug: queue.test_bulk_is_served_behind_thirty_people(worlds(sabotage=bug), 1, 0.6),
    ),
    "an outage not told": (
        asks(lost=0),
        lambda worlds, bug: outage.loses_redis_for_long(worlds(allowed=24, sabotage=bug), 24, "with its memory"),
    ),
    "Retry-After ignored": (
        keeps("opens", "0"),
        lambda worlds, bug: queue.test_what_cams_asks_for_is_granted(worlds(sabotage=bug)),
    ),
    "appointments kept while it is closed": (
        skips("ZREMRANGEBYSCORE"),
        lambda worlds, bug: queue.test_what_cams_asks_for_is_granted(worlds(sabotage=bug)),
    ),
    "pace not lowered": (
        keeps("pace", "5"),
        lambda worlds, bug: queue.test_another_program_shares_the_quota(worlds(sabotage=bug), 2),
    ),
    "overdue ones kept": (
        skips("ZRANGEBYSCORE"),
        lambda worlds, bug: queue.test_people_who_do_not_come_back_leave_their_moments(worlds(sabotage=bug), 40),
    ),
}


@pytest.mark.parametrize("bug", BREAKS_A_SCENARIO)
def test_a_bug_breaks_a_scenario(worlds: MakeWorld, bug: str) -> None:
    sabotage, scenario = BREAKS_A_SCENARIO[bug]
    with pytest.raises(AssertionError):
        scenario(worlds, sabotage)
