"""What is measured: each scenario runs in its own fleet and returns figures, which rows of the table show."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from testing.fleet import callers, measures
from testing.fleet.callers import Answer, Event, ask, keep_asking, keep_coming, running
from testing.fleet.processes import Fleet, Program

QUOTA = 5
PEOPLE, BULK = "861", "872"


class Patience(NamedTuple):
    """Callers over HTTP, each with its own instance."""

    used: float
    most: int
    refused: int
    refused_late: int
    retries: int
    retries_served: float
    fewest: int
    largest: int
    longest: float


async def patience(fleet: Fleet, seconds: float = 30, warm: float = 5) -> Patience:
    """All callers start at once and have the default patience; the first seconds do not count for shares."""
    answers: list[Answer] = []
    count = len(fleet.instances)
    begin, end = await _all_ask(fleet, answers, warm, seconds)
    arrivals = [arrival.at for arrival in await fleet.arrivals()]
    refused = [answer for answer in answers if answer.refused]
    retries = [answer for answer in answers if answer.retry]
    served = measures.served_of_each(answers, count)
    return Patience(
        measures.quota_used(arrivals, QUOTA, begin, end),
        measures.most_in_a_second(arrivals),
        len(refused),
        sum(1 for answer in refused if answer.seconds > 0.1),
        len(retries),
        measures.share([answer.served for answer in retries]),
        min(served),
        max(served),
        measures.longest_without(answers, count, begin - warm, end),
    )


async def _all_ask(fleet: Fleet, answers: list[Answer], warm: float, seconds: float) -> tuple[float, float]:
    """All callers ask in a closed loop; returns when the measured time began and ended."""
    async with running(*_people(fleet.instances, answers)):
        await asyncio.sleep(warm)
        begin = time.monotonic()
        await asyncio.sleep(seconds)
        return begin, time.monotonic()


def _people(instances: list[Program], answers: list[Answer]) -> Iterator[Coroutine[Any, Any, None]]:
    for caller, instance in enumerate(instances):
        yield keep_asking(instance, caller, callers.http(f"{PEOPLE}{caller:08}"), answers)


class Classes(NamedTuple):
    """People and bulk in one queue."""

    people_served: float
    people: int
    bulk_share: float
    used: float
    most: int


PERSONS = 4


async def classes(fleet: Fleet, bulk: Callable[[str], Event], seconds: float = 25, warm: float = 5) -> Classes:
    """Bulk is already running when people come; all ask in a closed loop. Unfinished requests do not count."""
    answers: list[Answer] = []
    others = fleet.instances[PERSONS:]
    # A batch adds two more digits.
    crowd = [keep_asking(one, 0, bulk(f"{BULK}{number:06}"), [], timeout=30) for number, one in enumerate(others)]
    async with running(*crowd):
        await asyncio.sleep(warm)
        begin = time.monotonic()
        async with running(*_people(fleet.instances[:PERSONS], answers)):
            await asyncio.sleep(seconds)
        end = time.monotonic()
    arrivals = await fleet.arrivals()
    moments = [arrival.at for arrival in arrivals]
    return Classes(
        measures.share([answer.served for answer in answers]),
        len(answers),
        measures.share([arrival.number.startswith(BULK) for arrival in arrivals if begin <= arrival.at < end]),
        measures.quota_used(moments, QUOTA, begin, end),
        measures.most_in_a_second(moments),
    )


class Return(NamedTuple):
    """How many calls exceeded the quota during an outage of Redis, and after its return."""

    during: int
    after: int
    most: int


# Seconds, and whether Redis was only paused, so that it kept its data.
OUTAGES = [(1.5, False), (8.0, False), (3.0, True)]


async def returns(
    fleet: Fleet, outages: Sequence[tuple[float, bool]] = OUTAGES, before: float = 12, after: float = 6
) -> list[Return]:
    """Redis fails and recovers, rarely enough for all to notice. All callers ask, every other one of them patiently."""
    spans = []
    people, bulk = fleet.instances[::2], fleet.instances[1::2]
    patient = [keep_asking(one, 0, callers.direct(f"{BULK}{number:08}"), []) for number, one in enumerate(bulk)]
    async with running(*_people(people, []), *patient):
        for seconds, paused in outages:
            await asyncio.sleep(before)
            begin = time.monotonic()
            await _outage(fleet, seconds, paused)
            back = time.monotonic()
            await asyncio.sleep(after)
            spans.append((begin, back, time.monotonic()))
    moments = [arrival.at for arrival in await fleet.arrivals()]
    return [
        Return(
            measures.violations(moments, QUOTA, begin, back),
            measures.violations(moments, QUOTA, back, end),
            measures.most_in_a_second(measures.between(moments, begin - 1, end)),
        )
        for begin, back, end in spans
    ]


async def _outage(fleet: Fleet, seconds: float, paused: bool = False) -> None:
    (fleet.valkey.pause if paused else fleet.valkey.kill)()
    await asyncio.sleep(seconds)
    if paused:
        fleet.valkey.resume()
    else:
        await asyncio.to_thread(fleet.valkey.start)


class Load(NamedTuple):
    """A load below the quota, during or after an outage."""

    refused: float
    offered: int
    violations: int
    most: int
    over: float


RATE = 3


async def after_return(fleet: Fleet, outages: Sequence[float] = (1.5, 2, 4, 8), after: float = 3) -> Load:
    """People come at 60 % of the quota; only the seconds after each recovery of Redis count, taken together."""
    answers: list[Answer] = []
    spans = []
    async with running(keep_coming(fleet, RATE, answers, callers.anyone(random.Random(2)))):
        for seconds in outages:
            await asyncio.sleep(4)
            await _outage(fleet, seconds)
            spans.append((time.monotonic(), time.monotonic() + after))
            await asyncio.sleep(after)
        await asyncio.sleep(3)
    return await _load(fleet, answers, spans)


async def without_redis(fleet: Fleet, seconds: float = 20, before: float = 8) -> Load:
    """People come at 60 % of the quota, first with Redis, then without it; only the latter counts."""
    answers: list[Answer] = []
    async with running(keep_coming(fleet, RATE, answers, callers.latest)):
        await asyncio.sleep(before)
        fleet.valkey.kill()
        begin = time.monotonic()
        await asyncio.sleep(seconds)
        end = time.monotonic()
        # For the last callers.
        await asyncio.sleep(3)
    return await _load(fleet, answers, [(begin, end)])


async def _load(fleet: Fleet, answers: list[Answer], spans: list[tuple[float, float]]) -> Load:
    moments = [arrival.at for arrival in await fleet.arrivals()]
    came = [answer for answer in answers for begin, end in spans if begin <= answer.asked < end]
    return Load(
        measures.share([answer.refused for answer in came]),
        len(came),
        sum(measures.violations(moments, QUOTA, begin, end) for begin, end in spans),
        max(measures.most_in_a_second(measures.between(moments, begin - 1, end)) for begin, end in spans),
        max(measures.over_quota(moments, QUOTA, begin, end) for begin, end in spans),
    )


class Jitter(NamedTuple):
    """A Redis with slow answers."""

    used: float
    unavailable: int
    available: int
    most: int


async def slow_redis(fleet: Fleet, seconds: float = 25, warm: float = 5) -> Jitter:
    """All callers ask in a closed loop."""
    begin, end = await _all_ask(fleet, [], warm, seconds)
    moments = [arrival.at for arrival in await fleet.arrivals()]
    changes = [line["redis"] for instance in fleet.instances for line in instance.log if "redis" in line]
    used, most = measures.quota_used(moments, QUOTA, begin, end), measures.most_in_a_second(moments)
    return Jitter(used, changes.count("unavailable"), changes.count("available"), most)


async def permits(fleet: Fleet, seconds: float = 6, warm: float = 3) -> float:
    """Permits a second, for instances that do nothing but take permits; a new Redis grants none at first."""
    begin = time.monotonic() + warm
    span = {"begin": begin, "end": begin + seconds}
    taken: list[float] = await asyncio.gather(*(instance.ask(span) for instance in fleet.instances))
    return sum(taken) / (seconds - 1)


class Competition(NamedTuple):
    """An account that others use too, or that allows less than configured."""

    used: float
    refused: float
    throttled: float
    calls: float


async def competition(fleet: Fleet, seconds: float = 30, warm: float = 10) -> Competition:
    """All callers ask in a closed loop; the share is of what others leave."""
    answers: list[Answer] = []
    begin, end = await _all_ask(fleet, answers, warm, seconds)
    arrivals = [arrival for arrival in await fleet.arrivals() if begin <= arrival.at < end]
    left = fleet.plan.cams.quota - fleet.plan.cams.others
    return Competition(
        sum(arrival.admitted for arrival in arrivals) / seconds / left,
        measures.share([answer.refused for answer in answers if answer.asked >= begin]),
        measures.share([not arrival.admitted for arrival in arrivals]),
        len(arrivals) / seconds,
    )


class Down(NamedTuple):
    """CAMS is unavailable for a while, and an old list is known."""

    first: float
    median: float
    longest: float
    held_up: int
    later: int
    without_list: int
    outstanding: int
    fresh_after: float | None


SPACING_SECONDS = 0.1
_PATIENCE_SECONDS = 8
_AT_ONCE_SECONDS = 0.05
_NUMBER = f"{PEOPLE}00000000"


async def down(fleet: Fleet, event: Callable[[str], Event], mode: str) -> Down:
    """One caller meets the outage first; then a caller of each instance asks up to ten times a second."""

    async def once(instance: Program) -> Answer:
        return await ask(instance, 0, event(_NUMBER))

    await once(fleet.instances[0])
    await asyncio.sleep(1.2)
    await fleet.cams.ask({"mode": mode})
    first = await once(fleet.instances[0])
    later: list[Answer] = []
    until = time.monotonic() + _PATIENCE_SECONDS
    await asyncio.gather(*(_ask_evenly(partial(once, i), later, until) for i in fleet.instances))
    report = await fleet.cams.ask("report")
    await fleet.cams.ask({"mode": "answer"})
    fresh_after = await _until_fresh(partial(once, fleet.instances[0]))
    seconds = [answer.seconds for answer in later]
    held_up = sum(1 for second in seconds if second > _AT_ONCE_SECONDS)
    without_list = sum(1 for answer in [first, *later] if not answer.served)
    outstanding = report["most_outstanding"]
    return Down(
        first.seconds, median(seconds), max(seconds), held_up, len(later), without_list, outstanding, fresh_after
    )


async def _ask_evenly(once: Callable[[], Awaitable[Answer]], answers: list[Answer], until: float) -> None:
    for _ in range(40):
        if time.monotonic() > until:
            return
        answer = await once()
        answers.append(answer)
        await asyncio.sleep(max(0.0, SPACING_SECONDS - answer.seconds))


async def _until_fresh(once: Callable[[], Awaitable[Answer]]) -> float | None:
    back = time.monotonic()
    while time.monotonic() - back < _PATIENCE_SECONDS:
        answer = await once()
        if answer.served and not answer.results[0].stale:
            return time.monotonic() - back
        await asyncio.sleep(0.05)
    return None
