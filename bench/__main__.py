"""`python -m bench`: the function and its peers in turn, against one sandbox; medians, spreads and ratios."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve

PEERS = ("ours", "official_sdk", "bare_tea")
FIGURES = {
    "first_answer_ms": "process start to first answer, ms",
    "first_answer_cpu_ms": "the same, CPU ms",
    "warm_cpu_us": "warm call, CPU us",
    "rss_mb": "memory after 1,000 calls, MB",
    "rss_mb_grown": "memory grown in 1,000 calls, MB",
    "threads_grown": "threads grown in 1,000 calls",
    "descriptors_grown": "descriptors grown in 1,000 calls",
}
ROOT = Path(__file__).parent.parent

Figures = dict[str, float]


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds: dict[str, list[Figures]] = {peer: [] for peer in PEERS}
    with serve(Sandbox(qps=1_000_000).app()) as endpoint:
        for _ in range(parser.parse_args().rounds):
            for peer in PEERS:
                rounds[peer].append(_run(peer, endpoint))
    _print_table(rounds)


def _run(peer: str, endpoint: str) -> Figures:
    environ = role_environment(DEMO_KEY_ID, DEMO_KEY) | {
        "CAMS_ENDPOINT": endpoint,
        "CAMS_PROTOCOL": "HTTP",
        "CAMS_QPS": "1000",
        "CACHE_TTL_SECONDS": "0",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }
    started = time.time()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.child", peer],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stderr.splitlines()[-1])
    figures["first_answer_ms"] = (figures.pop("first_answer_at") - started) * 1000
    return figures


def _print_table(rounds: dict[str, list[Figures]]) -> None:
    print(f"Python {sys.version.split()[0]}, {len(rounds['ours'])} alternated rounds, median (least to most)\n")
    print("| figure | " + " | ".join(PEERS) + " | ours / official_sdk | ours / bare_tea |")
    print("| --- " * (len(PEERS) + 3) + "|")
    for figure, title in FIGURES.items():
        values = {peer: [figures[figure] for figures in rounds[peer]] for peer in PEERS}
        cells = [f"{median(v):.1f} ({min(v):.1f} to {max(v):.1f})" for v in values.values()]
        ratios = [_ratio(values["ours"], values[peer]) for peer in ("official_sdk", "bare_tea")]
        print(f"| {title} | " + " | ".join(cells + ratios) + " |")


def _ratio(ours: list[float], theirs: list[float]) -> str:
    """The median of the ratios round by round, which a machine that slows down midway does not skew."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=True) if abs(b) > 1e-9]
    return f"{median(pairs):.2f}" if pairs else "-"


if __name__ == "__main__":
    main()
