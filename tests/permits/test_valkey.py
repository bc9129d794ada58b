"""The queue in a real Valkey: what a permit costs there, and a fleet in real time."""

import threading
import time
from contextlib import suppress
from typing import Any

import pytest
import redis

from cams_qr.deadline import Deadline, DepartureMissed
from cams_qr.permits.account import AccountThrottle
from cams_qr.permits.throttle import WINDOW_SECONDS, Caller
from cams_qr.problems import Problem
from cams_qr.redis_store import Store
from local.valkey import Valkey


def leave(throttle: AccountThrottle, ticket: str = "someone", seconds: float = 2.0) -> float:
    """Call once; returns when the call left. Raises Problem, DepartureMissed."""
    with throttle.permit(Caller(ticket, bulk=False), Deadline.after(seconds)) as permit:
        time.sleep(max(0.0, permit.departure.at - time.monotonic()))
        if time.monotonic() > permit.departure.until:
            raise DepartureMissed
        return permit.departure.at


def cost(url: str, limit: int) -> int:
    """The commands that a permit runs inside of Redis, once `limit` are booked."""
    client: Any = redis.Redis.from_url(url)
    throttle = AccountThrottle(Store(url), f"costs {limit}", limit, 8, 2.0)
    leave(throttle)
    client.rpush(f"cams-qr:{{costs {limit}}}:permits:arrivals", *["0"] * (limit - 1))
    client.config_resetstat()
    leave(throttle)
    commands = client.info("commandstats")
    return sum(
        stat["calls"] for name, stat in commands.items() if not name.startswith(("cmdstat_config", "cmdstat_info"))
    )


def test_a_permit_costs_the_same_however_many_are_booked(valkey: Valkey) -> None:
    assert cost(valkey.url, 10_000) == cost(valkey.url, 10) < 30


@pytest.mark.timed
def test_a_fleet_in_real_time(valkey: Valkey) -> None:
    """Eight instances, each in a thread of its own, use the quota up and do not exceed it."""
    left: list[float] = []
    over = time.monotonic() + 6.0

    def work(number: int) -> None:
        throttle = AccountThrottle(Store(valkey.url), "account", 5, 8, 2.0)
        while time.monotonic() < over:
            try:
                with suppress(DepartureMissed):
                    left.append(leave(throttle, f"{number}"))
            except Problem as problem:
                time.sleep(problem.retry_after_seconds() or 0)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left.sort()
    assert all(last - first >= WINDOW_SECONDS for first, last in zip(left, left[5:], strict=False))
    assert len(left) >= 0.8 * 5 * 6
