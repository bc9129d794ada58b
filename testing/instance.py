"""An instance of the function in a process of its own, asked by one caller at a time."""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID


class Instance:
    """It runs `testing.fleet.child` until it is ended; `lines` is what the function has logged."""

    def __init__(self, endpoint: str, redis_url: str, **settings: str) -> None:
        environ = role_environment(DEMO_KEY_ID, DEMO_KEY) | {"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP"}
        # The same code as in this process: src, or an unpacked package.
        environ |= {"REDIS_URL": redis_url, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "testing.fleet.child"],
            env=environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []
        self.receive()

    def send(self, event: Any) -> None:
        """Send an event, and wait for nothing."""
        assert self.process.stdin
        print(json.dumps({"event": event, "timeout": 10}), file=self.process.stdin, flush=True)

    def receive(self) -> Any:
        """Wait for the answer to the event that was sent."""
        assert self.process.stdout
        while "reply" not in (line := json.loads(self.process.stdout.readline())):
            self.lines.append(line)
        return line["reply"] if line["reply"] == "started" else line["reply"]["answer"]

    def direct(self, event: Any) -> Any:
        """Send an event and return its answer."""
        self.send(event)
        return self.receive()

    def freeze(self, after: float, seconds: float) -> None:
        """Stand still for so many seconds, as the platform lets an instance do."""
        time.sleep(after)
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End the process, and wait for its end."""
        self.process.communicate()
