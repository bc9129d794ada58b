"""The process under soak test: invocations of every kind, with the credentials that are in a file at the time."""

import json
import os
import random
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from cams_qr.instance import Instance
from reliability.lane import held
from testing.contract import EVENTS, ask

# Known and unknown numbers, and the traps that are not slow.
NUMBERS = ("8613800001234", "6281200001234", "8613800000000", "8613800000009", "12", "15554030001", "16660000003")


def run(count: int, credentials: Path) -> int:
    """Run `count` invocations, and print what grew after the first tenth."""
    instance = Instance.start(os.environ)
    outcomes: Counter[str] = Counter()
    before = held()
    for number in range(count):
        if number == count // 10:
            before = held()
        trigger = random.choice(list(EVENTS))
        asked = random.choice(NUMBERS) if random.random() < 0.9 else f"49{random.randrange(10**9):09}"
        outcomes[ask(instance, trigger, asked, _context(credentials))] += 1
    grown = [after - was for was, after in zip(before, held(), strict=True)]
    names = ("threads", "descriptors", "kilobytes")
    print(json.dumps({"outcomes": outcomes, "grown": dict(zip(names, grown, strict=True))}), file=sys.stderr)
    return 0


def _context(file: Path) -> SimpleNamespace:
    now = json.loads(file.read_text())
    credentials = SimpleNamespace(
        access_key_id=now["key_id"], access_key_secret=now["secret"], security_token=now["token"]
    )
    return SimpleNamespace(request_id="soak", function=SimpleNamespace(timeout=60), credentials=credentials)
