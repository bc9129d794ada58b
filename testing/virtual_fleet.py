"""Instances, their callers, Redis and CAMS in virtual time, around the real throttle and its real script.

Any step may be hostile. `World.watch`, which sees all that happens, lists what should not have happened.
"""

import json
import random
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import redis
from lupa import lua51

from cams_qr.deadline import Deadline, DepartureMissed
from cams_qr.permits.account import AccountThrottle
from cams_qr.permits.throttle import WAY_SECONDS, WINDOW_SECONDS, Caller
from cams_qr.problems import Problem
from cams_qr.redis_store import ANSWER_SECONDS, Store, StoreUnavailable
from testing.hub import Hub, Process
from testing.redis_emulator import Command, CommandError, RedisEmulator

PATIENCE = 2.0
# What CAMS takes to answer.
SERVICE_SECONDS = 0.03
_EPOCH = 1_700_000_000.0

Question = dict[str, Any]


class Manner(NamedTuple):
    """How a caller behaves. `lag`: 0 if its call arrives as soon as it may, 1 if as late; `obeys`: it comes back."""

    bulk: bool = False
    budget: float = PATIENCE
    lag: float = 0.0
    obeys: bool = False
    ticket: str = ""


PERSON = Manner()
BULK = Manner(bulk=True, budget=25.0)


class Sabotage(NamedTuple):
    """What a deliberate bug does to each question on its way to the script, and to each command of the script."""

    question: Callable[[Question], Question] = lambda question: question
    command: Callable[[Command], Command] = lambda command: command


class Watch(Protocol):
    """Sees what happens in a world."""

    def disturbed(self, forgot: bool = False, stepped: bool = False) -> None: ...
    def asked(self, caller: "CallerModel", question: Question) -> None: ...
    def failed(self, caller: "CallerModel", error: Exception) -> None: ...
    def missed(self, caller: "CallerModel") -> None: ...
    def refused(self, caller: "CallerModel", seconds: float) -> None: ...
    def arrived(self, caller: "CallerModel") -> None: ...


class Server:
    """Redis: on a clock that is set, in a process that is restarted, frozen, or gone."""

    def __init__(self, hub: Hub, sabotage: Sabotage) -> None:
        self.state = "up"
        self.stepped = 0.0
        self._frozen: list[Callable[[], None]] = []
        self.redis = RedisEmulator(lambda: _EPOCH + hub.now + self.stepped, sabotage.command)

    def become(self, state: str) -> None:
        """Be `up`, `frozen`, or `gone`; thawed, it does what it was asked meanwhile."""
        self.state = state
        questions, self._frozen = self._frozen, []
        for question in questions if state == "up" else ():
            question()

    def arrive(self, question: Callable[[], None]) -> None:
        """A question has come."""
        if self.state == "up":
            question()
        elif self.state == "frozen":
            self._frozen.append(question)


class ModelStore(Store):
    """The real store, whose script the emulator runs."""

    def __init__(self, world: "World", instance: "Instance") -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self._world = world
        self._instance = instance

    def script(self, source: str) -> Any:
        """See Store.script."""
        return partial(self._run, source)

    def ask(self, operation: Any, probe: bool = False) -> Any:
        """See Store.ask."""
        caller = self._instance.caller
        try:
            answer = super().ask(operation, probe)
        except StoreUnavailable:
            if caller:
                caller.alone, caller.has_reason = True, True
            raise
        if probe:
            # From this answer on, it knows how far Redis is.
            self._instance.is_hampered = False
        if caller:
            caller.alone = False
        return answer

    def _run(self, source: str, client: Any, keys: list[str], arguments: list[str]) -> Any:
        hub, world, caller = self._world.hub, self._world, self._instance.caller
        request, answer = self._instance.delays
        thread, wait, box = hub.running, hub.running.waits + 1, list[Any]()
        if world.server.state == "gone":
            hub.wait(lambda: False, request)
            raise redis.ConnectionError

        def execute() -> None:
            reply = world.execute(source, keys, arguments, caller)
            hub.at(hub.now + answer, partial(deliver, reply))

        def deliver(reply: Any) -> None:
            box.append(reply)
            hub.resume(thread, wait)

        hub.at(hub.now + request, partial(world.server.arrive, execute))
        hub.wait(lambda: bool(box), ANSWER_SECONDS)
        if not box:
            raise redis.TimeoutError
        if isinstance(box[0], Exception):
            raise box[0]
        return _as_bytes(box[0])


class Instance(Process):
    """One instance of the function, which serves one caller at a time."""

    def __init__(self, world: "World", base: float) -> None:
        super().__init__(world.hub, base)
        self.delays = (0.0005, 0.0005)
        self.caller: CallerModel | None = None
        # Until when the one it refused last is to stay away; when it last heard of the queue.
        self.told = self.heard_at = -1e9
        # Whether its clock, its sleeps or its way to Redis have just changed.
        self.is_hampered = False
        self.dead = False
        store = ModelStore(world, self)
        self.throttle = AccountThrottle(store, "account", world.limit, world.allowed, world.patience)


class CallerModel:
    """One caller at one instance: as `service.py` does it, a permit and a call."""

    def __init__(self, world: "World", instance: Instance, manner: Manner) -> None:
        self._world = world
        self.instance = instance
        self.manner = manner
        self.ticket = manner.ticket
        self.began = world.hub.now
        self.outcome = "waits"
        self.asks = 0
        # Whether Redis did not answer it last, or before it left; whether something explains that it waits or is late.
        self.alone = self.left_alone = False
        self.has_reason = instance.is_hampered or instance.oversleeps > 0
        self.thread = world.hub.start(instance, self._live)

    def _live(self) -> None:
        deadline = Deadline.after(self.manner.budget)
        try:
            while not self._called(deadline):
                pass
        except Problem as problem:
            self.outcome = "refused"
            self._world.refused(self, problem.retry_after_seconds() or 0)
        finally:
            if not self.thread.dead:
                self.instance.caller = None

    def _called(self, deadline: Deadline) -> bool:
        """Call once, unless the moment is missed."""
        throttle = self.instance.throttle
        try:
            with throttle.permit(Caller(self.ticket, self.manner.bulk), deadline) as permit:
                time.sleep(max(0.0, permit.departure.at - time.monotonic()))
                left = permit.departure.until - time.monotonic()
                if left < 0:
                    raise DepartureMissed
                self.outcome, self.left_alone = "called", self.alone
                lag = self.manner.lag * (left + WAY_SECONDS)
                self._world.hub.at(self._world.hub.now + lag, partial(self._world.arrive, self))
                time.sleep(lag + SERVICE_SECONDS)
                if self.outcome == "throttled":
                    throttle.record_throttle(permit, self._world.retry_after)
        except DepartureMissed:
            self._world.watch.missed(self)
            self.has_reason = True
            return False
        return True


class World:
    """Everything. Its steps may come in any order."""

    def __init__(
        self,
        watch: Callable[["World"], Watch],
        limit: int = 5,
        seed: int = 0,
        sabotage: Sabotage = Sabotage(),  # noqa: B008 (immutable)
        patience: float = PATIENCE,
        allowed: int = 24,
    ) -> None:
        random.seed(seed)
        self.hub = Hub()
        self.limit, self.patience, self.allowed = limit, patience, allowed
        # Whether CAMS throttles the calls that exceed the quota, and what it says then.
        self.throttles = False
        self.retry_after = 0.0
        self.instances: dict[int, Instance] = {}
        self.arrivals: list[tuple[float, CallerModel]] = []
        self.log: list[str] = []
        self._sabotage = sabotage
        self._tickets = 0
        self._admitted: deque[float] = deque([-1e9] * limit, maxlen=limit)
        self.server = Server(self.hub, sabotage)
        self.watch = watch(self)

    def call(self, at: int, manner: Manner = PERSON) -> CallerModel | None:
        """A caller comes to an instance, if that is free."""
        instance = self.instances.get(at)
        if instance is None or instance.dead:
            instance = self.instances[at] = Instance(self, 1000.0 * (at + 1))
        if instance.caller is not None:
            return None
        self._tickets += 1
        ticket = manner.ticket or f"ticket-{self._tickets}"
        instance.caller = CallerModel(self, instance, manner._replace(ticket=ticket))
        return instance.caller

    def crowd(self, first: int, size: int, manner: Manner = PERSON) -> list[CallerModel]:
        """Callers come to so many instances at once."""
        came = [self.call(at, manner) for at in range(first, first + size)]
        return [caller for caller in came if caller]

    def warm(self, count: int) -> None:
        """So many instances have asked."""
        for at in range(count):
            self.call(at)
            self.pass_time(1.2 / self.limit)
        self.pass_time(1.2)

    def pass_time(self, seconds: float) -> None:
        """Nothing but time."""
        self.hub.run(self.hub.now + seconds)

    def share(self, per_second: float, seconds: float, chance: random.Random) -> None:
        """Another program calls CAMS so often, at random times, and both are throttled beyond the quota."""
        self.throttles = True
        for _ in range(round(per_second * seconds)):
            self.hub.at(self.hub.now + chance.uniform(0, seconds), self._admit)

    def freeze(self, at: int, seconds: float, clock_stands: bool = False) -> None:
        """An instance is frozen."""
        self.instances[at].freeze(seconds, clock_stands)
        self.hamper(at)

    def oversleep(self, at: int, seconds: float) -> None:
        """An instance's sleeps take longer from now on."""
        self.instances[at].oversleeps = seconds
        self.hamper(at)

    def delay(self, at: int, request: float, answer: float) -> None:
        """How long Redis' question and answer take, for one instance."""
        self.instances[at].delays = (request, answer)
        self.hamper(at)

    def hamper(self, at: int) -> None:
        """Something explains what happens to an instance's caller, or its next one."""
        instance = self.instances[at]
        instance.is_hampered = True
        if instance.caller:
            instance.caller.has_reason = True

    def kill(self, at: int) -> None:
        """An instance dies, and its caller with it."""
        instance = self.instances[at]
        instance.dead = True
        if instance.caller:
            instance.caller.thread.kill()

    def step_clock(self, seconds: float) -> None:
        """Redis' clock is set."""
        self.watch.disturbed(stepped=True)
        self.server.stepped += seconds

    def flush(self) -> None:
        """All keys vanish."""
        self.watch.disturbed(forgot=True)
        self.server.redis.flush()

    def restart(self) -> None:
        """Redis restarts, empty."""
        self.flush()
        self.server.become("up")

    def become(self, state: str) -> None:
        """Redis is `frozen`, `gone`, or `up`."""
        self.watch.disturbed()
        self.server.become(state)

    def plant(self, *command: str) -> None:
        """Somebody else writes."""
        self.watch.disturbed(forgot=True)
        self.server.redis.command(*command)

    def execute(self, source: str, keys: list[str], arguments: list[str], caller: CallerModel | None) -> Any:
        """Run the script; returns its reply, or the error."""
        question = json.loads(arguments[0])
        try:
            reply = self.server.redis.run(source, keys, [json.dumps(self._sabotage.question(question))])
        except (lua51.LuaError, CommandError) as error:
            if caller:
                self.watch.failed(caller, error)
            return redis.ResponseError(str(error))
        if caller:
            caller.asks += 1
            self.watch.asked(caller, question)
            self.note(f"{caller.ticket} asked: {reply}")
            caller.instance.heard_at = self.hub.now
        return reply

    def refused(self, caller: CallerModel, seconds: int) -> None:
        """A caller is refused, and told to come back."""
        self.note(f"{caller.ticket} refused, Retry-After {seconds}")
        caller.instance.told = self.hub.now + seconds
        self.watch.refused(caller, seconds)
        if caller.manner.obeys:
            self.hub.at(caller.instance.told, partial(self._come_back, caller.manner))

    def arrive(self, caller: CallerModel) -> None:
        """A call arrives at CAMS."""
        self.note(f"{caller.ticket} ARRIVES {'alone' if caller.alone else ''}")
        self.arrivals.append((self.hub.now, caller))
        self.watch.arrived(caller)
        if not self._admit() and self.throttles:
            caller.outcome = "throttled"

    def note(self, what: str) -> None:
        """Add a line to the log."""
        self.log.append(f"{self.hub.now:8.3f} {what}")

    def _come_back(self, manner: Manner) -> None:
        free = [at for at, one in self.instances.items() if not (one.caller or one.dead or self._is_frozen(one))]
        if free:
            self.call(free[0], manner)

    def _is_frozen(self, instance: Instance) -> bool:
        return instance.frozen_until > self.hub.now

    def _admit(self) -> bool:
        """Whether a call is within the quota; those that are throttled do not count."""
        is_free = self.hub.now - self._admitted[0] >= WINDOW_SECONDS
        if is_free:
            self._admitted.append(self.hub.now)
        return is_free

    # Figures

    def since(self, begin: float, bulk: bool | None = None) -> list[float]:
        """When calls arrived since then, of one class or both."""
        return [at for at, caller in self.arrivals if at >= begin and bulk in (None, caller.manner.bulk)]

    def used(self, begin: float) -> float:
        """The share of the quota since then."""
        return len(self.since(begin)) / (self.hub.now - begin) / self.limit

    def too_many(self, begin: float = 0.0, quota: int | None = None) -> int:
        """How many arrivals exceeded the quota of the second before them, of those since then."""
        at = self.since(begin)
        pairs = zip(at, at[quota or self.limit :], strict=False)
        return sum(last - first < WINDOW_SECONDS - 1e-6 for first, last in pairs)


def _as_bytes(reply: Any) -> Any:
    return [item.encode() if isinstance(item, str) else item for item in reply] if isinstance(reply, list) else reply
