"""`python -m bench.hits`: the cost of a cache hit, from bytes in to answer out, in the instance and in Redis."""

import os
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from types import SimpleNamespace

from cams_qr.cache.cache import Cache
from cams_qr.instance import Instance
from cams_qr.redis_store import Store
from cams_qr.service import Service
from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve
from local.valkey import Valkey

EVENT = b'{"phoneNumber": "8613800001234"}'
CALLS = 2000
ROUNDS = 5
CONTEXT = SimpleNamespace(request_id="hits", function=SimpleNamespace(timeout=10))


def main() -> None:
    """Print a table of the medians of the rounds."""
    os.environ.update(role_environment(DEMO_KEY_ID, DEMO_KEY))
    with tempfile.TemporaryDirectory() as folder, serve(Sandbox().app()) as endpoint:
        valkey = Valkey(Path(folder)).start()
        try:
            # Instances write their log lines here.
            with open(os.devnull, "w") as log, redirect_stdout(log):
                figures = _measure(endpoint, valkey.url)
        finally:
            valkey.kill()
    print("| hit, bytes in to answer out | us |\n| --- | --- |")
    for where, microseconds in figures.items():
        print(f"| {where} | {microseconds:.0f} |")


def _measure(endpoint: str, redis_url: str) -> dict[str, float]:
    warm = Instance.start({"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP", "REDIS_URL": redis_url})
    warm.invoke(EVENT, CONTEXT, time.monotonic())
    in_instance = [_time([warm] * CALLS) for _ in range(ROUNDS)]
    in_redis = [_time(_strangers(warm)) for _ in range(ROUNDS)]
    return {"in the instance": median(in_instance), "in Redis": median(in_redis)}


def _strangers(instance: Instance) -> list[Instance]:
    """Instances with an empty cache, over the same connections."""
    settings, service = instance.settings, instance.service
    ttl, stale, scope = settings.cache_ttl_seconds, settings.cache_stale_seconds, "bench"
    store = Store(str(settings.redis_url))
    caches = [Cache(ttl, stale, scope, store) for _ in range(CALLS)]
    strangers = [
        Instance(settings, Service(settings, cache, service.throttle, service.cams, service.breaker))
        for cache in caches
    ]
    strangers[0].invoke(EVENT, CONTEXT, time.monotonic())
    return strangers[1:]


def _time(instances: list[Instance]) -> float:
    started = time.perf_counter()
    for instance in instances:
        instance.invoke(EVENT, CONTEXT, time.monotonic())
    return (time.perf_counter() - started) / len(instances) * 1e6


if __name__ == "__main__":
    main()
