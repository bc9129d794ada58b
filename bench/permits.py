"""One instance that takes permits as fast as it can: `python -m bench.permits`, one of a fleet's processes.

The function's environment variables configure it. It reads `{"begin": …, "end": …}` (monotonic), takes permits until
the end, and replies with how many it was granted since the beginning.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from cams_qr.deadline import Deadline
from cams_qr.permits.account import AccountThrottle
from cams_qr.permits.throttle import Caller
from cams_qr.problems import Problem
from cams_qr.redis_store import Store
from cams_qr.settings import read_settings

_PATIENCE_SECONDS = 5.0


def main() -> None:
    """Start, report it, and take permits when asked to."""
    take = _taker()
    _reply("started")
    for line in sys.stdin:
        order = json.loads(line)
        _reply(_count(take, order["begin"], order["end"]))


def _taker() -> Callable[[], None]:
    """A function that takes one permit, for a call that ends at once. It raises Problem `throttled`."""
    settings = read_settings(os.environ)
    store, patience = Store(str(settings.redis_url)), settings.cams_max_wait_seconds
    throttle = AccountThrottle(store, "bench", settings.cams_qps, settings.max_instances, patience)
    caller = Caller("bench", bulk=True)

    def take() -> None:
        with throttle.permit(caller, Deadline.after(_PATIENCE_SECONDS)):
            pass

    return take


def _count(take: Callable[[], None], begin: float, end: float) -> int:
    count = 0
    while (now := time.monotonic()) < end:
        with suppress(Problem):
            take()
            count += begin <= now
    return count


def _reply(value: object) -> None:
    print(json.dumps({"reply": value}), flush=True)


if __name__ == "__main__":
    main()
