"""Permits: the exact window, order, and the truth about waiting."""

import threading
import time

import pytest

from cams_qr.deadline import Deadline
from cams_qr.problems import Problem
from cams_qr.throttle import LocalThrottle, instance_throttle

pytestmark = pytest.mark.timed


def take(throttle: LocalThrottle, seconds: float) -> float:
    with throttle.permit(Deadline.after(seconds)) as waited:
        return waited


def test_permits_up_to_the_limit_are_free() -> None:
    throttle = LocalThrottle(3, 0.2)
    assert all(take(throttle, 0) < 0.05 for _ in range(3))


def test_the_next_one_waits_for_the_oldest_to_leave_the_window() -> None:
    throttle = LocalThrottle(2, 0.2)
    take(throttle, 0)
    time.sleep(0.1)
    take(throttle, 0)
    assert take(throttle, 1) == pytest.approx(0.1, abs=0.03)


def test_a_refusal_comes_at_once_and_tells_the_wait() -> None:
    throttle = LocalThrottle(1, 0.5)
    take(throttle, 0)
    started = time.monotonic()
    with pytest.raises(Problem) as refused:
        take(throttle, 0.4)
    assert time.monotonic() - started < 0.1
    assert refused.value.code == "throttled"
    assert refused.value.retry_after == pytest.approx(0.5, abs=0.05)


def test_a_refusal_takes_no_permit() -> None:
    throttle = LocalThrottle(1, 0.2)
    take(throttle, 0)
    for _ in range(5):
        with pytest.raises(Problem):
            take(throttle, 0)
    assert take(throttle, 1) < 0.25


def test_the_wait_that_was_told_is_enough() -> None:
    throttle = LocalThrottle(1, 0.3)
    take(throttle, 0)
    with pytest.raises(Problem) as refused:
        take(throttle, 0)
    time.sleep(refused.value.retry_after or 0)
    take(throttle, 0)


def test_a_call_under_way_keeps_its_place_in_the_window() -> None:
    throttle = LocalThrottle(1, 0.2)
    with throttle.permit(Deadline.after(0)):
        time.sleep(0.3)
        with pytest.raises(Problem):
            take(throttle, 0.05)
    assert take(throttle, 1) == pytest.approx(0.2, abs=0.05)


def test_a_call_that_failed_counts() -> None:
    throttle = LocalThrottle(1, 0.2)
    with pytest.raises(KeyError), throttle.permit(Deadline.after(0)):
        raise KeyError
    assert take(throttle, 1) > 0.1


def test_first_come_first_served_and_never_too_many() -> None:
    throttle = LocalThrottle(3, 0.3)
    order: list[int] = []
    granted: list[float] = []

    def call(place: int) -> None:
        with throttle.permit(Deadline.after(5)):
            order.append(place)
            granted.append(time.monotonic())

    threads = []
    for place in range(15):
        threads.append(threading.Thread(target=call, args=(place,)))
        threads[-1].start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert order == list(range(15))
    assert all(later - earlier >= 0.3 for earlier, later in zip(granted, granted[3:], strict=False))
    assert granted[-1] - granted[0] < 1.5


def test_who_gives_up_leaves_the_line() -> None:
    throttle = LocalThrottle(1, 0.3)
    released = threading.Event()

    def hold() -> None:
        with throttle.permit(Deadline.after(0)):
            released.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    time.sleep(0.02)
    with pytest.raises(Problem):
        take(throttle, 0.35)
    released.set()
    holder.join()
    assert take(throttle, 1) < 0.35


@pytest.mark.parametrize(
    ("qps", "instances", "limit", "window"),
    [(5, 1, 5, 1), (5, 2, 2, 1), (5, 5, 1, 1), (5, 10, 1, 2), (20, 3, 6, 1), (5, 12, 1, 2.4)],
)
def test_an_instance_takes_its_share(qps: int, instances: int, limit: int, window: float) -> None:
    throttle = instance_throttle(qps, instances)
    for _ in range(limit):
        take(throttle, 0)
    with pytest.raises(Problem) as refused:
        take(throttle, 0)
    assert refused.value.retry_after == pytest.approx(window, abs=0.05)
