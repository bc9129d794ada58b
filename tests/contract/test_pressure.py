"""Many instances and many callers: every permit is used, every promise kept, and people go before bulk.

Each test is a short and lenient form of a row of `python -m bench.fleet`, which prints the exact figures.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import redis

from local.valkey import Valkey
from testing.fleet import callers, measures, rows
from testing.fleet.cams import Options
from testing.fleet.processes import Fleet, Plan, fleet
from testing.fleet.rows import QUOTA

pytestmark = pytest.mark.timed


def figures(plan: Plan, scenario: Callable[[Fleet], Awaitable[Any]]) -> Any:
    """What a scenario measures in a fleet whose instances have all answered once."""

    async def play() -> Any:
        async with fleet(plan) as started:
            warm = [callers.ask(one, 0, callers.direct("8613800001234")) for one in started.instances]
            await asyncio.gather(*warm)
            return await scenario(started)

    return asyncio.run(play())


def test_every_permit_is_used_and_every_promise_kept() -> None:
    found = figures(Plan(12, 12), partial(rows.patience, seconds=6, warm=2))
    assert found.most == QUOTA
    assert found.used >= 0.9
    assert found.refused > 0
    assert found.refused_late == 0
    assert found.retries_served >= 0.8
    assert found.fewest >= 1


@pytest.mark.parametrize(("bulk", "others"), [(callers.direct, 8), (callers.batch, 4)], ids=["direct", "batches"])
def test_people_are_served_before_bulk_which_gets_its_floor(bulk: Callable[[str], callers.Event], others: int) -> None:
    count = rows.PERSONS + others
    found = figures(Plan(count, count), partial(rows.classes, bulk=bulk, seconds=6, warm=2))
    assert found.most == QUOTA
    assert found.people_served == 1
    assert found.bulk_share >= 0.15


def test_the_quota_holds_when_redis_returns() -> None:
    """Meanwhile, each instance keeps the pace that it had; at worst, they use one window's quota twice."""
    (outage,) = figures(Plan(12, 12), partial(rows.returns, outages=[(1.5, False)], before=2, after=4))
    assert outage.during + outage.after <= QUOTA


def failed_over(valkey: Valkey) -> None:
    valkey.fail_over()


def emptied(valkey: Valkey) -> None:
    for _ in range(3):
        redis.Redis.from_url(valkey.url).flushall()
        time.sleep(0.7)


def read_only(valkey: Valkey) -> None:
    redis.Redis.from_url(valkey.url).replicaof("127.0.0.1", "1")
    time.sleep(2)
    redis.Redis.from_url(valkey.url).replicaof("NO", "ONE")


def full(valkey: Valkey) -> None:
    valkey.fill()
    time.sleep(2)
    valkey.empty()


@pytest.mark.parametrize("trouble", [failed_over, emptied, read_only, full], ids=lambda trouble: trouble.__name__)
def test_the_quota_holds_whatever_becomes_of_redis(trouble: Callable[[Valkey], None]) -> None:
    async def scenario(started: Fleet) -> list[float]:
        asking = [
            callers.keep_asking(one, 0, callers.direct(f"87{n:09}"), []) for n, one in enumerate(started.instances)
        ]
        async with callers.running(*asking):
            await asyncio.sleep(2)
            await asyncio.to_thread(trouble, started.valkey)
            await asyncio.sleep(4)
        return [arrival.at for arrival in await started.arrivals()]

    moments = figures(Plan(4, 4), scenario)
    assert measures.most_in_a_second(moments) <= QUOTA
    assert len(moments) > 4 * QUOTA


# Both of these play in virtual time, too: test_without_redis.py.
def test_people_are_served_when_redis_returns() -> None:
    found = figures(Plan(8, 8), partial(rows.after_return, outages=(1.5, 3)))
    assert found.violations == 0
    assert found.refused <= 0.15


def test_people_are_served_without_redis() -> None:
    found = figures(Plan(0, 8), partial(rows.without_redis, seconds=14, before=5))
    assert found.most <= QUOTA + 1
    assert found.refused <= 0.35


def test_a_redis_of_uneven_speed_is_used() -> None:
    found = figures(Plan(6, 6, redis_delay=0.1), partial(rows.slow_redis, seconds=8, warm=2))
    assert found.unavailable == 0
    assert found.used >= 0.7


def test_the_pace_adapts_to_what_cams_takes() -> None:
    found = figures(Plan(8, 8, Options(quota=3)), partial(rows.competition, seconds=10, warm=8))
    assert found.used >= 0.75
