"""`python -m bench.simulation`: a seeded model of 1,000 instances, 10,000 requests a second and 200 numbers.

It models what a single machine cannot run: each request goes to some instance, and finds its answer there, in Redis or
in a flight under way, or takes a permit and calls CAMS. The rules are those of `cache/` and `permits/`.
"""

import random
from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate

from cams_qr.permits.throttle import GUARD_SECONDS, WINDOW_SECONDS

SEED = 20261123
INSTANCES = 1000
REQUESTS_PER_SECOND = 10_000
NUMBERS = 200
SECONDS = 150
COLD_SECONDS = 50
QPS = 5
TTL = 60.0
STALE = 600.0
PATIENCE = 2.0
JITTER = 0.05
HIT_SECONDS = 0.0001
REDIS_SECONDS = 0.0005


@dataclass
class World:
    """What each cache contains, and what has happened."""

    instances: list[dict[int, float]] = field(default_factory=lambda: [{} for _ in range(INSTANCES)])
    landed: dict[int, float] = field(default_factory=dict)
    reached: deque[float] = field(default_factory=lambda: deque([-10.0] * QPS, maxlen=QPS))
    last_grant: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)


def main() -> None:
    """Simulate the cold start, then the steady state, and print both."""
    random.seed(SEED)
    world = World()
    popularity = list(accumulate(1 / rank for rank in range(1, NUMBERS + 1)))
    print(f"{INSTANCES} instances, {REQUESTS_PER_SECOND} requests/s, {NUMBERS} numbers, quota {QPS}/s, seed {SEED}\n")
    print("| seconds | hits | stale | refused | permits/s | p50 ms | p99 ms | most arrivals in any second |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    _run(world, popularity, 0, COLD_SECONDS)
    _run(world, popularity, COLD_SECONDS, SECONDS)


def _run(world: World, popularity: list[float], begin: float, end: float) -> None:
    world.counts, world.waits = dict.fromkeys(("instance", "redis", "flight", "asked", "stale", "refused"), 0), []
    asked_before, now = len(world.arrivals), begin
    while now < end:
        now += random.expovariate(REQUESTS_PER_SECOND)
        (number,) = random.choices(range(NUMBERS), cum_weights=popularity)
        kind, wait = _request(world, random.choice(world.instances), number, now)
        world.counts[kind] += 1
        world.waits.append(wait)
    _print(world, begin, end, len(world.arrivals) - asked_before)


def _request(world: World, instance: dict[int, float], number: int, now: float) -> tuple[str, float]:
    """How one request is answered, and after how many seconds."""
    if instance.get(number, 0.0) > now:
        return "instance", HIT_SECONDS
    landing = world.landed.get(number)
    if landing is not None and landing <= now < landing + TTL:
        instance[number] = landing + TTL
        return "redis", REDIS_SECONDS
    if landing is not None and landing > now:
        return ("flight", landing - now) if landing - now <= PATIENCE else ("refused", REDIS_SECONDS)
    due = max(now, world.last_grant, world.reached[0] + WINDOW_SECONDS)
    if due - now > PATIENCE:
        known = landing is not None and now < landing + TTL + STALE
        return ("stale", REDIS_SECONDS) if known else ("refused", REDIS_SECONDS)
    delay = random.uniform(0, JITTER)
    answer = due + delay + random.lognormvariate(-1.6, 0.3)
    world.last_grant = due
    world.reached.append(due + GUARD_SECONDS)
    world.arrivals.append(due + delay)
    world.landed[number] = answer
    return "asked", answer - now


def _print(world: World, begin: float, end: float, permits: int) -> None:
    total, waits = sum(world.counts.values()), sorted(world.waits)
    hits = world.counts["instance"] + world.counts["redis"] + world.counts["flight"]
    arrivals = sorted(world.arrivals)
    most = max(sum(1 for later in arrivals[i : i + 20] if later < at + 1) for i, at in enumerate(arrivals))
    cells = [
        f"{begin:.0f} to {end:.0f}",
        f"{hits / total:.3%}",
        f"{world.counts['stale'] / total:.3%}",
        f"{world.counts['refused'] / total:.3%}",
        f"{permits / (end - begin):.2f}",
        f"{waits[total // 2] * 1000:.1f}",
        f"{waits[total * 99 // 100] * 1000:.1f}",
        str(most),
    ]
    print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
