"""`python -m bench.footprint`: what a cold start loads and a call connects, as counts, which do not depend on timing.

Counted in a separate process that has only the code under test and the installed packages.
"""

import json
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
import json, os, sys
from types import SimpleNamespace
before = set(sys.modules)
import index
context = SimpleNamespace(request_id="footprint", function=SimpleNamespace(timeout=10))
index.initialize(context)
assert index.handler(b'{"phoneNumber": "8613800001234"}', context)["status"] == 200
loaded = [module for name, module in sys.modules.items() if name not in before]
files = {getattr(module, "__cached__", None) or getattr(module, "__file__", None) or "" for module in loaded}
for _ in range(%d - 1):
    assert index.handler(b'{"phoneNumber": "8613800001234"}', context)["status"] == 200
roots = tuple(os.environ["PYTHONPATH"].split(os.pathsep))
sizes = sum(os.path.getsize(file) for file in files if file.startswith(roots) and file.endswith(".pyc"))
print(json.dumps({"modules": len(loaded), "bytecode_bytes": sizes}), file=sys.stderr)
"""


def measure(code: Path) -> dict[str, int]:
    """Modules loaded until the first answer, bytecode bytes outside the standard library, connections of 100 calls."""
    sandbox = Sandbox(qps=1_000_000)
    with serve(sandbox.app()) as endpoint:
        settings = {"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP", "CAMS_QPS": "1000", "CACHE_TTL_SECONDS": "0"}
        path = {"PYTHONPATH": os.pathsep.join([str(code.resolve()), sysconfig.get_path("purelib")])}
        done = subprocess.run(
            [sys.executable, "-S", "-W", "ignore", "-c", _CHILD % CALLS],
            env=role_environment(DEMO_KEY_ID, DEMO_KEY) | settings | path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    counted: dict[str, int] = json.loads(done.stderr.splitlines()[-1])
    return counted | {"connections": len(sandbox.connections)}


def main() -> None:
    """Print one line."""
    counted = measure(Path("src"))
    print(
        f"A cold start loads {counted['modules']} modules and {counted['bytecode_bytes'] / 1e6:.2f} MB of bytecode; "
        f"{CALLS} calls make {counted['connections']} connection(s)."
    )


if __name__ == "__main__":
    main()
