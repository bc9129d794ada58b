"""The checks can fail: each deliberate bug in the script makes one of them fail within its usual run."""

from collections.abc import Callable
from functools import partial

import pytest

from cams_qr import logs
from tests.conftest import further
from tests.permits import test_schedules as schedules
from tests.permits.fleet_model import Mutation, World
from tests.permits.random_steps import random_world

RUNS = 12
STEPS = 250


def breaks_at_random(mutate: Mutation) -> bool:
    """Whether an invariant breaks in a few random runs, and not because the script fails."""
    worlds = (random_world((2, 5, 1, 20)[number % 4], number, STEPS, mutate) for number in range(RUNS))
    broken = next((world.broken for world in worlds if world.broken), [])
    assert not [fault for fault in broken if fault.startswith("script")]
    return bool(broken)


def breaks_schedule(schedule: Callable[[World], None], mutate: Mutation) -> bool:
    """Whether a schedule does not end as it should."""
    world = World(5, mutate=mutate)
    try:
        schedule(world)
    except AssertionError:
        return True
    finally:
        world.close()
    return False


SABOTAGES = {
    "idle between windows": (breaks_at_random, "others % ask.limit) + WINDOW)", "others % ask.limit) + 1.25 * WINDOW)"),
    "closed for too long": (breaks_at_random, "now + ask.settle + WINDOW +", "now + ask.settle + 9 * WINDOW +"),
    "no guard": (breaks_at_random, "KEYS[2], arrival(moment)", "KEYS[2], moment"),
    "one too many": (breaks_at_random, "arrived(ask.limit - 1", "arrived(ask.limit"),
    "closes too shortly": (breaks_at_random, "now + ask.settle + WINDOW + GUARD_MAX", "now"),
    "no closing": (breaks_at_random, "math.max(now + ask.lead, queue.opens)", "now + ask.lead"),
    "a rest of promises": (
        partial(breaks_schedule, schedules.test_redis_restarts_quickly_and_promises_are_left),
        "    queue.opens = math.max(queue.opens, arrival(ask.held) + WINDOW)\n",
        "",
    ),
    "promises while it settles": (
        partial(breaks_schedule, schedules.test_redis_restarts_quickly_and_promises_are_left),
        "(ask.bulk or is_settling()) and in_line",
        "ask.bulk and in_line",
    ),
    "moments of others": (breaks_at_random, "{KEYS[3], OVERDUE, 0}", "{KEYS[3], HORIZON, 0}"),
    "echoes": (
        partial(breaks_schedule, schedules.test_a_thawed_redis_books_nothing_for_callers_that_have_left),
        "<= ask.doubt",
        "<= 1e12",
    ),
    "a clock that is set": (breaks_at_random, "now = math.max(ask.heard, math.min(queue.asked or 0, now)) end", "end"),
    "kept moments of nobody": (
        breaks_at_random,
        "if key then redis.call('ZREM', key, owner) else book(moment) end",
        "if not key then book(moment) end",
    ),
    "no floor": (
        partial(breaks_schedule, schedules.test_bulk_has_its_floor_among_people_with_appointments),
        "local BULK_EVERY = 5",
        "local BULK_EVERY = 1e9",
    ),
    "no order of bulk": (
        partial(breaks_schedule, schedules.test_bulk_goes_in_the_order_in_which_it_came),
        "redis.call('ZCOUNT', KEYS[6], '-inf', ask.place - 1)",
        "0",
    ),
    "a closed queue": (
        partial(breaks_schedule, schedules.test_a_closed_queue_is_closed_for_appointments_too),
        "math.max(now, queue.opens) - 1",
        "now - 1",
    ),
}


@pytest.mark.parametrize("name", [*list(SABOTAGES)[:7], *further(*list(SABOTAGES)[7:])])
def test_a_sabotage_is_noticed(name: str) -> None:
    logs.configure("CRITICAL")
    breaks, found, put = SABOTAGES[name]
    changed = []

    def mutate(source: str) -> str:
        if found in source:
            changed.append(name)
        return source.replace(found, put)

    assert breaks(mutate)
    assert changed


def test_nothing_is_noticed_where_nothing_is_sabotaged() -> None:
    logs.configure("CRITICAL")
    assert not breaks_at_random(lambda source: source)
