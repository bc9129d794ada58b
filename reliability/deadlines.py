"""`python -m reliability.deadlines`: every fault of CAMS and the network, with function timeouts from 1 to 60 s.

Some also with a Redis that drips or is slow, and with hostile events. Faults that mostly wait run 32 at a time. Prints
the least time left before each timeout; fails if there was none.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import product
from pathlib import Path

import trustme

from cams_qr.instance import Instance
from local.fc import make_context, role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve
from local.traps import TRAPS
from local.valkey import Valkey
from reliability.faults import decoys
from testing.contract import HOSTILE, ask, settings_for
from testing.proxy import Proxy

TIMEOUTS = (1, 2, 3, 5, 10, 30, 60)
SLOW = ("never answers", "drips its headers", "drips its body")
# An endpoint, the number to query, and the URL of Redis, if there is one.
Fault = tuple[str, str, str]
TRIGGERS = ("http_trigger", "direct", "batch", "stream")


def main() -> int:
    """Run all, and print a line for each timeout."""
    sys.stdout.flush()
    os.environ |= role_environment(DEMO_KEY_ID, DEMO_KEY)
    authority = trustme.CA()
    with ExitStack() as stack:
        os.environ["SSL_CERT_FILE"] = stack.enter_context(authority.cert_pem.tempfile())
        address = stack.enter_context(serve(Sandbox(qps=100_000).app()))
        elsewhere = [(stack.enter_context(decoy), "8613800001234", "") for decoy in decoys(authority)]
        slow, quick = _traps(address)
        bad_redis = [stack.enter_context(redis) for redis in _bad_redis()]
        both = [(endpoint, number, redis) for endpoint, number, _ in slow for redis in bad_redis]
        stack.enter_context(_quiet())
        left = [
            *_run(slow + elsewhere + both, TRIGGERS, at_once=32),
            *_run(quick, TRIGGERS, at_once=2),
            *_run(slow[:1], tuple(HOSTILE), at_once=2),
        ]
    worst = 1.0
    for timeout in TIMEOUTS:
        margins = [seconds for case, seconds in left if case == timeout]
        worst = min(worst, *margins)
        print(f"timeout {timeout:2} s: {len(margins)} runs, at least {min(margins) * 1000:.0f} ms left")
    return int(worst <= 0)


def _run(faults: list[Fault], triggers: tuple[str, ...], at_once: int) -> list[tuple[int, float]]:
    """Each run's timeout, and the seconds left of it."""
    cases = list(product(TIMEOUTS, faults, triggers))
    with ThreadPoolExecutor(at_once) as pool:
        left = pool.map(lambda case: _left(*case), cases)
        return [(timeout, seconds) for (timeout, _, _), seconds in zip(cases, left, strict=True)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the function's log lines."""
    printed = sys.stdout
    with open(os.devnull, "w") as sys.stdout:
        yield
    sys.stdout = printed


def _traps(address: str) -> tuple[list[Fault], list[Fault]]:
    """The sandbox's traps: the slow ones, and the others."""
    slow: list[Fault] = []
    quick: list[Fault] = []
    for row, trap in TRAPS.items():
        (slow if trap.what.startswith(SLOW) else quick).append((address, f"1666000{row:04}", ""))
    return slow, quick


def _bad_redis() -> Iterator[AbstractContextManager[str]]:
    """The URLs of one that takes 0.1 s for each byte, and of one that takes 0.15 s for each answer."""
    yield _behind_proxy(delay=0.0, drips=0.1)
    yield _behind_proxy(delay=0.15, drips=0.0)


@contextmanager
def _behind_proxy(delay: float, drips: float) -> Iterator[str]:
    valkey = Valkey(Path(tempfile.mkdtemp())).start()
    with Proxy(f"127.0.0.1:{valkey.port}", delay) as proxy:
        proxy.drips = drips
        yield f"redis://{proxy.address}"
    valkey.kill()


def _left(timeout: int, fault: Fault, trigger: str) -> float:
    endpoint, number, redis = fault
    instance = Instance.start(settings_for(endpoint) | {"CAMS_QPS": "1000", "REDIS_URL": redis})
    started = time.monotonic()
    ask(instance, trigger, number, make_context("python3.10", timeout=timeout))
    return timeout - (time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
