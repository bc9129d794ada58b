"""`python -m tests.permits.long`: long runs of random schedules against the account's queue; `make model`.

Prints a Markdown table. If an invariant breaks, prints the schedule and fails.
"""

import argparse
import sys
import time
from collections import Counter

from cams_qr import logs
from tests.permits.fleet_model import World
from tests.permits.random_steps import random_world

LIMITS = (1, 2, 5, 20)
# In one world.
STEPS = 250


def main() -> int:
    """Run them; 1 where something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.permits.long", description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logs.configure("CRITICAL")
    started = time.monotonic()
    totals = {limit: Counter[str]() for limit in LIMITS}
    most, starved = Counter[int](), Counter[int]()
    for number in range(-(-options.steps // STEPS)):
        limit, seed = LIMITS[number % len(LIMITS)], options.seed + number
        world = random_world(limit, seed, STEPS)
        if world.broken:
            print(_account(world, seed))
            return 1
        totals[limit].update(world.counts, steps=len(world.schedule))
        most[limit] = max(most[limit], world.most)
        starved[limit] = max(starved[limit], round(1000 * world.starved))
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


def _account(world: World, seed: int) -> str:
    broken = [f"seed {seed}, limit {world.limit}:", *world.broken]
    return "\n".join([*broken, "", *world.schedule, "", *world.log[-150:]])


if __name__ == "__main__":
    sys.exit(main())
