"""One measured process of `python -m bench.hits`, on the package's code alone; prints its figures on standard error."""

import base64
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import index  # noqa: F401 - which decides how the rest is imported
from cams_qr.cache.cache import Cache
from cams_qr.instance import Instance
from cams_qr.service import Service

CONTEXT = SimpleNamespace(request_id="hits", function=SimpleNamespace(timeout=10))
DIRECT = b'{"phoneNumber": "8613800001234"}'
DRAWING = "/qr-codes/4O4YGZEG3RIVE1.svg"
FEW, MANY = "8613800001234", "8613800002000"
CALLS = 500
ROUNDS = 7
SAMPLE = Path(__file__).parents[1] / "events" / "http_trigger_get.json"


def main() -> None:
    """Print, for each kind of hit, the microseconds of a call, those of bare JSON, and the KB that are sent."""
    print(json.dumps(dict(_measure())), file=sys.stderr)


def _measure() -> Iterator[tuple[str, tuple[float, float, float]]]:
    redis_url = os.environ.pop("REDIS_URL")
    instance = Instance.start(os.environ)
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
    yield "a direct call, known to Redis alone", _in_redis(redis_url)


def _get(number: str, path: str = "/qr-codes", headers: dict[str, str] | None = None) -> bytes:
    event = json.loads(SAMPLE.read_text())
    event |= {"rawPath": path, "queryParameters": {"phoneNumber": number}}
    return json.dumps({**event, "headers": event["headers"] | (headers or {})}).encode()


def _figure(instance: Instance, event: bytes, calls: int = CALLS, rounds: int = ROUNDS) -> tuple[float, float, float]:
    def call() -> Any:
        return instance.invoke(event, CONTEXT, time.monotonic())

    called = median(_time(call, calls) for _ in range(rounds))
    answer = call()
    bare = median(_time(lambda: (json.loads(event), json.dumps(answer)), 20) for _ in range(rounds))
    return called, bare, len(_body(answer)) / 1000


def _body(answer: Any) -> bytes:
    """What is sent of an answer."""
    if "body" not in answer:
        return json.dumps(answer).encode()
    return base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else str(answer["body"]).encode()


def _in_redis(redis_url: str) -> tuple[float, float, float]:
    warm = Instance.start({**os.environ, "REDIS_URL": redis_url})
    warm.invoke(DIRECT, CONTEXT, time.monotonic())
    strangers = iter(_strangers(warm, CALLS * ROUNDS + 2, redis_url))
    next(strangers).invoke(DIRECT, CONTEXT, time.monotonic())
    called = median(
        _time(lambda: next(strangers).invoke(DIRECT, CONTEXT, time.monotonic()), CALLS) for _ in range(ROUNDS)
    )
    return called, *_figure(warm, DIRECT)[1:]


def _strangers(instance: Instance, count: int, redis_url: str) -> list[Instance]:
    """Instances with an empty cache, over the same connections."""
    # Imported only now, so that the other figures are those of a function without Redis.
    from cams_qr.redis_store import Store

    settings, service = instance.settings, instance.service
    ttl, stale, store = settings.cache_ttl_seconds, settings.cache_stale_seconds, Store(redis_url)
    caches = [Cache(ttl, stale, "bench", store) for _ in range(count)]
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
