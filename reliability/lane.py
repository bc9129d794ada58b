"""One lane of the fault matrix: `python -m reliability.lane SEED COUNT`, a process with its own account.

Prints its figures as JSON on standard error. The environment has the settings; DECOYS has other endpoints.
"""

import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from cams_qr.instance import Instance
from local.fc import make_context
from local.traps import ERRORS, TRAPS
from local.valkey import Valkey
from reliability.growth import grown_since, held
from testing.contract import EVENTS, HOSTILE, ask, settings_for
from testing.proxy import Proxy

LISTED = ("8613800001234", "6281200001234", "8613800000000", "8613800000009")
STATUSES = (200, 400, 403, 404, 429, 500, 503)
REDIS = ("none", "up", "paused", "killed", "full", "dripping", "slow")
TIMEOUTS = (1, 1, 1, 2, 3)
# A new instance knows nothing of the calls of the one before it.
WINDOW_SECONDS = 1.06


class Lane:
    """A function that is restarted, and a Redis that fails, between invocations."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.valkey = Valkey(Path(tempfile.mkdtemp())).start()
        self.proxy = Proxy(f"127.0.0.1:{self.valkey.port}")
        self.redis = "none"
        self.instance = self._start("none", os.environ["CAMS_ENDPOINT"])
        self.decoy = False
        self.outcomes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.worst_margin = float("inf")
        self.journal: list[tuple[float, float, str]] = []
        self.cold = 0

    def run(self, count: int) -> None:
        """Run `count` invocations."""
        for _ in range(count):
            if self.random.random() < 0.05:
                self._restart()
            if self.random.random() < 0.03:
                self._trouble_redis()
            self._invoke()

    def settle(self) -> None:
        """End the proxy's connections, and so its threads; resolver threads end by themselves."""
        self.proxy.cut()
        time.sleep(3)
        self.proxy.restore()

    def _start(self, redis: str, endpoint: str) -> Instance:
        settings = os.environ | settings_for(endpoint)
        if redis != "none":
            settings["REDIS_URL"] = f"redis://{self.proxy.address}"
        return Instance.start(settings)

    def _restart(self) -> None:
        self._mend_redis()
        time.sleep(WINDOW_SECONDS)
        decoys = json.loads(os.environ["DECOYS"])
        self.redis = self.random.choice(REDIS)
        self.decoy = self.random.random() < 0.4
        endpoint = self.random.choice(decoys) if self.decoy else os.environ["CAMS_ENDPOINT"]
        self.instance = self._start(self.redis, endpoint)
        self.cold += 1

    def _trouble_redis(self) -> None:
        if self.redis == "paused":
            self.valkey.pause()
        elif self.redis == "killed":
            self.valkey.kill()
        elif self.redis == "full":
            self.valkey.fill()
        elif self.redis == "dripping":
            self.proxy.drips = 0.1
        elif self.redis == "slow":
            self.proxy.delay = 0.15

    def _mend_redis(self) -> None:
        if self.redis == "paused":
            self.valkey.resume()
        elif self.redis == "killed":
            self.valkey.kill()
            self.valkey.start()
        elif self.redis == "full":
            self.valkey.empty()
        self.proxy.drips, self.proxy.delay = 0.0, 0.0

    def _number(self) -> str:
        kind = self.random.random()
        if kind < 0.3:
            return self.random.choice(LISTED)
        if kind < 0.6:
            return f"1555{self.random.choice(STATUSES)}{self.random.choice(list(ERRORS)):04}"
        if kind < 0.95:
            return f"1666000{self.random.choice(list(TRAPS)):04}"
        return self.random.choice(["12", "", "4915112345678"])

    def _trigger(self) -> str:
        """A tenth of the events are hostile, which takes longer."""
        return self.random.choice(list(HOSTILE if self.random.random() < 0.1 else EVENTS))

    def _invoke(self) -> None:
        number, trigger = self._number(), self._trigger()
        context = make_context("python3.10", timeout=self.random.choice(TIMEOUTS))
        started = time.monotonic()
        outcome = ask(self.instance, trigger, number, context)
        ended = time.monotonic()
        self.worst_margin = min(self.worst_margin, context.function.timeout - (ended - started))
        self.outcomes[outcome] += 1
        upstream = "decoy" if self.decoy else "CAMS"
        self.faults[f"{number[:4]} x {trigger} x {self.redis} x {upstream}"] += 1
        self.journal.append((started, ended, f"{trigger} {number} {outcome}, Redis {self.redis}, {upstream}"))


def main() -> None:
    """Run the lane, and print its figures."""
    seed, count = map(int, sys.argv[1:])
    lane = Lane(seed)
    try:
        lane.run(count // 2)
        lane.settle()
        before = held()
        lane.run(count - count // 2)
        lane.settle()
        grown = grown_since(before)
    finally:
        lane.valkey.kill()
    print(
        json.dumps(
            {
                "outcomes": lane.outcomes,
                "combinations": list(lane.faults),
                "worst_margin": lane.worst_margin,
                "cold": lane.cold,
                "journal": lane.journal,
                "grown": grown,
            }
        ),
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
