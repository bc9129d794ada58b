"""`python -m bench.fleet [ROW …]` prints a table of these rows, by default all, each with its goal."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from testing.fleet import callers, rows
from testing.fleet.cams import LATENCIES, Options
from testing.fleet.processes import Fleet, Plan, fleet


class Cell(NamedTuple):
    """How a row shows a scenario's figures, and its goal."""

    goal: str
    show: Callable[[Any], str]


class Scenario(NamedTuple):
    """What runs in one fleet. Scenarios of a group run at the same time, because each leaves the machine idle."""

    group: int
    title: str
    plan: Plan
    play: Callable[[Fleet], Awaitable[Any]]
    cells: dict[int, Cell]


class Line(NamedTuple):
    """A line of the table."""

    row: int
    title: str
    measured: str
    goal: str


_SHARED_LIST = {"CACHE_TTL_SECONDS": "1"}


def scenarios() -> list[Scenario]:
    """All scenarios, in the order in which they run."""
    return [
        *(_patience(group, count) for group, count in ((0, 10), (0, 16), (1, 40))),
        _classes("9 direct callers", 9, callers.direct),
        _classes("12 batches of 100", 12, callers.batch),
        _classes("20 direct callers", 20, callers.direct),
        *(_returns(count) for count in (24, 40)),
        *(_after_return(count) for count in (8, 16)),
        *(_without_redis(20 + place, count) for place, count in enumerate((8, 16, 40))),
        _slow_redis(),
        *(_permits(8 + place, *case) for place, case in enumerate(((200, 12), (1000, 12)))),
        *(_competition(f"somebody else makes {n} calls/s", Options(others=n)) for n in (1, 2, 3)),
        _competition("CAMS allows 3/s", Options(quota=3)),
        *(_down(16, "hang", f"≤ 2 s {_DOWN}; one at CAMS", *case) for case in _CASES),
        *(_down(17, "refuse", f"≤ 1 s {_DOWN}", *case) for case in _CASES),
    ]


def _patience(group: int, count: int) -> Scenario:
    cells = {
        1: Cell("≥ 0.95 of the quota", lambda f: f"{f.used:.2f} of the quota, {f.most} in a second at most"),
        2: Cell("none late", lambda f: f"{f.refused_late} of {f.refused} refusals after more than 0.1 s"),
        3: Cell(
            "≥ 95 % served, nobody 12 s without",
            lambda f: (
                f"{f.retries_served:.0%} of {f.retries} retries served; "
                f"{f.fewest} to {f.largest} answers each; {f.longest:.1f} s without one at most"
            ),
        ),
    }
    return Scenario(group, f"{count} callers, patience 2 s", Plan(count, count), rows.patience, cells)


def _classes(title: str, others: int, bulk: Callable[[str], callers.Event]) -> Scenario:
    count = rows.PERSONS + others
    cell = Cell(
        "all served; bulk about 20 %",
        lambda f: (
            f"{f.people_served:.0%} of {f.people} requests of people served; bulk {f.bulk_share:.0%} of arrivals; "
            f"{f.used:.2f} of the quota, {f.most} in a second at most"
        ),
    )
    return Scenario(2, f"4 people behind {title}", Plan(count, count), partial(rows.classes, bulk=bulk), {4: cell})


def _returns(count: int) -> Scenario:
    goal = "after 1.5 s, 0 violations; after 8 s, CAMS throttles meanwhile, and ≤ 5 after the return"
    cell = Cell(goal, lambda f: "; ".join(map(_outage, rows.OUTAGES, f)))
    return Scenario(3, f"Redis returns, {count} instances", Plan(count, count), rows.returns, {5: cell})


def _outage(outage: tuple[float, bool], figures: rows.Return) -> str:
    seconds, paused = outage
    event = "paused" if paused else "killed"
    return (
        f"{event} for {seconds:g} s: {figures.during} violations, and {figures.after} after its return; "
        f"{figures.most} in a second at most"
    )


def _after_return(count: int) -> Scenario:
    cell = Cell(
        "≤ 10 % refused",
        lambda f: f"{f.refused:.0%} of {f.offered} refused; {f.violations} violations, {f.most} in a second at most",
    )
    title = f"3 s after Redis' return, 3/s, {count} instances"
    return Scenario(4, title, Plan(count, count), rows.after_return, {6: cell})


def _without_redis(group: int, count: int) -> Scenario:
    cell = Cell(
        "≤ 10 % refused, ≤ 1 % of seconds over the quota",
        lambda f: (
            f"{f.refused:.0%} of {f.offered} refused; {f.over:.1%} of seconds over the quota, "
            f"{f.most} in a second at most"
        ),
    )
    return Scenario(
        group, f"Redis away for 20 s, 3/s, {count} instances allowed", Plan(0, count), rows.without_redis, {7: cell}
    )


def _slow_redis() -> Scenario:
    cell = Cell(
        "≥ 0.8 of the quota",
        lambda f: (
            f"{f.used:.2f} of the quota; unavailable {f.unavailable} times, available {f.available}; "
            f"{f.most} in a second at most"
        ),
    )
    return Scenario(
        6, "Redis' answers take 0 to 100 ms, 8 instances", Plan(8, 8, redis_delay=0.1), rows.slow_redis, {11: cell}
    )


def _competition(title: str, cams: Options) -> Scenario:
    cell = Cell(
        "≥ 85 % of what is left",
        lambda f: (
            f"{f.used:.0%} of what is left; {f.refused:.0%} of requests refused; "
            f"{f.throttled:.0%} of {f.calls:.1f} calls/s throttled by CAMS"
        ),
    )
    return Scenario(7, f"{title}, 8 instances", Plan(8, 8, cams), rows.competition, {15: cell})


def _permits(group: int, qps: int, count: int) -> Scenario:
    plan = Plan(count, count, settings={"CAMS_QPS": str(qps)}, program="bench.permits")
    cell = Cell("≥ 0.95 of the quota", lambda rate: f"{rate:.0f} permits/s, {rate / qps:.2f} of the quota")
    return Scenario(group, f"CAMS_QPS {qps}, {count} instances take permits", plan, rows.permits, {14: cell})


_DOWN = "for the first and for a probe every 3 s, ≤ 0.05 s for others; fresh ≤ 3.5 s"
# How many instances there are, whether they share a Redis, and who calls.
_CASES = [
    ("HTTP, 1 instance", Plan(1, 1, settings=_SHARED_LIST, shared=False), callers.http),
    ("direct, 1 instance", Plan(1, 1, settings=_SHARED_LIST, shared=False), callers.direct),
    ("HTTP, 4 instances and Redis", Plan(4, 4, settings=_SHARED_LIST), callers.http),
]


def _down(row: int, mode: str, goal: str, title: str, plan: Plan, event: Callable[[str], callers.Event]) -> Scenario:
    play = partial(rows.down, event=event, mode=mode)
    return Scenario(6, f"CAMS {mode}s, old list known, {title}", plan, play, {row: Cell(goal, _show_down)})


def _show_down(figures: rows.Down) -> str:
    fresh = "not fresh within 8 s" if figures.fresh_after is None else f"fresh after {figures.fresh_after:.2f} s"
    return (
        f"first {figures.first:.2f} s; {figures.later} later, median {figures.median:.3f} s, "
        f"most {figures.longest:.2f} s, {figures.held_up} over 0.05 s; {figures.without_list} without the list; "
        f"{figures.outstanding} at CAMS at most; {fresh}"
    )


def main() -> None:
    """Run the scenarios that the rows need, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    known = sorted({row for scenario in scenarios() for row in scenario.cells})
    parser.add_argument("rows", nargs="*", type=int, metavar="ROW", help=f"of {', '.join(map(str, known))}")
    parser.add_argument("--latency", choices=LATENCIES, default="even", help="how long CAMS takes")
    options = parser.parse_args()
    wanted = set(options.rows or known)
    if not wanted <= set(known):
        parser.error(f"there are the rows {', '.join(map(str, known))}")
    lines = asyncio.run(_play_all(wanted, options.latency))
    print("| row | scenario | measured | goal |\n| --- | --- | --- | --- |")
    for line in sorted(lines, key=lambda line: line.row):
        print(f"| {line.row} | {line.title} | {line.measured} | {line.goal} |")


async def _play_all(wanted: set[int], latency: str) -> list[Line]:
    task = asyncio.current_task()
    assert task
    # Otherwise a Valkey would outlive this process.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    chosen = [scenario for scenario in scenarios() if wanted & set(scenario.cells)]
    lines: list[Line] = []
    for group in sorted({scenario.group for scenario in chosen}):
        began = time.monotonic()
        together = [scenario for scenario in chosen if scenario.group == group]
        for scenario, figures in zip(together, await _play(together, latency), strict=True):
            lines += [line for line in _lines(scenario, figures) if line.row in wanted]
        titles = "; ".join(scenario.title for scenario in together)
        print(f"{time.monotonic() - began:.0f} s: {titles}", file=sys.stderr)
    return lines


async def _play(together: Sequence[Scenario], latency: str) -> list[Any]:
    """Each scenario's figures, or the exception that ended it; they begin once all fleets have started."""
    async with AsyncExitStack() as stack:
        fleets = [await _start(stack, scenario.plan, latency) for scenario in together]
        plays = (_figures(scenario, started) for scenario, started in zip(together, fleets, strict=True))
        return await asyncio.gather(*plays, return_exceptions=True)


async def _start(stack: AsyncExitStack, plan: Plan, latency: str) -> Fleet | Exception:
    try:
        return await stack.enter_async_context(fleet(replace(plan, cams=replace(plan.cams, latency=latency))))
    except RuntimeError as error:
        return error


async def _figures(scenario: Scenario, started: Fleet | Exception) -> Any:
    if isinstance(started, Exception):
        raise started
    return await scenario.play(started)


def _lines(scenario: Scenario, figures: Any) -> list[Line]:
    failed = isinstance(figures, BaseException)
    return [
        Line(row, scenario.title, f"failed: {figures!r}" if failed else cell.show(figures), cell.goal)
        for row, cell in scenario.cells.items()
    ]


if __name__ == "__main__":
    main()
