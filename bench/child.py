"""One measured process: `python child.py CALLS` imports `index`, answers once, then CALLS times, and prints figures.

It runs on the package's code alone, as in Function Compute, so it imports nothing else of this project; and before
`index`, nothing that this would have to import.
"""

import os
import sys
import time
from types import ModuleType, SimpleNamespace

EVENT = b'{"phoneNumber": "8613800001234"}'


def main() -> None:
    """Print the figures as JSON on standard error; this is not measured."""
    calls = int(sys.argv[1])
    context = _context()
    index = __import__("index")
    getattr(index, "initialize", lambda context: None)(context)
    started = _cpu()
    _check(index.handler(EVENT, context))
    figures = {
        "first_answer_at": time.time(),
        "first_answer_cpu_ms": _cpu() * 1000,
        "first_request_cpu_ms": (_cpu() - started) * 1000,
        "first_answer_rss_mib": _rss_mib(),
    }
    if calls:
        figures |= _warm(index, context, calls)
    print(str(figures).replace("'", '"'), file=sys.stderr)


def _warm(index: ModuleType, context: SimpleNamespace, calls: int) -> dict[str, float]:
    """Measure after as many warm-up calls, when the permits use all the memory that they ever will."""
    for _ in range(calls):
        index.handler(EVENT, context)
    before, started = _held(), _cpu()
    for _ in range(calls):
        index.handler(EVENT, context)
    figures = {"warm_cpu_us": (_cpu() - started) / calls * 1e6, "rss_mib": _rss_mib()}
    return figures | {f"{name}_grown": after - before[name] for name, after in _held().items()}


def _context() -> SimpleNamespace:
    return SimpleNamespace(
        request_id="bench",
        function=SimpleNamespace(timeout=60),
        credentials=SimpleNamespace(
            access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            security_token=os.environ["ALIBABA_CLOUD_SECURITY_TOKEN"],
        ),
    )


def _check(answer: object) -> None:
    if "4O4YGZEG3RIVE1" not in str(answer):
        raise SystemExit(f"not the answer: {answer}")


def _cpu() -> float:
    return time.process_time()


def _held() -> dict[str, float]:
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "rss_mib": _rss_mib(),
    }


def _rss_mib() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


if __name__ == "__main__":
    main()
