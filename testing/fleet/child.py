"""One instance: `python -m testing.fleet.child` answers events that come as JSON lines, one at a time.

It reads `{"event": …, "timeout": seconds}` and writes `{"reply": {"answer": …, "seconds": …}}`, among the lines that
the function logs.
"""

import json
import sys
import time
from types import SimpleNamespace
from uuid import uuid4

from index import handler, initialize


def main() -> None:
    """Start, report it, and answer until there are no more requests."""
    initialize(_context(10))
    _reply("started")
    for line in sys.stdin:
        request = json.loads(line)
        event, context = json.dumps(request["event"]).encode(), _context(request["timeout"])
        began = time.monotonic()
        answer = json.loads(handler(event, context))
        _reply({"answer": answer, "seconds": time.monotonic() - began})


def _context(timeout: float) -> SimpleNamespace:
    return SimpleNamespace(request_id=str(uuid4()), function=SimpleNamespace(timeout=timeout))


def _reply(value: object) -> None:
    print(json.dumps({"reply": value}), flush=True)


if __name__ == "__main__":
    main()
