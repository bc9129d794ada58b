"""`python -m tests.permits.long`: long runs of random schedules against the account's queue; `make model`.

Prints a Markdown table. If an invariant breaks, prints the schedule and fails.
"""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from cams_qr import logs
from tests.permits.fleet_model import World
from tests.permits.random_steps import random_world

LIMITS = (1, 2, 5, 20)
# In one world.
STEPS = 250


class Result(NamedTuple):
    """What became of one world; `account` tells what broke, if anything did."""

    limit: int
    counts: Counter[str]
    most: int
    starved: float
    account: str


def main() -> int:
    """Run them, on all cores; 1 where something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.permits.long", description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    totals = {limit: Counter[str]() for limit in LIMITS}
    most, starved = Counter[int](), Counter[int]()
    with ProcessPoolExecutor() as pool:
        for result in pool.map(partial(_run, options.seed), range(-(-options.steps // STEPS)), chunksize=4):
            if result.account:
                print(result.account)
                pool.shutdown(cancel_futures=True)
                return 1
            totals[result.limit].update(result.counts)
            most[result.limit] = max(most[result.limit], result.most)
            starved[result.limit] = max(starved[result.limit], round(1000 * result.starved))
    print("| Limit | Steps | Asks | Calls | Most in a window | Refused | Appointments kept", end="")
    print(" | Longest starvation | Windows excused |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for limit, total in totals.items():
        figures = [total[name] for name in ("steps", "asks", "calls")]
        figures += [most[limit], total["refused"], total["kept"]]
        excused = sum(count for name, count in total.items() if name.startswith("accepted"))
        row = [f"{figure:,}" for figure in (limit, *figures)] + [f"{starved[limit] / 1000:.1f} s", f"{excused:,}"]
        print("|", " | ".join(row), "|")
    print(f"\nseed {options.seed}, {time.monotonic() - started:.0f} s")
    return 0


def _run(seed: int, number: int) -> Result:
    logs.configure("CRITICAL")
    limit = LIMITS[number % len(LIMITS)]
    world = random_world(limit, seed + number, STEPS)
    world.counts["steps"] = len(world.schedule)
    account = _account(world, seed + number) if world.broken else ""
    return Result(limit, world.counts, world.most, world.starved, account)


def _account(world: World, seed: int) -> str:
    broken = [f"seed {seed}, limit {world.limit}:", *world.broken]
    return "\n".join([*broken, "", *world.schedule, "", *world.log[-150:]])


if __name__ == "__main__":
    sys.exit(main())
