"""`python -m bench.hostile`: input designed to be slow, at one size and at twice that; a ratio far above 2 is bad."""

import json
import time
from collections.abc import Callable
from statistics import median

from cams_qr.deadline import Deadline
from cams_qr.events.triggers import decode
from cams_qr.settings import read_settings

SIZE = 8_000
ROUNDS = 9


def _http(**parts: object) -> object:
    return {
        "version": "v1",
        "rawPath": "/qr-codes",
        "headers": {},
        "queryParameters": {},
        "requestContext": {"http": {"method": "GET"}},
        **parts,
    }


INPUTS: dict[str, Callable[[int], object]] = {
    "a number of separators": lambda n: {"phoneNumber": "+1" + " -.()" * n},
    "a number of digits": lambda n: {"phoneNumber": "1" * n},
    "a space": lambda n: {"phoneNumber": "8613800001234", "custSpaceId": "a" * n + "!"},
    "fields": lambda n: {f"field{i}": i for i in range(n)},
    "queries": lambda n: {"queries": [{"phoneNumber": "1"}] * n},
    "a stream": lambda n: ["x"] * n,
    "text in text": lambda n: {"Message": json.dumps({"phoneNumber": "\\" * n})},
    "a path": lambda n: _http(rawPath="/qr-codes" * n),
    "a path of codes": lambda n: _http(rawPath="/qr-codes/" + "A-" * n),
    "slashes": lambda n: _http(rawPath="/qr-codes" + "/" * n),
    "percent signs": lambda n: _http(rawPath="/" + "%2f" * n),
    "entity tags": lambda n: _http(headers={"If-None-Match": 'W/"' * n}),
    "an origin": lambda n: _http(headers={"Origin": "https://" + "a." * n}),
    "brackets": lambda n: "[" * n,
}


def main() -> None:
    """Print a table."""
    settings = read_settings({"ALLOWED_ORIGINS": "https://shop.example.com"})
    print("| input | us | twice as much, us | ratio |\n| --- | --- | --- | --- |")
    for name, make in INPUTS.items():
        once, twice = (_time(json.dumps(make(size)).encode(), settings) for size in (SIZE, 2 * SIZE))
        print(f"| {name} | {once:.0f} | {twice:.0f} | {twice / once:.1f} |")


def _time(event: bytes, settings: object) -> float:
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        decode(event, settings, "bench", Deadline.after(60))  # type: ignore[arg-type]
        taken.append((time.perf_counter() - started) * 1e6)
    return median(taken)


if __name__ == "__main__":
    main()
