"""One measured process: what a hit costs, in the instance and in Redis; prints microseconds on the standard error."""

import json
import os
import sys
import time
from statistics import median
from types import SimpleNamespace

from cams_qr.cache import Cache
from cams_qr.instance import Instance
from cams_qr.service import Service
from cams_qr.store import Store

EVENT = b'{"phoneNumber": "8613800001234"}'
CALLS = 2000
ROUNDS = 5
CONTEXT = SimpleNamespace(request_id="hits", function=SimpleNamespace(timeout=10))


def main() -> None:
    """Measure both, and print the medians of the rounds."""
    warm = Instance.start(os.environ)
    warm.invoke(EVENT, CONTEXT, time.monotonic())
    in_instance = [_time([warm] * CALLS) for _ in range(ROUNDS)]
    in_redis = [_time(_strangers(warm)) for _ in range(ROUNDS)]
    print(json.dumps({"in the instance": median(in_instance), "in Redis": median(in_redis)}), file=sys.stderr)


def _strangers(instance: Instance) -> list[Instance]:
    """Instances that know nothing yet, over the same connections."""
    settings, service = instance.settings, instance.service
    ttl, stale, scope = settings.cache_ttl_seconds, settings.cache_stale_seconds, "bench"
    store = Store(str(settings.redis_url))
    caches = [Cache(ttl, stale, scope, store) for _ in range(CALLS)]
    strangers = [Instance(settings, Service(settings, cache, service.throttle, service.cams)) for cache in caches]
    strangers[0].invoke(EVENT, CONTEXT, time.monotonic())
    return strangers[1:]


def _time(instances: list[Instance]) -> float:
    started = time.perf_counter()
    for instance in instances:
        instance.invoke(EVENT, CONTEXT, time.monotonic())
    return (time.perf_counter() - started) / len(instances) * 1e6


if __name__ == "__main__":
    main()
