"""`python -m bench.hits`: what a cache hit costs, bytes in to answer out, beside parsing and writing the same JSON.

The ratio to that JSON is what this function adds to what no function can avoid; a slow machine slows down both.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, NamedTuple

from cams_qr.cache.cache import Cache
from cams_qr.instance import Instance
from cams_qr.redis_store import Store
from cams_qr.service import Service
from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve
from local.valkey import Valkey

CONTEXT = SimpleNamespace(request_id="hits", function=SimpleNamespace(timeout=10))
DIRECT = b'{"phoneNumber": "8613800001234"}'
DRAWING = "/qr-codes/4O4YGZEG3RIVE1.svg"
FEW, MANY = "8613800001234", "8613800002000"
CALLS = 500
ROUNDS = 7
SAMPLE = Path(__file__).parents[1] / "events" / "http_trigger_get.json"


class Figure(NamedTuple):
    """Microseconds of a call, and of parsing its event and writing its answer with Python's `json`."""

    call: float
    bare: float


def main() -> None:
    """Print a table of the medians of the rounds."""
    os.environ.update(role_environment(DEMO_KEY_ID, DEMO_KEY))
    with tempfile.TemporaryDirectory() as folder, serve(Sandbox(qps=1_000_000).app()) as endpoint:
        valkey = Valkey(Path(folder)).start()
        try:
            # Instances write their log lines here.
            with open(os.devnull, "w") as log, redirect_stdout(log):
                figures = dict(_measure(endpoint, valkey.url))
        finally:
            valkey.kill()
    print("| cache hit | us | of bare JSON |\n| --- | --- | --- |")
    for what, figure in figures.items():
        print(f"| {what} | {figure.call:.0f} | {figure.call / figure.bare:.1f} |")


def _measure(endpoint: str, redis_url: str) -> Iterator[tuple[str, Figure]]:
    instance = Instance.start({"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP"})
    drawing = _get(FEW, DRAWING)
    instance.invoke(_get(FEW), CONTEXT, time.monotonic())
    yield "a drawing, for the first time", _figure(instance, drawing, calls=1, rounds=1)
    yield "the same again", _figure(instance, drawing)
    yield "a direct call", _figure(instance, DIRECT)
    yield "over HTTP", _figure(instance, _get(FEW))
    yield "2,000 codes over HTTP", _figure(instance, _get(MANY))
    etag = instance.invoke(_get(MANY), CONTEXT, time.monotonic())["headers"]["ETag"]  # type: ignore[index]
    yield "2,000 codes, not modified", _figure(instance, _get(MANY, headers={"If-None-Match": etag}))
    yield "2,000 codes, gzipped", _figure(instance, _get(MANY, headers={"Accept-Encoding": "gzip"}))
    yield "a direct call, known to Redis alone", _in_redis(endpoint, redis_url)


def _get(number: str, path: str = "/qr-codes", headers: dict[str, str] | None = None) -> bytes:
    event = json.loads(SAMPLE.read_text())
    event |= {"rawPath": path, "queryParameters": {"phoneNumber": number}}
    return json.dumps({**event, "headers": event["headers"] | (headers or {})}).encode()


def _figure(instance: Instance, event: bytes, calls: int = CALLS, rounds: int = ROUNDS) -> Figure:
    def call() -> Any:
        return instance.invoke(event, CONTEXT, time.monotonic())

    called = median(_time(call, calls) for _ in range(rounds))
    answer = call()
    bare = median(_time(lambda: (json.loads(event), json.dumps(answer)), 20) for _ in range(rounds))
    return Figure(called, bare)


def _in_redis(endpoint: str, redis_url: str) -> Figure:
    warm = Instance.start({"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP", "REDIS_URL": redis_url})
    warm.invoke(DIRECT, CONTEXT, time.monotonic())
    strangers = iter(_strangers(warm, CALLS * ROUNDS + 2))
    next(strangers).invoke(DIRECT, CONTEXT, time.monotonic())
    called = median(
        _time(lambda: next(strangers).invoke(DIRECT, CONTEXT, time.monotonic()), CALLS) for _ in range(ROUNDS)
    )
    return Figure(called, _figure(warm, DIRECT).bare)


def _strangers(instance: Instance, count: int) -> list[Instance]:
    """Instances with an empty cache, over the same connections."""
    settings, service = instance.settings, instance.service
    ttl, stale, scope = settings.cache_ttl_seconds, settings.cache_stale_seconds, "bench"
    store = Store(str(settings.redis_url))
    caches = [Cache(ttl, stale, scope, store) for _ in range(count)]
    return [
        Instance(settings, Service(settings, cache, service.throttle, service.cams, service.breaker))
        for cache in caches
    ]


def _time(call: Callable[[], object], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - started) / calls * 1e6


if __name__ == "__main__":
    main()
