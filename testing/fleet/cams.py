"""A fast CAMS that counts arrivals: `python -m testing.fleet.cams OPTIONS` serves on a free port and takes commands.

It accepts every signature and owns every number. OPTIONS are an Options object as JSON. Commands are JSON lines:
`{"mode": "answer"}`, `"hang"` (accepts requests and never answers) or `"refuse"` (no listening socket), and
`"report"`. Each is answered with a line `{"reply": …}`.
"""

import asyncio
import json
import os
import random
import re
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

WINDOW_SECONDS = 1.0

# Seconds from a request's arrival to its answer.
LATENCIES: dict[str, Callable[[random.Random], float]] = {
    "steady": lambda chance: chance.uniform(0.03, 0.035),
    "even": lambda chance: chance.uniform(0.02, 0.06),
    "tail": lambda chance: chance.lognormvariate(-3.0, 0.8),
    "uneven": lambda chance: chance.uniform(0.02, 0.06),
}
# Seconds of network delay before a request has arrived.
_WAY_SECONDS = {"steady": 0.0, "even": 0.0, "tail": 0.0, "uneven": 0.05}


@dataclass(frozen=True)
class Options:
    """The quota in calls a second, how many of these another user makes, and a name in LATENCIES."""

    quota: int = 5
    others: float = 0.0
    latency: str = "even"
    seed: int = 1

    def json(self) -> str:
        """The options for the command line."""
        return json.dumps(asdict(self))


class Arrival(NamedTuple):
    """One of our requests: when it arrived (monotonic), for which number, and whether it was within the quota."""

    at: float
    number: str
    admitted: bool


class Cams:
    """The account's quota, and the arrivals."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._chance = random.Random(options.seed)
        self._admitted: deque[float] = deque()
        self._arrivals: list[Arrival] = []
        self._mode = "answer"
        self._connections: set[asyncio.StreamWriter] = set()
        self._outstanding = self._most_outstanding = 0
        self.port = 0

    async def open(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def change(self, mode: str) -> None:
        """Change the mode, and reset the count of outstanding requests."""
        self._most_outstanding = self._outstanding
        if mode == "refuse":
            self._server.close()
            for writer in self._connections:
                writer.transport.abort()
        elif self._mode == "refuse":
            await self.open()
        self._mode = mode

    def report(self) -> dict[str, Any]:
        """All arrivals, and the most requests that were outstanding at once since the last change of mode."""
        return {"arrivals": self._arrivals, "most_outstanding": self._most_outstanding}

    async def compete(self) -> None:
        """Simulate another user of the account, at random times."""
        while self._options.others:
            await asyncio.sleep(self._chance.expovariate(self._options.others))
            self._admit(time.monotonic())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                number = await _read_number(reader)
                await asyncio.sleep(self._chance.uniform(0, _WAY_SECONDS[self._options.latency]))
                self._outstanding += 1
                self._most_outstanding = max(self._most_outstanding, self._outstanding)
                try:
                    writer.write(await self._answer(number, reader))
                    await writer.drain()
                finally:
                    self._outstanding -= 1
        self._connections.discard(writer)
        writer.close()

    async def _answer(self, number: str, reader: asyncio.StreamReader) -> bytes:
        now = time.monotonic()
        admitted = self._admit(now)
        self._arrivals.append(Arrival(now, number, admitted))
        if self._mode == "hang":
            await reader.read()
            raise ConnectionResetError
        await asyncio.sleep(LATENCIES[self._options.latency](self._chance))
        return _listing(number) if admitted else _throttling()

    def _admit(self, now: float) -> bool:
        while self._admitted and now - self._admitted[0] >= WINDOW_SECONDS:
            self._admitted.popleft()
        if len(self._admitted) >= self._options.quota:
            return False
        self._admitted.append(now)
        return True


async def _read_number(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    number = re.search(rb"PhoneNumber=(\d+)", head + body)
    return number[1].decode() if number else ""


def _listing(number: str) -> bytes:
    item = {"QrdlCode": "4O4YGZEG3RIVE1", "PhoneNumber": number, "DeepLinkUrl": "https://wa.me/message/4O4YGZEG3RIVE1"}
    return _response("200 OK", {"RequestId": "R-1", "Code": "OK", "Message": "None", "Data": [item]})


def _throttling() -> bytes:
    code, message = "System.LimitControl", "The system is under flow control."
    return _response("400 Bad Request", {"RequestId": "R-1", "Code": code, "Message": message})


def _response(status: str, document: dict[str, Any]) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(options: Options) -> None:
    """Serve, and take commands from standard input until it ends."""
    cams = Cams(options)
    await cams.open()
    _reply(cams.port)
    competitor = asyncio.create_task(cams.compete())
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order = json.loads(line)
        if order == "report":
            _reply(cams.report())
        else:
            await cams.change(order["mode"])
            _reply(order["mode"])
    competitor.cancel()


def _reply(value: object) -> None:
    print(json.dumps({"reply": value}), flush=True)


def main() -> None:
    """Run as one of a fleet's processes, with a higher priority, because it measures the others."""
    with suppress(PermissionError):
        os.nice(-10)
    asyncio.run(serve(Options(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
