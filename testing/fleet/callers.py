"""Callers: some send one request after another and obey Retry-After exactly, others arrive at a fixed rate."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from testing.fleet.processes import Fleet, Program

Event = dict[str, Any]

BATCH = 100


class Result(NamedTuple):
    """The result of one query."""

    status: int
    retry_after: float | None = None
    stale: bool = False

    @property
    def served(self) -> bool:
        """Whether the answer is about the number."""
        return self.status in (200, 404)


class Answer(NamedTuple):
    """One answer: when the caller asked (monotonic), and how many seconds the instance took.

    `retry` says whether this was a retry at the time that Retry-After gave.
    """

    caller: int
    asked: float
    seconds: float
    results: Sequence[Result]
    retry: bool = False

    @property
    def served(self) -> bool:
        """Whether all its queries were answered."""
        return all(result.served for result in self.results)

    @property
    def refused(self) -> bool:
        """Whether any of its queries was rejected without a permit."""
        return any(result.status == 429 for result in self.results)


def http(number: str) -> Event:
    """A person's request, over the HTTP trigger."""
    return {
        "version": "v1",
        "rawPath": "/qr-codes",
        "headers": {},
        "queryParameters": {"phoneNumber": number},
        "requestContext": {"http": {"method": "GET"}},
    }


def direct(number: str) -> Event:
    """A call by another function."""
    return {"phoneNumber": number}


def batch(number: str) -> Event:
    """A call by another function, with many numbers that start with the same digits."""
    return {"queries": [direct(f"{number}{place:02}") for place in range(BATCH)]}


async def ask(instance: Program, caller: int, event: Event, timeout: float = 10) -> Answer:
    """Send an event to an idle instance, with a function timeout of `timeout` seconds."""
    asked = time.monotonic()
    reply = await instance.ask({"event": event, "timeout": timeout})
    return Answer(caller, asked, reply["seconds"], _results(reply["answer"]))


def _results(answer: dict[str, Any]) -> list[Result]:
    if "statusCode" in answer:
        retry_after = answer["headers"].get("Retry-After")
        stale = json.loads(answer["body"]).get("stale", False)
        return [Result(answer["statusCode"], float(retry_after) if retry_after else None, stale)]
    return [
        Result(
            result["status"], result.get("problem", {}).get("retryAfter"), result.get("result", {}).get("stale", False)
        )
        for result in answer.get("results", [answer])
    ]


async def keep_asking(instance: Program, caller: int, event: Event, answers: list[Answer], timeout: float = 10) -> None:
    """Send the same request again and again, to the caller's own instance; wait exactly as long as Retry-After says.

    Of a batch, only the retryable queries are retried; then all of it is sent again.
    """
    rest, retry = event, False
    while True:
        answer = (await ask(instance, caller, rest, timeout))._replace(retry=retry)
        answers.append(answer)
        waits = [result.retry_after for result in answer.results if result.retry_after is not None]
        retry = bool(waits)
        rest = _rest(rest, answer) if retry else event
        await asyncio.sleep(max(waits, default=0))


def _rest(event: Event, answer: Answer) -> Event:
    if "queries" not in event:
        return event
    asked = zip(event["queries"], answer.results, strict=True)
    return {"queries": [query for query, result in asked if result.retry_after is not None]}


async def keep_coming(
    fleet: Fleet, rate: float, answers: list[Answer], choose: Callable[[list[Program]], Program]
) -> None:
    """People who query ever new numbers, `rate` a second, evenly but with some jitter.

    Each goes to the idle instance that `choose` picks from a list ordered by when they were last busy. If none is idle,
    it goes to a new one, if more are allowed; else it is rejected, as the platform does.
    """
    chance = random.Random(1)
    idle, places = list(fleet.instances), fleet.plan.allowed - len(fleet.instances)
    tasks: list[asyncio.Task[None]] = []

    async def come(caller: int) -> None:
        nonlocal places
        asked = time.monotonic()
        if not idle and not places:
            answers.append(Answer(caller, asked, 0.0, [Result(429)]))
            return
        if idle:
            instance = choose(idle)
        else:
            places -= 1
            instance = await fleet.grow()
        answer = await ask(instance, caller, http(f"861{caller:08}"))
        idle.append(instance)
        answers.append(answer._replace(asked=asked))

    try:
        for caller in range(1_000_000):
            tasks.append(asyncio.create_task(come(caller)))
            await asyncio.sleep(chance.uniform(0.5, 1.5) / rate)
    finally:
        await _end(tasks)


def latest(idle: list[Program]) -> Program:
    """The most recently busy instance, as a platform chooses."""
    return idle.pop()


def anyone(chance: random.Random) -> Callable[[list[Program]], Program]:
    """A random idle instance."""
    return lambda idle: idle.pop(chance.randrange(len(idle)))


@asynccontextmanager
async def running(*callers: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run callers until the block ends. Raises what one of them raised."""
    tasks = [asyncio.create_task(caller) for caller in callers]
    try:
        yield
    finally:
        await _end(tasks)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel the tasks. Raises what one of them raised before."""
    for task in tasks:
        task.cancel()
    for end in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(end, Exception):
            raise end
