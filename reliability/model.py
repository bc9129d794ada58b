"""`python -m reliability.model`: long runs of random schedules against the account's queue; `make model`.

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
from testing.random_steps import LIMITS, random_world

# In one world.
STEPS = 250
FIGURES = ("asks", "calls", "refused", "kept", "excused")


class Result(NamedTuple):
    """What became of one world; `account` tells what broke, if anything did."""

    limit: int
    counts: Counter[str]
    starved: float
    account: str


def main() -> int:
    """Run them, on all cores; 1 where something broke."""
    parser = argparse.ArgumentParser(prog="python -m reliability.model", description=__doc__)
    parser.add_argument("--steps", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    totals = {limit: Counter[str]() for limit in LIMITS}
    starved = dict.fromkeys(LIMITS, 0.0)
    with ProcessPoolExecutor() as pool:
        for result in pool.map(partial(_run, options.seed), range(-(-options.steps // STEPS)), chunksize=4):
            if result.account:
                print(result.account)
                pool.shutdown(cancel_futures=True)
                return 1
            totals[result.limit].update(result.counts)
            starved[result.limit] = max(starved[result.limit], result.starved)
    print("| Limit | Questions | Calls | Refused | Appointments kept | Windows excused | Longest starvation |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for limit, total in totals.items():
        cells = [f"{limit}", *(f"{total[name]:,}" for name in FIGURES), f"{starved[limit]:.1f} s"]
        print("|", " | ".join(cells), "|")
    print(*_excuses(sum(totals.values(), Counter())), sep="\n")
    print(f"\nseed {options.seed}, {time.monotonic() - started:.0f} s")
    return 0


def _run(seed: int, number: int) -> Result:
    logs.configure("CRITICAL")
    world, watch = random_world(seed + number, STEPS)
    account = "\n".join([f"seed {seed + number}", *watch.broken, *world.log[-150:]]) if watch.broken else ""
    return Result(world.limit, watch.counts, watch.starved, account)


def _excuses(total: Counter[str]) -> list[str]:
    return [f"- {name}: {count:,}" for name, count in total.items() if name not in FIGURES]


if __name__ == "__main__":
    sys.exit(main())
