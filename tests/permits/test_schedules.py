"""Schedules that once broke the queue, each minimised."""

import copy
import random
from collections import Counter
from functools import partial

import pytest

from tests.permits.fleet_model import Manner, World
from tests.permits.random_steps import random_world

PERSON = Manner(obeys=False)
HASTY = Manner(budget=0.2, obeys=False)
BULK = Manner(bulk=True, budget=60.0, obeys=False)

# Virtual time: how long they take depends on the machine alone.
pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(300)]


def outcomes(world: World, at: int, count: int) -> Counter[str]:
    """How people fare that come one by one to one instance of an idle fleet."""
    found = Counter[str]()
    for _ in range(count):
        caller = world.call(at, PERSON)
        world.pass_time(2.5)
        found[caller.outcome if caller else "none"] += 1
    return found


def test_bulk_is_served_by_a_slow_redis(world: World) -> None:
    world.warm(2)
    world.delay(0, 0.03, 0.03)
    world.call(0, BULK)
    world.pass_time(1)
    second = world.call(0, BULK)
    world.pass_time(1)
    assert second
    assert second.outcome == "called"


def test_bulk_has_its_floor_among_people_with_appointments(world: World) -> None:
    world.warm(12)
    world.saturate(10, 12)
    began = world.hub.now
    for _ in range(100):
        world.crowd(0, 12)
        world.crowd(30, 3, BULK._replace(budget=8.0))
        world.pass_time(0.1)
    # The moments set aside for bulk before it came are people's; the first of its own comes when their patience ends.
    assert len(world.since(began, bulk=True)) >= 8
    assert len(world.since(began)) >= 48


def test_people_who_are_refused_book_nothing_for_bulk(world: World) -> None:
    world.warm(12)
    began = world.hub.now
    for _ in range(100):
        world.crowd(30, 3, BULK)
        world.crowd(0, 12, HASTY)
        world.pass_time(0.1)
    assert len(world.since(began)) >= 47
    assert int(world.arrivals_kept()[0]) / 1e6 - 1.7e9 - world.hub.now < 3


def test_bulk_takes_what_people_leave(world: World) -> None:
    world.warm(16)
    for _ in range(8):
        world.crowd(0, 16, PERSON)
        world.pass_time(0.05)
    world.pass_time(3)
    began = world.hub.now
    world.call(40, BULK)
    world.pass_time(4)
    assert world.since(began, bulk=True)
    assert world.since(began, bulk=True)[0] - began < 2


def test_a_freeze_before_redis_answers_refuses_nobody_later(world: World) -> None:
    world.warm(6)
    world.call(0, PERSON)
    world.pass_time(0.0002)
    world.freeze(0, 3.0, False)
    world.pass_time(6)
    assert outcomes(world, 0, 5) == {"called": 5}


def test_a_freeze_before_a_call_leaves_refuses_nobody_later(world: World) -> None:
    world.warm(8)
    world.pass_time(3)
    world.crowd(0, 7, PERSON)
    world.pass_time(0.9)
    for at in range(7):
        world.freeze(at, 3.0, False)
    world.pass_time(6)
    assert outcomes(world, 6, 5) == {"called": 5}


def test_a_cold_fleet_does_not_wait(world: World) -> None:
    world.call(0, PERSON)
    world.pass_time(3)
    assert world.since(0)[0] < 0.2


@pytest.mark.parametrize("lost", ["flush", "restart"])
def test_redis_forgets_and_who_knew_of_no_promise_asks_first(world: World, lost: str) -> None:
    world.warm(12)
    world.call(11, PERSON)
    world.pass_time(0.01)
    world.crowd(0, 10, PERSON)
    world.pass_time(0.05)
    getattr(world, lost)()
    world.call(11, PERSON)
    world.pass_time(0.01)
    world.crowd(10, 8, PERSON)
    world.pass_time(4)
    assert world.broken == []


def test_redis_restarts_and_who_slept_through_it_asks_first(world: World) -> None:
    world.warm(12)
    world.become("gone")
    world.call(0, PERSON)
    world.pass_time(3)
    world.call(0, HASTY)
    world.pass_time(0.1)
    world.restart()
    world.become("up")
    back = world.hub.now
    world.call(11, PERSON)
    world.pass_time(0.2)
    world.call(0, PERSON)
    world.pass_time(0.2)
    world.crowd(1, 5, PERSON)
    world.pass_time(4)
    # The others tell that no promise is left, so it opens as soon as all others had time to find Redis.
    assert len([at for at in world.since(back) if at < back + 2]) == 5


def test_redis_restarts_quickly_and_promises_are_left(world: World) -> None:
    world.warm(12)
    world.call(11, PERSON)
    world.crowd(0, 9, PERSON)
    world.pass_time(0.05)
    world.become("gone")
    world.call(11, HASTY)
    world.pass_time(0.1)
    world.restart()
    world.become("up")
    world.call(10, PERSON)
    for _ in range(12):
        world.pass_time(0.1)
        world.crowd(10, 8, PERSON)
    world.pass_time(4)
    assert world.broken == []


def test_a_thawed_redis_books_nothing_for_callers_that_have_left(world: World) -> None:
    world.warm(12)
    world.become("frozen")
    world.crowd(0, 10, HASTY)
    world.pass_time(0.5)
    before = world.arrivals_kept()
    world.become("up")
    world.pass_time(0.001)
    assert world.arrivals_kept() == before


@pytest.mark.parametrize("limit", [2, 5])
@pytest.mark.parametrize("patience", [3.0, 5.0, 10.0])
def test_redis_restarts_while_patient_people_wait(patience: float, limit: int) -> None:
    """What is reserved while the queue settles is nobody's yet."""
    world = World(limit, patience=patience)
    person = Manner(budget=patience, obeys=False)
    world.warm(12)
    for _ in range(4):
        world.saturate(2.3, 12, person)
        world.restart()
    world.saturate(3, 12, person)
    world.close()
    assert world.broken == []


def test_a_replica_that_lags_takes_over(world: World) -> None:
    """Whoever was answered after its last copy notices that it has forgotten."""
    world.warm(12)
    stub = world.server.stub
    copies = copy.deepcopy((stub.keys, stub.expiries))
    world.pass_time(0.02)
    world.crowd(0, 8, PERSON)
    world.pass_time(0.1)
    world.fail_over(*copies)
    world.crowd(4, 8, PERSON)
    world.pass_time(4)
    assert world.broken == []


def test_a_closed_queue_is_closed_for_appointments_too(world: World) -> None:
    people = [PERSON._replace(ticket=f"person {at}") for at in range(24)]
    world.warm(24)
    for at, person in enumerate(people):
        world.call(at, person)
    world.pass_time(0.3)
    world.become("gone")
    for _ in range(6):
        world.crowd(0, 8, HASTY)
        world.pass_time(0.25)
    world.become("up")
    back = world.hub.now
    for _ in range(20):
        for at, person in enumerate(people):
            world.call(at, person)
        world.pass_time(0.1)
    opens = int(world.state()["opens"]) / 1e6 - 1.7e9
    assert [at for at in world.since(back + 0.76) if at < opens] == []


def test_an_appointment_is_kept_for_who_waited_before_it_was_refused(world: World) -> None:
    world.warm(12)
    world.crowd(0, 10, PERSON)
    world.pass_time(0.02)
    patient = world.call(11, Manner(budget=1.4))
    world.pass_time(0.01)
    assert patient
    assert patient.appointment
    due = patient.appointment / 1e6 - 1.7e9
    for _ in range(20):
        world.crowd(20, 40, PERSON)
        world.pass_time(0.1)
    world.pass_time(3)
    kept = [at for at, caller, _ in world.arrivals if caller.ticket == patient.ticket]
    assert kept[:1] == pytest.approx([due], abs=0.1)


@pytest.mark.parametrize("seconds", [-20.0, -0.1, 0.02, 0.25, 0.5, 20.0])
def test_the_clock_is_set_under_load(world: World, seconds: float) -> None:
    world.warm(12)
    world.saturate(3, 12, PERSON)
    world.step_clock(seconds)
    began = world.hub.now
    world.saturate(4, 12, PERSON)
    assert world.broken == []
    assert len(world.since(began)) >= 10


def test_the_clock_is_set_back_and_a_new_instance_asks_first(world: World) -> None:
    world.warm(6)
    world.crowd(0, 5, PERSON)
    world.pass_time(0.3)
    world.step_clock(-20)
    world.crowd(12, 5, PERSON)
    world.pass_time(0.1)
    world.crowd(0, 5, PERSON)
    world.pass_time(2)
    assert world.broken == []


def test_the_clock_is_set_back_just_after_somebody_asked(world: World) -> None:
    world.warm(12)
    world.pass_time(1)
    world.call(0, HASTY)
    world.pass_time(0.14)
    world.step_clock(-20)
    world.call(0, HASTY)
    world.pass_time(1)
    for at in range(6, 12):
        world.delay(at, 0.003, 0.003)
    world.crowd(0, 5, PERSON)
    world.pass_time(0.05)
    world.crowd(6, 5, PERSON)
    world.pass_time(3)
    assert world.broken == []


def test_a_suspended_instance_does_not_set_the_clock_back(world: World) -> None:
    world.warm(8)
    world.pass_time(2)
    world.call(0, PERSON)
    world.pass_time(0.05)
    world.freeze(0, 3.0, True)
    world.pass_time(3.0)
    world.call(0, PERSON)
    world.pass_time(0.05)
    world.crowd(1, 5, PERSON)
    world.pass_time(2)
    assert world.broken == []


def test_a_short_suspension_far_from_redis_does_not_set_the_clock_back(world: World) -> None:
    world.warm(12)
    world.delay(10, 0.05, 0.02)
    for _ in range(3):
        world.call(10, PERSON)
        world.pass_time(1.2)
    world.freeze(10, 0.2, True)
    for _ in range(2):
        world.call(10, PERSON)
        world.pass_time(0.4)
    assert float(world.state()["offset"]) == 0


def test_clocks_that_slow_answers_set_apart(world: World) -> None:
    world.warm(6)
    for at, delays in [(at, (0.0, 0.1)) for at in range(6, 12)] + [(at, (0.1, 0.0)) for at in range(12, 18)]:
        world.call(at, PERSON)
        world.delay(at, *delays)
    world.pass_time(6)
    world.crowd(6, 5, PERSON)
    world.pass_time(0.12)
    world.crowd(12, 5, PERSON)
    world.pass_time(3)
    assert world.broken == []


def test_a_guard_that_shrinks_holds_for_who_was_told_the_wide_one() -> None:
    world = World(20)
    world.warm(24)
    world.crowd(0, 20, PERSON)
    world.pass_time(1.5)
    world.crowd(20, 4, PERSON)
    world.oversleep(23, 0.05)
    world.pass_time(3)
    world.call(23, PERSON._replace(lag=1.0))
    world.pass_time(1.2)
    world.oversleep(23, 0.0)
    world.call(23, PERSON)
    world.pass_time(1.3)
    world.call(22, PERSON._replace(lag=1.0))
    world.pass_time(0.0008)
    world.freeze(22, 0.044, False)
    world.pass_time(0.055)
    for at in range(21):
        world.call(at, PERSON)
        world.pass_time(0.03)
    world.pass_time(2)
    world.close()
    assert world.broken == []


def test_bulk_goes_in_the_order_in_which_it_came(world: World) -> None:
    world.warm(12)
    world.crowd(0, 10, PERSON)
    world.pass_time(0.05)
    for at in range(20, 30):
        world.call(at, BULK)
        world.pass_time(0.05)
    world.pass_time(6)
    came = [caller.began for _, caller, _ in world.arrivals if caller.manner.bulk]
    assert len(came) == 10
    # Those who are told within a fifth of a second may leave in any order.
    assert max(before - after for number, after in enumerate(came) for before in came[:number]) <= 0.2


@pytest.mark.parametrize("limit", [1, 2, 5, 20])
def test_bulk_has_every_fifth_moment_while_people_saturate(limit: int) -> None:
    world = World(limit)
    world.warm(12)
    for _ in range(12):
        world.crowd(0, 12, PERSON)
        world.pass_time(0.25)
    began = world.hub.now
    for _ in range(56):
        world.crowd(20, limit + 1, BULK)
        world.crowd(0, 12, PERSON)
        world.pass_time(0.25)
    world.close()
    # What was booked before it came is people's: their patience, and a window.
    served = [at for at in world.since(began, bulk=True) if at < began + 13]
    assert len(served) >= 10 * limit // 5
    assert world.broken == []


@pytest.mark.parametrize("limit", [2, 5, 20])
def test_no_moment_is_lost_while_bulk_waits(limit: int) -> None:
    world = World(limit)
    world.warm(12)
    world.crowd(20, 4 * limit, BULK)
    world.pass_time(1)
    began = world.hub.now
    for _ in range(50):
        world.crowd(20, 4 * limit, BULK)
        world.pass_time(0.2)
    world.close()
    times = world.since(began)
    # Of each window and the guard after it.
    for number in range(8):
        start = began + number * 1.1
        assert sum(start <= at < start + 1.1 for at in times) >= limit - 1
    assert len(times) >= 9 * limit


@pytest.mark.parametrize("seed", [17, 18, 19])
def test_who_asks_seldom_divides_an_outage_like_all_others(world: World, seed: int) -> None:
    """Each of 40 asks when told, so all but a few last asked seconds ago; of those, some were idle since."""
    play = partial(_ask_when_told, world, 40, random.Random(seed))
    play(10)
    for outage in (1.5, 8.0):
        world.become("gone")
        play(outage)
        world.restart()
        play(15)
    assert world.broken == []


def _ask_when_told(world: World, count: int, draw: random.Random, seconds: float) -> None:
    """Every other one is bulk; who is refused stays away until its Retry-After is over."""
    until = world.hub.now + seconds
    while world.hub.now < until:
        for at in range(count):
            known = world.instances.get(at)
            if known is None or world.hub.now >= known.told:
                world.call(at, (PERSON if at % 2 else BULK._replace(budget=8.0))._replace(ticket=f"caller-{at}"))
        world.pass_time(draw.uniform(0.05, 0.15))


@pytest.mark.parametrize(
    ("limit", "seed"),
    [
        pytest.param(2, 258, id="an outage soon after another"),
        pytest.param(5, 871, id="bulk out of turn, among guards that differ"),
    ],
)
def test_random_schedules_that_broke_the_line(limit: int, seed: int) -> None:
    assert random_world(limit, seed, 250).broken == []
