"""Permits of one instance: the exact window, order, pace, and honest waiting times."""

import threading
import time

import pytest

from cams_qr.deadline import Deadline
from cams_qr.permits.local import LocalThrottle, Pace, instance_throttle
from cams_qr.permits.throttle import GUARD_MAX_SECONDS, PACE_DECREASE, Caller
from cams_qr.problems import Problem

pytestmark = pytest.mark.timed

SOMEONE = Caller("someone", bulk=False)


def leave(throttle: LocalThrottle, patience: float, call_seconds: float = 0.0) -> float:
    """Call once; returns when the call left, and raises Problem where there was no permit."""
    with throttle.permit(SOMEONE, Deadline.after(patience)) as permit:
        time.sleep(max(0.0, permit.departure.at - time.monotonic()) + call_seconds)
        return permit.departure.at


def test_permits_up_to_the_limit_are_free() -> None:
    throttle = LocalThrottle(3)
    started = time.monotonic()
    assert all(leave(throttle, 0) - started < 0.05 for _ in range(3))


def test_the_next_one_waits_for_the_oldest_to_leave_the_window() -> None:
    throttle = LocalThrottle(2)
    first = leave(throttle, 0)
    time.sleep(0.3)
    leave(throttle, 0)
    assert leave(throttle, 2) - first == pytest.approx(1.0, abs=0.02)


def test_a_refusal_comes_at_once_takes_nothing_and_tells_the_wait() -> None:
    throttle = LocalThrottle(1)
    first = leave(throttle, 0)
    for _ in range(3):
        with pytest.raises(Problem) as refused:
            leave(throttle, 0.4)
        assert time.monotonic() - first < 0.2
    assert refused.value.code == "throttled"
    time.sleep(refused.value.retry_after or 0)
    assert leave(throttle, 0.01) - first < 1.2


def test_a_call_counts_until_it_has_surely_arrived() -> None:
    """It may arrive as long as it is under way, but a guard after it left it has."""
    throttle = LocalThrottle(1)
    first = leave(throttle, 0, call_seconds=0.03)
    second = leave(throttle, 2, call_seconds=0.2)
    third = leave(throttle, 2)
    assert second - first == pytest.approx(1.03, abs=0.02)
    assert third - second == pytest.approx(1 + GUARD_MAX_SECONDS, abs=0.02)


def test_a_call_that_failed_counts() -> None:
    throttle = LocalThrottle(1)
    with pytest.raises(KeyError), throttle.permit(SOMEONE, Deadline.after(0)):
        raise KeyError
    with pytest.raises(Problem):
        leave(throttle, 0.5)


def test_first_come_first_served_and_never_too_many() -> None:
    throttle = LocalThrottle(3)
    left: list[tuple[int, float]] = []

    def call(place: int) -> None:
        left.append((place, leave(throttle, 5)))

    threads = []
    for place in range(9):
        threads.append(threading.Thread(target=call, args=(place,)))
        threads[-1].start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    moments = [moment for _, moment in sorted(left)]
    assert moments == sorted(moments)
    assert all(later - earlier >= 1 for earlier, later in zip(moments, moments[3:], strict=False))
    assert moments[-1] - moments[0] < 2.3


def test_a_throttle_of_cams_slows_the_pace_once_for_all_calls_of_before() -> None:
    pace = Pace(5)
    assert pace.pause() == 0
    booked = time.monotonic()
    for _ in range(5):
        pace.lower(booked)
    once = pace.pause()
    assert once == pytest.approx(1 / (5 * PACE_DECREASE), rel=0.02)
    pace.lower(time.monotonic())
    assert pace.pause() > once
    for _ in range(100):
        pace.lower(time.monotonic())
    assert pace.pause() <= 4.1


def test_the_pace_comes_back_slowly() -> None:
    pace = Pace(100)
    pace.lower(time.monotonic())
    slow = pace.pause()
    time.sleep(0.5)
    assert 1 / (100 * PACE_DECREASE + 2) < pace.pause() < slow


def test_what_cams_asks_for_is_granted() -> None:
    throttle = LocalThrottle(5)
    with throttle.permit(SOMEONE, Deadline.after(0)) as permit:
        throttle.record_throttle(permit, retry_after=0.5)
    assert leave(throttle, 1) - permit.departure.at == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("qps", "instances", "limit"), [(5, 1, 5), (5, 2, 2), (5, 5, 1), (20, 3, 6)])
def test_an_instance_takes_its_share(qps: int, instances: int, limit: int) -> None:
    throttle = instance_throttle(qps, instances)
    for _ in range(limit):
        leave(throttle, 0)
    with pytest.raises(Problem):
        leave(throttle, 0.5)
