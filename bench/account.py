"""`python -m bench.account`: many instances through one Valkey against the sandbox, and what a hit costs."""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve
from local.valkey import Valkey

INSTANCES = 16
SECONDS = 20
QPS = 5
JITTER_SECONDS = 0.05
ROOT = Path(__file__).parent.parent


def main() -> None:
    """Run the quiet and the uneven network, then the hits, and print a table of each."""
    with tempfile.TemporaryDirectory() as folder:
        valkey = Valkey(Path(folder)).start()
        try:
            print(f"\n{INSTANCES} instances for {SECONDS} s, one Valkey, a quota of {QPS} a second\n")
            print(
                "| network | share of the quota used | throttled by CAMS | most in any second | wait p50 | wait p99 |"
            )
            print("| --- | --- | --- | --- | --- | --- |")
            for name, jitter in (("loopback", 0.0), (f"0 to {JITTER_SECONDS * 1000:.0f} ms of delay", JITTER_SECONDS)):
                print(f"| {name} | " + " | ".join(_hammer(valkey, jitter)) + " |")
            ideal = INSTANCES / QPS
            print(f"\nAn ideal queue of {INSTANCES} would have each wait {ideal:.2f} s.\n")
            _print_hits(valkey)
        finally:
            valkey.kill()


def _environment(endpoint: str, valkey: Valkey) -> dict[str, str]:
    return {
        **role_environment(DEMO_KEY_ID, DEMO_KEY),
        "CAMS_ENDPOINT": endpoint,
        "CAMS_PROTOCOL": "HTTP",
        "MAX_INSTANCES": str(INSTANCES),
        "REDIS_URL": valkey.url,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }


def _hammer(valkey: Valkey, jitter: float) -> list[str]:
    sandbox = Sandbox(qps=QPS)
    app = sandbox.app()
    app.middlewares.append(_delay(jitter))
    with serve(app) as endpoint:
        command = [sys.executable, "-W", "ignore", "-m", "bench.hammer", str(SECONDS)]
        environ = _environment(endpoint, valkey)
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        processes = [subprocess.Popen(command, env=environ, text=True, **pipes) for _ in range(INSTANCES)]  # type: ignore[call-overload]
        reports = [json.loads(process.communicate()[1].splitlines()[-1]) for process in processes]
    arrivals = sandbox.arrivals
    # The first calls of each instance come while others still start; after them all are at work until the end.
    steady = [at for at in arrivals if arrivals[0] + 5 <= at < arrivals[0] + SECONDS - 1]
    rounds = (len(steady) - 1) // QPS
    share = rounds / (steady[rounds * QPS] - steady[0])
    waits = [wait for report in reports for wait in report["waits"][1:]]
    most = max(sum(1 for later in arrivals if at <= later < at + 1) for at in arrivals)
    throttled = sandbox.refusals.count("System.LimitControl")
    return [f"{share:.1%}", str(throttled), str(most), f"{median(waits):.2f} s", f"{quantiles(waits, n=100)[98]:.2f} s"]


def _delay(most: float) -> Middleware:
    """A network that delays each request, and each answer, by something between nothing and `most` seconds."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        await asyncio.sleep(random.uniform(0, most))
        answer = await handler(request)
        await asyncio.sleep(random.uniform(0, most))
        return answer

    return middleware


def _print_hits(valkey: Valkey) -> None:
    with serve(Sandbox().app()) as endpoint:
        command = [sys.executable, "-W", "ignore", "-m", "bench.hits"]
        done = subprocess.run(
            command, env=_environment(endpoint, valkey), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True
        )
    print("| hit, bytes in to answer out | us |\n| --- | --- |")
    for where, microseconds in json.loads(done.stderr.splitlines()[-1]).items():
        print(f"| {where} | {microseconds:.0f} |")


if __name__ == "__main__":
    main()
