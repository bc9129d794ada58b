"""`python -m bench.designs`: compares ways to order callers, in a seeded simulation of impatient people.

Callers ask, leave at the moment they are given, and ask again at once; rejected callers come back after Retry-After, in
whole seconds. A call arrives up to 20 ms after it left, and CAMS takes 20 to 60 ms.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

SEED = 20261124
SECONDS, WARM_SECONDS = 300.0, 20.0
LIMIT, WINDOW, PATIENCE = 5, 1.0, 2.0
GUARD_MIN, GUARD_MAX = 0.02, 0.06


class Told(NamedTuple):
    """What a caller is told: to leave, to ask again, or to come back later, and when."""

    verdict: str
    at: float


class Moments:
    """Callers get a moment at once and keep it. `follows`: the guard follows measurements. `even`: even spacing.

    `appointments`: a rejected caller's moment is kept until it comes back.
    """

    def __init__(self, follows: bool, even: bool = False, appointments: bool = False) -> None:
        self._follows = follows
        self._even = even
        self._appointments = appointments
        self._booked = deque([-math.inf] * LIMIT, maxlen=LIMIT)
        self._kept: dict[int, float] = {}
        self._low, self._high = 0.0, GUARD_MAX

    def ask(self, now: float, caller: int, begun: float) -> Told:
        """What to tell a caller that asks since `begun`."""
        moment = self._kept.get(caller) or self._next(now)
        if moment - now <= PATIENCE:
            if self._kept.pop(caller, None) is None:
                self._booked.append(moment)
            return Told("go", moment)
        if self._appointments and caller not in self._kept:
            self._kept[caller] = moment
            self._booked.append(moment)
        return Told("refused", now + max(1, math.ceil(moment - now - PATIENCE)))

    def answered(self, left: float, now: float) -> None:
        """A call that left at `left` was answered at `now`."""
        took = now - left
        self._high = max(took, self._high + (took - self._high) / 32)
        self._low = min(took, self._low + (took - self._low) / 32)

    def _next(self, now: float) -> float:
        guard = min(max(self._high - self._low, GUARD_MIN), GUARD_MAX) if self._follows else GUARD_MAX
        if self._even:
            return max(now, self._booked[-1] + (WINDOW + guard) / LIMIT)
        return max(now, self._booked[-1], self._booked[0] + WINDOW + guard)


class Places:
    """Callers get a place in the queue; when it is due they ask again, and may have to wait longer."""

    def __init__(self) -> None:
        self._granted = deque([-math.inf] * LIMIT, maxlen=LIMIT)
        self._line: dict[int, float] = {}

    def ask(self, now: float, caller: int, begun: float) -> Told:
        """What to tell a caller that asks since `begun`."""
        self._line = {one: due for one, due in self._line.items() if due + WINDOW > now}
        if caller in self._line:
            due = max(now, self._granted[0] + WINDOW + GUARD_MAX)
        else:
            rounds, place = divmod(len(self._line), LIMIT)
            due = max(now, self._granted[place] + WINDOW * (1 + rounds), *self._line.values())
        if due <= now:
            self._line.pop(caller, None)
            self._granted.append(now)
            return Told("go", now)
        if due - begun > PATIENCE:
            self._line.pop(caller, None)
            return Told("refused", now + max(1, math.ceil(due - now)))
        self._line[caller] = due
        return Told("again", due)

    def answered(self, left: float, now: float) -> None:
        """This design does not use answers."""


Design = Moments | Places
DESIGNS: dict[str, Callable[[], Design]] = {
    "places, asked for again when due; guard 60 ms": Places,
    "moments; guard 60 ms": lambda: Moments(follows=False),
    "moments; guard follows": lambda: Moments(follows=True),
    "moments, evenly spaced; guard follows": lambda: Moments(follows=True, even=True),
    "moments and appointments; guard follows": lambda: Moments(follows=True, appointments=True),
}


class Run(NamedTuple):
    """The results of one run."""

    arrivals: list[float]
    late: int
    refused: int
    retried: int
    retries_served: int
    answers: list[int]


def main() -> None:
    """Print a table for each number of callers."""
    for callers in (10, 16, 40):
        print(f"\n{callers} callers, {SECONDS:.0f} s, seed {SEED}\n")
        print("| design | quota used | most in a second | refused after a wait | retries served | answers of each |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name, make in DESIGNS.items():
            print(f"| {name} | " + " | ".join(_cells(_run(make(), callers))) + " |")


def _run(design: Design, callers: int) -> Run:
    chance = random.Random(SEED)
    run = Run([], 0, 0, 0, 0, [0] * callers)
    late = refused = retried = served = 0
    retrying = [False] * callers
    left: dict[int, float] = {}
    events = [(chance.uniform(0, 1), caller, math.nan) for caller in range(callers)]
    heapq.heapify(events)
    while events[0][0] < SECONDS:
        now, caller, begun = heapq.heappop(events)
        begun = now if math.isnan(begun) else begun
        if (departed := left.pop(caller, None)) is not None:
            design.answered(departed, now)
        told = design.ask(now, caller, begun)
        if told.verdict == "again":
            heapq.heappush(events, (told.at, caller, begun))
            continue
        retried += retrying[caller]
        served += retrying[caller] and told.verdict == "go"
        retrying[caller] = told.verdict == "refused"
        if told.verdict == "refused":
            refused += 1
            late += now > begun
            heapq.heappush(events, (told.at, caller, math.nan))
            continue
        run.answers[caller] += 1
        arrived = told.at + chance.uniform(0, 0.02)
        run.arrivals.append(arrived)
        left[caller] = told.at
        heapq.heappush(events, (arrived + chance.uniform(0.02, 0.06), caller, math.nan))
    return run._replace(late=late, refused=refused, retried=retried, retries_served=served)


def _cells(run: Run) -> list[str]:
    arrivals = sorted(run.arrivals)
    used = sum(at >= WARM_SECONDS for at in arrivals) / (SECONDS - WARM_SECONDS) / LIMIT
    most = max(sum(later < at + WINDOW for later in arrivals[i : i + 30]) for i, at in enumerate(arrivals))
    return [
        f"{used:.2f}",
        str(most),
        f"{run.late} of {run.refused}",
        f"{run.retries_served / run.retried:.0%}" if run.retried else "-",
        f"{min(run.answers)} to {max(run.answers)}",
    ]


if __name__ == "__main__":
    main()
