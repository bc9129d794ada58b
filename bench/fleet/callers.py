"""Callers: some ask one thing after another and obey Retry-After to the moment, some come at a rate, come what may."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from bench.fleet.processes import Fleet, Program

Event = dict[str, Any]

BATCH = 100


class Result(NamedTuple):
    """What became of one query."""

    status: int
    retry_after: float | None = None
    stale: bool = False

    @property
    def served(self) -> bool:
        """Whether it says something about the number."""
        return self.status in (200, 404)


class Answer(NamedTuple):
    """What a caller was told: asked when (monotonic), answered by the instance within how many seconds.

    `retry` tells whether it had been told to come back at that moment.
    """

    caller: int
    asked: float
    seconds: float
    results: Sequence[Result]
    retry: bool = False

    @property
    def served(self) -> bool:
        """Whether all of it was answered."""
        return all(result.served for result in self.results)

    @property
    def refused(self) -> bool:
        """Whether some of it was refused for want of a permit."""
        return any(result.status == 429 for result in self.results)


def http(number: str) -> Event:
    """A request of a person, over the HTTP trigger."""
    return {
        "version": "v1",
        "rawPath": "/qr-codes",
        "headers": {},
        "queryParameters": {"phoneNumber": number},
        "requestContext": {"http": {"method": "GET"}},
    }


def direct(number: str) -> Event:
    """A call of another function."""
    return {"phoneNumber": number}


def batch(number: str) -> Event:
    """A call of another function with many numbers that begin alike."""
    return {"queries": [direct(f"{number}{place:02}") for place in range(BATCH)]}


async def ask(instance: Program, caller: int, event: Event, timeout: float = 10) -> Answer:
    """Ask an idle instance whose function has `timeout` seconds."""
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
    """Ask for the same again and again, an own instance; wait for what Retry-After says, and no longer.

    Of a batch only that is asked again which is to be; then all of it.
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
    """People who ask for ever new numbers, `rate` a second, evenly but for some jitter.

    Each goes to the idle instance that `choose` takes from the list, where the last is the one that was busy last; to
    a new one, where none is idle and more are allowed; else it is refused, as the platform does.
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
    """The instance that was busy last, as a platform chooses."""
    return idle.pop()


def anyone(chance: random.Random) -> Callable[[list[Program]], Program]:
    """Some idle instance."""
    return lambda idle: idle.pop(chance.randrange(len(idle)))


@asynccontextmanager
async def running(*callers: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Callers at work until the block ends. Raises what one of them failed with."""
    tasks = [asyncio.create_task(caller) for caller in callers]
    try:
        yield
    finally:
        await _end(tasks)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them. Raises what one of them failed with before."""
    for task in tasks:
        task.cancel()
    for end in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(end, Exception):
            raise end
