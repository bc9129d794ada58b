"""`python -m bench`: runs the packaged function and its peers in turn, against one sandbox; medians and ratios."""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.packages import OURS, PEERS, VERSION, run_child, unpack
from local.sandbox import Sandbox
from local.serve import serve
from local.valkey import Valkey

FIGURES = {
    "first_answer_ms": "process start to first answer, ms",
    "first_answer_cpu_ms": "the same, CPU ms",
    "first_request_cpu_ms": "first request after the initializer, CPU ms",
    "first_answer_rss_mib": "memory after it, MiB",
    "redis_cpu_ms": "process start to first answer with Redis, CPU ms",
    "redis_rss_mib": "memory after it with Redis, MiB",
    "warm_cpu_us": "warm call that asks CAMS, CPU us",
    "hit_cpu_us": "warm call that the cache answers, CPU us",
    "rss_mib": "memory after 1,000 calls, MiB",
    "rss_mib_grown": "memory grown in 1,000 calls, MiB",
    "threads_grown": "threads grown in 1,000 calls",
    "descriptors_grown": "descriptors grown in 1,000 calls",
    "zip_mb": "package, MB",
}
# The same as the child's quota.
CALLS = 1000

Figures = dict[str, float]


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="a file for the figures of all rounds")
    options = parser.parse_args()
    rounds: dict[str, list[Figures]] = {name: [] for name in (OURS, *PEERS)}
    with tempfile.TemporaryDirectory() as temporary, serve(Sandbox(qps=1_000_000).app()) as endpoint:
        folders = unpack(Path(temporary))
        valkey = Valkey(Path(temporary)).start()
        for _ in range(options.rounds):
            for name, folder in folders.items():
                rounds[name].append(_measure(name, folder, endpoint, valkey.url))
        valkey.kill()
    print(f"Python {VERSION}, {options.rounds} alternated rounds, median (least to most)\n")
    print("\n".join(_table(rounds)))
    if options.json:
        options.json.write_text(json.dumps({"python": VERSION, "rounds": rounds}, indent=1))


def _measure(name: str, folder: Path, endpoint: str, redis_url: str) -> Figures:
    figures = _run(folder, endpoint, cache_seconds=0)
    figures["zip_mb"] = folder.with_suffix(".zip").stat().st_size / 1e6
    if name == OURS:
        figures["hit_cpu_us"] = _run(folder, endpoint, cache_seconds=60)["warm_cpu_us"]
        with_redis = _run(folder, endpoint, cache_seconds=60, calls=0, redis_url=redis_url)
        figures["redis_cpu_ms"] = with_redis["first_answer_cpu_ms"]
        figures["redis_rss_mib"] = with_redis["first_answer_rss_mib"]
    return figures


def _run(folder: Path, endpoint: str, cache_seconds: int, calls: int = CALLS, redis_url: str = "") -> Figures:
    started = time.time()
    printed = run_child(folder, endpoint, cache_seconds, calls, redis_url=redis_url)
    figures: Figures = json.loads(printed.splitlines()[-1])
    figures["first_answer_ms"] = (figures.pop("first_answer_at") - started) * 1000
    return figures


def _table(rounds: dict[str, list[Figures]]) -> Iterator[str]:
    yield "| figure | " + " | ".join(rounds) + "".join(f" | {OURS} / {peer}" for peer in PEERS) + " |"
    yield "| --- " * (len(rounds) + len(PEERS) + 1) + "|"
    for figure, title in FIGURES.items():
        values = {name: [figures[figure] for figures in rounds[name] if figure in figures] for name in rounds}
        ratios = ["-" if figure.endswith("_grown") else _ratio(values[OURS], values[peer]) for peer in PEERS]
        cells = [_spread(v) for v in values.values()] + ratios
        yield f"| {title} | " + " | ".join(cells) + " |"


def _spread(values: list[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})" if values else "-"


def _ratio(ours: list[float], theirs: list[float]) -> str:
    """The median of the ratios of each round, which is not skewed if the machine slows down midway."""
    return f"{median(a / b for a, b in zip(ours, theirs, strict=True)):.2f}" if theirs else "-"


if __name__ == "__main__":
    main()
