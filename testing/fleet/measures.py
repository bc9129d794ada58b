"""Figures about arrivals at CAMS and answers to callers. Moments are monotonic seconds, in order."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from itertools import pairwise

from testing.fleet.callers import Answer

WINDOW_SECONDS = 1.0
SAMPLE_SECONDS = 0.01


def between(moments: Sequence[float], begin: float, end: float) -> Sequence[float]:
    """The moments in [begin, end)."""
    return moments[bisect_left(moments, begin) : bisect_left(moments, end)]


def most_in_a_second(moments: Sequence[float]) -> int:
    """The most arrivals in any rolling second."""
    return max((len(between(moments, at, at + WINDOW_SECONDS)) for at in moments), default=0)


def violations(moments: Sequence[float], quota: int, begin: float, end: float) -> int:
    """How many arrivals in [begin, end) exceeded the quota of the second before them."""
    pairs = zip(moments, moments[quota:], strict=False)
    return sum(1 for first, last in pairs if begin <= last < end and last - first < WINDOW_SECONDS)


def over_quota(moments: Sequence[float], quota: int, begin: float, end: float) -> float:
    """The share of all rolling seconds from `begin` to `end` with more arrivals than the quota."""
    starts = [begin + SAMPLE_SECONDS * i for i in range(int((end - WINDOW_SECONDS - begin) / SAMPLE_SECONDS))]
    return share([len(between(moments, start, start + WINDOW_SECONDS)) > quota for start in starts])


def quota_used(moments: Sequence[float], quota: int, begin: float, end: float) -> float:
    """The share of the quota used in [begin, end). Whole windows are timed, because arrivals may come in bursts."""
    steady = between(moments, begin, end)
    rounds = (len(steady) - 1) // quota
    if rounds < 1:
        return len(steady) / quota / (end - begin)
    # The second figure covers a pause at the end.
    return min(rounds / (steady[rounds * quota] - steady[0]), (len(steady) / quota + 1) / (end - begin))


def share(flags: Collection[bool]) -> float:
    """The share of values that are true; 0 if there are none."""
    return sum(flags) / len(flags) if flags else 0.0


def served_of_each(answers: Sequence[Answer], callers: int) -> list[int]:
    """How many answers each caller got."""
    return [sum(1 for answer in answers if answer.caller == caller and answer.served) for caller in range(callers)]


def longest_without(answers: Sequence[Answer], callers: int, begin: float, end: float) -> float:
    """The longest time in [begin, end) that any caller, asking all the time, went without an answer."""
    own = [sorted(a.asked + a.seconds for a in answers if a.caller == caller and a.served) for caller in range(callers)]
    return max(_longest_gap([begin, *between(moments, begin, end), end]) for moments in own)


def _longest_gap(moments: Sequence[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(moments))
