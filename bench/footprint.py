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
import json, sys
from types import SimpleNamespace
counted = dict.fromkeys(("bytecode_bytes", "compiled", "opened"), 0)
def audit(event, details):
    if event == "marshal.loads":
        counted["bytecode_bytes"] += len(details[0])
    elif event in ("compile", "open"):
        counted["compiled" if event == "compile" else "opened"] += 1
sys.addaudithook(audit)
before = set(sys.modules)
import index
context = SimpleNamespace(request_id="footprint", function=SimpleNamespace(timeout=10))
index.initialize(context)
assert index.handler(b'{"phoneNumber": "8613800001234"}', context)["status"] == 200
printed = json.dumps({"modules": len(set(sys.modules) - before), **counted})
for _ in range(%d - 1):
    assert index.handler(b'{"phoneNumber": "8613800001234"}', context)["status"] == 200
print(printed, file=sys.stderr)
"""
# Counts the bytecode instructions of Python functions; what C code does costs extra.
_HIT_CHILD = """
import json, sys
from types import SimpleNamespace
import index
context = SimpleNamespace(request_id="footprint", function=SimpleNamespace(timeout=10))
def answer(event):
    found = index.handler(event, context)
    assert found.get("statusCode", found.get("status")) == 200, found
def count(event):
    executed = 0
    def trace(frame, happened, argument):
        nonlocal executed
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        executed += happened == "opcode"
        return trace
    answer(event)
    # Python 3.12 needs this before the first trace function, too.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    answer(event)
    sys.settrace(None)
    return executed
direct, over_http, drawing = [text.encode() for text in json.loads(sys.argv[1])]
counted = {"direct": count(direct), "over_http": count(over_http)}
before = set(sys.modules)
answer(drawing)
counted["drawing_modules"] = len(set(sys.modules) - before)
print(json.dumps(counted | {"drawing": count(drawing)}), file=sys.stderr)
"""


def measure(code: Path, redis_url: str = "") -> dict[str, int]:
    """Modules, bytes of bytecode, texts compiled and files opened until the first answer; connections of 100 calls.

    They are Python's own audit events, its library's modules among them, and those of the system's linker not.
    """
    # With Redis, what the cache needs of it counts too.
    settings = {"CACHE_TTL_SECONDS": "60" if redis_url else "0", "REDIS_URL": redis_url}
    return _count(code, settings, _CHILD % CALLS)


def measure_hits(code: Path) -> dict[str, int]:
    """Bytecode instructions of hits, and the modules that a first drawing imports."""
    event = json.loads((Path(__file__).parents[1] / "events" / "http_trigger_get.json").read_text())
    event |= {"rawPath": "/qr-codes", "queryParameters": {"phoneNumber": "8613800001234"}}
    drawing = {**event, "rawPath": "/qr-codes/4O4YGZEG3RIVE1.svg"}
    events = ['{"phoneNumber": "8613800001234"}', json.dumps(event), json.dumps(drawing)]
    return _count(code, {"CACHE_TTL_SECONDS": "60"}, _HIT_CHILD, json.dumps(events))


def _count(code: Path, settings: dict[str, str], child: str, *arguments: str) -> dict[str, int]:
    sandbox = Sandbox(qps=1_000_000)
    with serve(sandbox.app()) as endpoint:
        cams = {"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP", "CAMS_QPS": "1000"}
        path = {"PYTHONPATH": os.pathsep.join([str(code.resolve()), sysconfig.get_path("purelib")])}
        done = subprocess.run(
            [sys.executable, "-S", "-W", "ignore", "-c", child, *arguments],
            env=role_environment(DEMO_KEY_ID, DEMO_KEY) | cams | settings | path,
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
