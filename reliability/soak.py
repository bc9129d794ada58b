"""`python -m reliability.soak`: one process, 100,000 mixed invocations, with freezes and rotated credentials.

Fails if threads, file descriptors or memory keep growing, or an answer breaks the contract.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from cams_qr.instance import Instance
from local.acs3 import AccessKey
from local.sandbox import Sandbox
from local.serve import serve
from reliability.growth import grown_since, held
from testing.contract import EVENTS, ask

FREEZES_EVERY = 5.0
# Known and unknown numbers, and the traps that are not slow.
NUMBERS = ("8613800001234", "6281200001234", "8613800000000", "8613800000009", "12", "15554030001", "16660000003")
GROWTH = {"threads": 0, "descriptors": 2, "kilobytes": 4_000}


def main() -> int:
    """Run the child, freeze it, rotate its credentials, and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m reliability.soak", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--child", nargs=2, metavar=("COUNT", "FILE"), help="used by the run itself")
    options = parser.parse_args()
    if options.child:
        return _soak(int(options.child[0]), Path(options.child[1]))
    sandbox = Sandbox(keys={}, qps=1_000_000)
    credentials = Path(tempfile.mkdtemp(), "credentials.json")
    _rotate(sandbox, credentials, 0)
    with serve(sandbox.app()) as address:
        environ = dict(os.environ, CAMS_ENDPOINT=address, CAMS_PROTOCOL="HTTP", CAMS_QPS="10000", LOG_LEVEL="ERROR")
        command = [sys.executable, "-m", "reliability.soak", "--child", str(options.count), str(credentials)]
        child = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        frozen = 0
        while child.poll() is None:
            time.sleep(FREEZES_EVERY)
            frozen += 1
            child.send_signal(signal.SIGSTOP)
            _rotate(sandbox, credentials, frozen)
            time.sleep(random.uniform(0.1, 2))
            child.send_signal(signal.SIGCONT)
        assert child.stderr
        said = child.stderr.read()
    if child.returncode:
        print(said[-3000:])
        return 1
    figures = json.loads(said.splitlines()[-1])
    print(f"{options.count} invocations, {len(sandbox.arrivals)} calls, {frozen} freezes, each with new credentials")
    print(f"outcomes: {figures['outcomes']}")
    print(f"growth from a tenth of the run to its end: {figures['grown']}")
    print(f"connections made: {len(sandbox.connections)}")
    return int(any(figures["grown"][name] > limit for name, limit in GROWTH.items()))


def _soak(count: int, credentials: Path) -> int:
    """Run `count` invocations with the credentials of the time, and print what grew after the first tenth."""
    instance = Instance.start(os.environ)
    outcomes: Counter[str] = Counter()
    before = held()
    for number in range(count):
        if number == count // 10:
            before = held()
        trigger = random.choice(list(EVENTS))
        asked = random.choice(NUMBERS) if random.random() < 0.9 else f"49{random.randrange(10**9):09}"
        outcomes[ask(instance, trigger, asked, _context(credentials))] += 1
    print(json.dumps({"outcomes": outcomes, "grown": grown_since(before)}), file=sys.stderr)
    return 0


def _context(file: Path) -> SimpleNamespace:
    now = json.loads(file.read_text())
    credentials = SimpleNamespace(
        access_key_id=now["key_id"], access_key_secret=now["secret"], security_token=now["token"]
    )
    return SimpleNamespace(request_id="soak", function=SimpleNamespace(timeout=60), credentials=credentials)


def _rotate(sandbox: Sandbox, file: Path, number: int) -> None:
    """Issue new credentials; the previous ones stay valid for a while, like a role's."""
    key_id, key = f"STS.{number}", AccessKey(f"secret-{number}", f"token-{number}")
    sandbox.keys[key_id] = key
    sandbox.keys.pop(f"STS.{number - 2}", None)
    written = file.with_suffix(".new")
    written.write_text(json.dumps({"key_id": key_id, "secret": key.secret, "token": key.token}))
    written.rename(file)


if __name__ == "__main__":
    sys.exit(main())
