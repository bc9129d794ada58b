"""`python -m reliability.deadlines`: every way of CAMS to take its time, under every function timeout from 1 to 60 s.

All side by side, for they only wait. Prints the least time that was left before the timeout; fails where none was.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product

from cams_qr.instance import Instance
from local.fc import make_context, role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve
from local.traps import TRAPS
from reliability.contract import EVENTS, invoke
from reliability.faults import full_backlog

TIMEOUTS = (1, 2, 3, 5, 10, 30, 60)
SLOW = ("never answers", "drips its headers", "drips its body", "hangs up without an answer", "throttled")
TRIGGERS = ("http_trigger", "direct", "batch", "stream")


def main() -> int:
    """Run all, and print a line for each timeout."""
    sys.stdout.flush()
    os.environ |= role_environment(DEMO_KEY_ID, DEMO_KEY)
    with serve(Sandbox(qps=100_000).app()) as address, full_backlog() as never:
        cases = list(product(TIMEOUTS, _faults(address, never), TRIGGERS))
        with _quiet(), ThreadPoolExecutor(len(cases)) as pool:
            left = list(pool.map(lambda case: _left(*case), cases))
    worst = 1.0
    for timeout in TIMEOUTS:
        margins = [seconds for seconds, case in zip(left, cases, strict=True) if case[0] == timeout]
        worst = min(worst, *margins)
        print(f"timeout {timeout:2} s: {len(margins)} runs, at least {min(margins) * 1000:.0f} ms left")
    return int(worst <= 0)


@contextmanager
def _quiet() -> Iterator[None]:
    """The function's log lines are not what is looked at."""
    printed = sys.stdout
    with open(os.devnull, "w") as sys.stdout:
        yield
    sys.stdout = printed


def _faults(address: str, never: str) -> list[tuple[str, str]]:
    """Endpoints, with numbers that make them slow."""
    slow = [f"1666000{row:04}" for row, trap in TRAPS.items() if trap.what.startswith(SLOW)]
    return [(address, number) for number in slow] + [(never, "8613800001234")]


def _left(timeout: int, fault: tuple[str, str], trigger: str) -> float:
    endpoint, number = fault
    instance = Instance.start({"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP", "CAMS_QPS": "1000"})
    event = json.dumps(EVENTS[trigger](number)).encode()
    started = time.monotonic()
    invoke(
        lambda event, context: instance.invoke(event, context, started),
        event,
        make_context("python3.10", timeout=timeout),
        may_raise=trigger == "stream",
    )
    return timeout - (time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
