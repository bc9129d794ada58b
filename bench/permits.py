"""One instance that takes permits as fast as it can: `python -m bench.permits`, one of a fleet's processes.

The function's environment variables configure it. It reads `{"begin": …, "end": …}` (monotonic), takes permits until
the end, and replies with how many calls could leave in between. A window's calls may all leave at its beginning, so
calls in the first and the last second count less the nearer they are to either edge of the span. So it makes no
difference where in a window the span begins; in effect, it is a second shorter.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from cams_qr.deadline import Deadline
from cams_qr.permits.account import AccountThrottle
from cams_qr.permits.throttle import WINDOW_SECONDS, Caller, wait_until
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


def _taker() -> Callable[[], float]:
    """A function that takes one permit, for a call that leaves at its moment and ends at once, and returns the moment.

    It raises Problem `throttled`.
    """
    settings = read_settings(os.environ)
    store, patience = Store(str(settings.redis_url)), settings.cams_max_wait_seconds
    throttle = AccountThrottle(store, "bench", settings.cams_qps, settings.max_instances, patience)
    caller = Caller("bench", bulk=True)

    def take() -> float:
        with throttle.permit(caller, Deadline.after(_PATIENCE_SECONDS)) as permit:
            wait_until(permit.departure.at)
        return permit.departure.at

    return take


def _count(take: Callable[[], float], begin: float, end: float) -> float:
    count = 0.0
    while time.monotonic() < end:
        with suppress(Problem):
            left = take()
            count += max(0.0, min((left - begin) / WINDOW_SECONDS, (end - left) / WINDOW_SECONDS, 1.0))
    return count


def _reply(value: object) -> None:
    print(json.dumps({"reply": value}), flush=True)


if __name__ == "__main__":
    main()
