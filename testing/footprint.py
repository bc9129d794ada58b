"""`python -m testing.footprint`: what a cold start loads and a call connects, as counts, which do not depend on timing.

Counted in a separate process that has only the code under test and the installed packages.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve

CALLS = 100
_CHILD = """
import json, sys
from types import SimpleNamespace
before = set(sys.modules)
import index
context = SimpleNamespace(request_id="footprint", function=SimpleNamespace(timeout=10))
index.initialize(context)
def ask():
    assert json.loads(index.handler(b'{"phoneNumber": "8613800001234"}', context))["status"] == 200
ask()
modules = len(set(sys.modules) - before)
for _ in range(int(sys.argv[1]) - 1):
    ask()
print(modules, file=sys.stderr)
"""


def measure(code: Path, redis_url: str = "") -> tuple[int, int]:
    """The modules that are loaded until the first answer, Python's own included; and the connections of 100 calls."""
    # With Redis, what the cache needs of it counts too.
    settings = {"CACHE_TTL_SECONDS": "60" if redis_url else "0", "REDIS_URL": redis_url}
    sandbox = Sandbox(qps=1_000_000)
    with serve(sandbox.app()) as endpoint:
        cams = {"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP", "CAMS_QPS": "1000"}
        path = {"PYTHONPATH": os.pathsep.join([str(code.resolve()), sysconfig.get_path("purelib")])}
        done = subprocess.run(
            [sys.executable, "-S", "-W", "ignore", "-c", _CHILD, str(CALLS)],
            env=role_environment(DEMO_KEY_ID, DEMO_KEY) | cams | settings | path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    return int(done.stderr.splitlines()[-1]), len(sandbox.connections)


def main() -> None:
    """Print one line."""
    modules, connections = measure(Path("src"))
    print(f"A cold start of the source loads {modules} modules; {CALLS} calls make {connections} connection(s).")


if __name__ == "__main__":
    main()
