"""Permits of one instance: the exact window, order, pace, and honest waiting times."""

import time
from collections.abc import Callable, Iterator

import pytest

from cams_qr.deadline import Deadline
from cams_qr.permits.local import LocalThrottle, Pace, instance_throttle
from cams_qr.permits.throttle import PACE_DECREASE, Caller, wait_until
from cams_qr.problems import Problem
from testing.hub import Hub, Process

GUARD_SECONDS = 0.06


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    yield made
    made.close()


class Callers:
    """Threads of one instance, in virtual time."""

    def __init__(self, hub: Hub, limit: int) -> None:
        self._hub = hub
        self._process = Process(hub, 0.0)
        self.throttle = LocalThrottle(limit)
        # When calls left, and who was refused when, and for how long.
        self.left: list[tuple[str, float]] = []
        self.refused: list[tuple[float, float]] = []

    def call(
        self, name: str = "", patience: float = 0.0, seconds: float = 0.0, retry_after: float | None = None
    ) -> None:
        """Somebody comes; its call takes so long, and CAMS may throttle it."""

        def ask() -> None:
            try:
                with self.throttle.permit(Caller(name, bulk=False), Deadline.after(patience)) as permit:
                    time.sleep(max(0.0, permit.departure.at - time.monotonic()) + seconds)
                    self.left.append((name, permit.departure.at))
                    if retry_after is not None:
                        self.throttle.record_throttle(permit, retry_after)
            except Problem as problem:
                self.refused.append((self._hub.now, problem.retry_after or 0.0))

        self._hub.start(self._process, ask)
        self._hub.run(self._hub.now + 0.001)

    def moments(self) -> list[float]:
        return [moment for _, moment in self.left]


@pytest.fixture
def callers(hub: Hub) -> Callable[[int], Callers]:
    return lambda limit: Callers(hub, limit)


def test_permits_up_to_the_limit_are_free_and_the_next_waits_for_the_oldest(
    hub: Hub, callers: Callable[[int], Callers]
) -> None:
    some = callers(2)
    some.call()
    hub.run(0.3)
    some.call()
    some.call(patience=2.0)
    hub.run(3)
    assert some.moments() == pytest.approx([0.0, 0.3, 1.0], abs=0.01)


def test_a_refusal_comes_at_once_takes_nothing_and_tells_the_wait(hub: Hub, callers: Callable[[int], Callers]) -> None:
    some = callers(1)
    some.call()
    for _ in range(3):
        some.call(patience=0.4)
    assert [at + wait for at, wait in some.refused] == pytest.approx([1.0] * 3, abs=0.01)
    hub.run(1.01)
    some.call()
    assert some.moments()[1] < 1.02


def test_a_call_counts_until_it_has_surely_arrived(hub: Hub, callers: Callable[[int], Callers]) -> None:
    """It may arrive as long as it is under way, but a guard after it left it has."""
    some = callers(1)
    some.call(seconds=0.03)
    hub.run(0.1)
    some.call(patience=2.0, seconds=0.2)
    hub.run(1.5)
    some.call(patience=2.0)
    hub.run(4)
    first, second, third = some.moments()
    assert second - first == pytest.approx(1.03, abs=0.005)
    assert third - second == pytest.approx(1 + GUARD_SECONDS, abs=0.005)


def test_a_call_that_failed_counts() -> None:
    throttle = LocalThrottle(1)
    with pytest.raises(KeyError), throttle.permit(Caller("", bulk=False), Deadline.after(0)):
        raise KeyError
    with pytest.raises(Problem), throttle.permit(Caller("", bulk=False), Deadline.after(0.5)):
        pass


def test_first_come_first_served_and_never_too_many(hub: Hub, callers: Callable[[int], Callers]) -> None:
    some = callers(3)
    for place in range(9):
        some.call(f"{place}", patience=5.0)
    hub.run(5)
    assert [name for name, _ in some.left] == [f"{place}" for place in range(9)]
    moments = some.moments()
    assert all(later - earlier >= 1 for earlier, later in zip(moments, moments[3:], strict=False))
    assert moments[-1] - moments[0] < 2.3


def test_what_cams_asks_for_is_granted(hub: Hub, callers: Callable[[int], Callers]) -> None:
    some = callers(5)
    some.call(retry_after=0.5)
    some.call(patience=1.0)
    hub.run(2)
    assert some.moments() == pytest.approx([0.0, 0.5], abs=0.01)


def test_who_reports_slowly_that_it_waits_is_not_late(hub: Hub) -> None:
    woke: list[float] = []

    def wait() -> None:
        wait_until(time.monotonic() + 0.25, lambda: time.sleep(0.2))
        woke.append(hub.now)

    hub.start(Process(hub, 0.0), wait)
    hub.run(1)
    assert woke == [pytest.approx(0.25)]


def test_a_throttle_slows_the_pace_once_for_all_calls_of_before_and_it_comes_back(hub: Hub) -> None:
    def lower_and_wait() -> None:
        pace = Pace(5)
        assert pace.pause() == 0
        booked = time.monotonic()
        time.sleep(0.001)
        for _ in range(5):
            pace.lower(booked)
        once = pace.pause()
        assert once == pytest.approx(1 / (5 * PACE_DECREASE))
        time.sleep(1)
        assert pace.pause() == pytest.approx(1 / (5 * PACE_DECREASE + 0.05), rel=0.001)
        for _ in range(100):
            pace.lower(time.monotonic())
        assert once < pace.pause() <= 4.1
        time.sleep(100)
        assert pace.pause() == 0
        passed.append(True)

    passed: list[bool] = []
    hub.start(Process(hub, 0.0), lower_and_wait)
    hub.run(200)
    assert passed


@pytest.mark.parametrize(("qps", "instances", "limit"), [(5, 1, 5), (5, 2, 2), (5, 5, 1), (20, 3, 6)])
def test_an_instance_takes_its_share(
    hub: Hub, callers: Callable[[int], Callers], qps: int, instances: int, limit: int
) -> None:
    some = callers(1)
    some.throttle = instance_throttle(qps, instances)
    for _ in range(limit + 1):
        some.call()
    assert (len(some.left), len(some.refused)) == (limit, 1)
