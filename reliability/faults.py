"""`python -m reliability.faults`: seeded invocations against faults of CAMS, the network, TLS, the resolver and Redis.

Several processes, each with its own account, and a sandbox that watches each account's quota. Fails for an answer that
is late or breaks the contract, any exception but QueryFailed, leaks, and a sixth call in any rolling second.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from multiprocessing.connection import Connection
from typing import Any

import trustme

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve
from testing.endpoints import full_backlog, over_tls, refusing
from testing.fleet.measures import between

LANES = 8
# Cached lists of 2,000 codes, and what parsing millions of values leaves to the allocator, count as growth.
GROWTH = {"threads": 0, "descriptors": 6, "kilobytes": 12_000}


def main() -> int:
    """Run the lanes side by side; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m reliability.faults", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    started = time.monotonic()
    authority = trustme.CA()
    with ExitStack() as stack:
        roots = stack.enter_context(authority.cert_pem.tempfile())
        elsewhere = [stack.enter_context(decoy) for decoy in decoys(authority)]
        upstreams = [_Upstream() for _ in range(LANES)]
        lanes = [
            _lane(options.seed + number, options.count // LANES, upstream.address, elsewhere, roots)
            for number, upstream in enumerate(upstreams)
        ]
        said = [lane.communicate()[1] for lane in lanes]
    arrivals = [upstream.end() for upstream in upstreams]
    figures = []
    for lane, text in zip(lanes, said, strict=True):
        if lane.returncode:
            print(text[-3000:])
        else:
            figures.append(json.loads(text.splitlines()[-1]))
    print(f"seed {options.seed}, {options.count} invocations in {LANES} lanes, {time.monotonic() - started:.0f} s")
    if len(figures) < len(lanes):
        return 1
    return 1 if _report(figures, arrivals) else 0


class _Upstream:
    """A sandbox in its own process, so that no lane waits for another's bodies of 100 MiB."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        multiprocessing.get_context("spawn").Process(target=_serve_sandbox, args=(theirs,), daemon=True).start()
        self.address: str = self._pipe.recv()

    def end(self) -> list[float]:
        """When each signed call arrived, in seconds of the monotonic clock, which all processes share."""
        self._pipe.send(None)
        arrivals: list[float] = self._pipe.recv()
        return arrivals


def _serve_sandbox(pipe: Connection) -> None:
    sandbox = Sandbox(qps=1000)
    with serve(sandbox.app()) as address:
        pipe.send(address)
        pipe.recv()
        pipe.send(sandbox.arrivals)


def _report(figures: list[dict[str, Any]], arrivals: list[list[float]]) -> int:
    outcomes: Counter[str] = Counter()
    for lane in figures:
        outcomes.update(lane["outcomes"])
    combinations = {combination for lane in figures for combination in lane["combinations"]}
    margin = min(lane["worst_margin"] for lane in figures)
    growth = {name: max(lane["grown"][name] for lane in figures) for name in GROWTH}
    print(f"outcomes: {dict(outcomes.most_common())}")
    cold = sum(lane["cold"] for lane in figures)
    print(f"{len(combinations)} combinations of fault, trigger, Redis and endpoint; {cold} cold starts")
    print(f"least time left before the function's timeout: {margin * 1000:.0f} ms")
    fullest = [_fullest_second(times) for times in arrivals]
    most = max(len(second) for second in fullest)
    print(f"most calls in any rolling second: {most}")
    print(f"most growth of a lane in its second half: {growth}")
    for lane, second in zip(figures, fullest, strict=True):
        if len(second) > 5:
            _tell(lane["journal"], second)
    grew: int = sum(growth[name] > limit for name, limit in GROWTH.items())
    return int(margin <= 0) + int(most > 5) + grew


def _lane(seed: int, count: int, address: str, decoys: list[str], roots: str) -> "subprocess.Popen[str]":
    environ = role_environment(DEMO_KEY_ID, DEMO_KEY) | {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"src{os.pathsep}.",
        "CAMS_ENDPOINT": address,
        "CAMS_PROTOCOL": "HTTP",
        "CAMS_QPS": "5",
        "CAMS_MAX_WAIT_SECONDS": "0.5",
        "CACHE_TTL_SECONDS": "1",
        "CACHE_STALE_SECONDS": "1",
        "LOG_LEVEL": "ERROR",
        "SSL_CERT_FILE": roots,
        "DECOYS": json.dumps(decoys),
    }
    command = [sys.executable, "-W", "ignore", "-m", "reliability.lane", str(seed), str(count)]
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def decoys(authority: trustme.CA) -> Iterator[Any]:
    """Endpoints that are not CAMS; those that begin with `tls.` are called over TLS, and trust `authority`."""
    yield refusing()
    yield full_backlog()
    yield _named("tls.no-such-host.invalid")
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    for certificate in (
        authority.issue_cert("127.0.0.1", not_after=yesterday),
        authority.issue_cert("elsewhere.example.com"),
        trustme.CA().issue_cert("127.0.0.1"),
    ):
        yield _tls(certificate)


@contextmanager
def _named(address: str) -> Iterator[str]:
    yield address


@contextmanager
def _tls(certificate: trustme.LeafCert) -> Iterator[str]:
    with over_tls(Sandbox(), certificate) as address:
        yield f"tls.{address}"


def _fullest_second(arrivals: list[float]) -> Sequence[float]:
    """The arrivals of the rolling second with the most."""
    ordered = sorted(arrivals)
    return max((between(ordered, at, at + 1) for at in ordered), key=len, default=())


def _tell(journal: list[tuple[float, float, str]], second: Sequence[float]) -> None:
    """Print what the lane was doing when too many calls arrived."""
    print(f"arrived at {[round(at - second[0], 3) for at in second]}")
    for started, ended, what in journal:
        if ended >= second[0] - 1.5 and started <= second[-1]:
            print(f"  {started - second[0]:.3f} to {ended - second[0]:.3f}: {what}")


if __name__ == "__main__":
    sys.exit(main())
