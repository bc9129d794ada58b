"""One instance under load: `python -m bench.hammer SECONDS` queries ever new numbers, and prints the results."""

import json
import os
import sys
import time
from types import SimpleNamespace

from index import handler, initialize

TIMEOUT_SECONDS = 30


def main() -> None:
    """Query until time is up; then print statuses and seconds waited as JSON on standard error."""
    context = SimpleNamespace(request_id="hammer", function=SimpleNamespace(timeout=TIMEOUT_SECONDS))
    initialize(context)
    end = time.monotonic() + float(sys.argv[1])
    statuses: list[int] = []
    waits: list[float] = []
    count = 0
    while time.monotonic() < end:
        count += 1
        event = {"phoneNumber": f"9{os.getpid() % 10_000_000:07}{count:06}"}
        started = time.monotonic()
        answer = json.loads(handler(json.dumps(event).encode(), context))
        waits.append(time.monotonic() - started)
        statuses.append(answer["status"])
    print(json.dumps({"statuses": statuses, "waits": waits}), file=sys.stderr)


if __name__ == "__main__":
    main()
