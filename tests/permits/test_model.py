"""Whatever callers, instances and Redis do, the queue holds."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cams_qr import logs
from tests.permits.accepted import DELAYS, accepted_hole, can_be_suspended
from tests.permits.fleet_model import PARTS, PATIENCE, Manner, World

INSTANCES = st.integers(0, 11)
REST = {
    "lag": st.sampled_from([0.0, 0.5, 1.0]),
    "obeys": st.booleans(),
    "ticket": st.none(),
    "throttled": st.sampled_from([None, None, None, None, 0.0, 1.0]),
}
MANNERS = st.one_of(
    st.builds(Manner, bulk=st.just(False), budget=st.sampled_from([PATIENCE, 1.4, 0.2]), **REST),
    st.builds(Manner, bulk=st.just(True), budget=st.sampled_from([8.0, 2.0, 0.2]), **REST),
)
REDIS_DELAYS = st.sampled_from(DELAYS)


class Queue(RuleBasedStateMachine):
    """A fleet of 12 instances that know each other."""

    world: World

    @initialize(limit=st.sampled_from([1, 2, 5, 20]))
    def start(self, limit: int) -> None:
        logs.configure("CRITICAL")
        self.world = World(limit, excuse=accepted_hole)
        self.world.warm(12)

    @rule(at=INSTANCES, manner=MANNERS)
    def call(self, at: int, manner: Manner) -> None:
        self.world.call(at, manner)

    @rule(first=st.integers(0, 5), size=st.integers(2, 7), manner=MANNERS)
    def crowd(self, first: int, size: int, manner: Manner) -> None:
        self.world.crowd(first, size, manner)

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.3, 1.0, 2.5]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(at=INSTANCES, seconds=st.sampled_from([0.03, 0.2, 1.0, 3.0]), clock_stands=st.booleans())
    def freeze(self, at: int, seconds: float, clock_stands: bool) -> None:
        self.world.freeze(at, seconds, clock_stands and can_be_suspended(self.world, at))

    @rule(at=INSTANCES, seconds=st.sampled_from([0.0, 0.004, 0.01, 0.03, 0.2]))
    def oversleep(self, at: int, seconds: float) -> None:
        self.world.oversleep(at, seconds)

    @rule(at=INSTANCES, request=REDIS_DELAYS, answer=REDIS_DELAYS)
    def delay(self, at: int, request: float, answer: float) -> None:
        self.world.delay(at, request, answer)

    @rule(at=INSTANCES)
    def kill(self, at: int) -> None:
        self.world.kill(at)

    @rule(seconds=st.sampled_from([-20.0, -0.2, 0.5, 20.0]))
    def step_clock(self, seconds: float) -> None:
        self.world.step_clock(seconds)

    @rule(part=st.one_of(st.none(), st.sampled_from(PARTS)))
    def lose(self, part: str | None) -> None:
        self.world.flush() if part is None else self.world.lose_key(part)

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule(state=st.sampled_from(["gone", "frozen"]), seconds=st.sampled_from([0.1, 0.5, 3.0]), first=st.integers(0, 9))
    def outage(self, state: str, seconds: float, first: int) -> None:
        self.world.become(state)
        self.world.crowd(first, 3)
        self.world.pass_time(seconds)
        self.world.become("up")

    @invariant()
    def holds(self) -> None:
        world: Any = self.__dict__.get("world")
        if world:
            assert world.broken == [], "\n".join([*world.schedule, *world.log[-60:]])

    def teardown(self) -> None:
        if "world" in self.__dict__:
            self.world.close()


TestQueue = pytest.mark.timeout(300)(Queue.TestCase)
TestQueue.settings = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    # Shrinking takes minutes: `phases` for who looks for the shortest schedule.
    phases=[Phase.explicit, Phase.generate],
)
