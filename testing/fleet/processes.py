"""A fleet: instances, a Valkey and a CAMS, each in its own process."""

import asyncio
import json
import os
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID
from local.valkey import Valkey
from testing.fleet.cams import Arrival, Options
from testing.proxy import Proxy

ROOT = Path(__file__).parents[2]
# A report of CAMS is one line.
_LONGEST_LINE = 1 << 26


class Program:
    """A process that answers JSON lines, one at a time; any other lines that it prints are its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.log: list[dict[str, Any]] = []

    async def ask(self, request: object) -> Any:
        """Send a request and return the reply. Raises RuntimeError if the process ends instead."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        return await self.reply()

    async def reply(self) -> Any:
        """The next reply. Raises RuntimeError if the process ends instead."""
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            document = json.loads(line)
            if "reply" in document:
                return document["reply"]
            self.log.append(document)
        raise RuntimeError(f"a process ended: {await self._process.wait()}")

    async def kill(self) -> None:
        """Kill the process."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@dataclass(frozen=True)
class Plan:
    """How many instances are started and how many are allowed, how CAMS behaves, and additional settings.

    Redis's answers take 0 to `redis_delay` seconds. Without `shared`, there is no Redis. Each instance runs `program`.
    """

    started: int
    allowed: int
    cams: Options = field(default_factory=Options)
    settings: Mapping[str, str] = field(default_factory=dict)
    shared: bool = True
    redis_delay: float = 0.0
    program: str = "testing.fleet.child"


class Fleet:
    """The processes of one plan."""

    def __init__(
        self, plan: Plan, cams: Program, valkey: Valkey | None, environ: Mapping[str, str], stack: AsyncExitStack
    ) -> None:
        self.plan = plan
        self.cams = cams
        self.instances: list[Program] = []
        self._valkey = valkey
        self._environ = environ
        self._stack = stack

    async def grow(self) -> Program:
        """Start one more instance, and wait until it has been initialized."""
        instance = await _start(self._stack, self.plan.program, environ=self._environ)
        await instance.reply()
        self.instances.append(instance)
        return instance

    async def arrivals(self) -> list[Arrival]:
        """The arrivals at CAMS so far, in order."""
        report = await self.cams.ask("report")
        return [Arrival(*arrival) for arrival in report["arrivals"]]

    @property
    def valkey(self) -> Valkey:
        """The fleet's Redis, to kill, pause and restart."""
        assert self._valkey
        return self._valkey


@asynccontextmanager
async def fleet(plan: Plan) -> AsyncIterator[Fleet]:
    """Start all processes of a plan; they end with the block."""
    async with AsyncExitStack() as stack:
        cams = await _start(stack, "testing.fleet.cams", plan.cams.json())
        environ = {
            **role_environment(DEMO_KEY_ID, DEMO_KEY),
            "CAMS_ENDPOINT": f"127.0.0.1:{await cams.reply()}",
            "CAMS_PROTOCOL": "HTTP",
            "CAMS_QPS": "5",
            "CACHE_TTL_SECONDS": "0",
            "MAX_INSTANCES": str(plan.allowed),
            **plan.settings,
        }
        valkey = None
        if plan.shared:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            valkey = Valkey(Path(folder)).start()
            stack.callback(valkey.kill)
            environ["REDIS_URL"] = valkey.url
            if plan.redis_delay:
                chance = random.Random(1)
                slow = Proxy(f"127.0.0.1:{valkey.port}", delay=lambda: chance.uniform(0, plan.redis_delay))
                environ["REDIS_URL"] = f"redis://{stack.enter_context(slow).address}"
        started = Fleet(plan, cams, valkey, environ, stack)
        await asyncio.gather(*(started.grow() for _ in range(plan.started)))
        yield started


async def _start(stack: AsyncExitStack, module: str, *arguments: str, environ: Mapping[str, str] = {}) -> Program:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "ignore", "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **environ},
    )
    program = Program(process)
    stack.push_async_callback(program.kill)
    return program
