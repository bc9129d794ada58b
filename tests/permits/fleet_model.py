"""Instances, their callers, Redis and CAMS in virtual time, around the real throttle and its real scripts.

Any step may be hostile. Invariants are checked as it runs: `World.broken` lists those that did not hold.
"""

import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple

import redis
from lupa import lua51

from cams_qr.deadline import Deadline, DepartureMissed
from cams_qr.permits.account import SETTLE_SECONDS, AccountThrottle
from cams_qr.permits.throttle import GUARD_MIN_SECONDS, HORIZON_SECONDS, PACE_GROWTH, WINDOW_SECONDS, Caller, Permit
from cams_qr.problems import Problem
from cams_qr.redis_store import ANSWER_SECONDS, Store
from tests.permits.hub import Hub, Process, Thread
from tests.permits.stub_redis import CommandError, RunawayError, StubRedis

INSTANCES = 24
# What the queue consists of.
PARTS = ("state", "arrivals", "appointments", "set-aside", "seats", "bulk")
PATIENCE = 2.0
# What CAMS takes to answer.
SERVICE_SECONDS = 0.03
# More commands than any queue of this size needs.
MOST_COMMANDS = 400
MOST_ASKS = 200
# With a quota of one a second, every fifth is bulk's; a queue is closed for some seconds after a fault.
MOST_STARVED_SECONDS = 12.0
# Who is back within this, is back when told.
PUNCTUAL_SECONDS = 0.11
# Until the queue is open again, whatever happened.
_RECOVERY_SECONDS = 5.0
# A bulk caller whose moment is as near as this is told it; moments are whole milliseconds.
_NEAR_SECONDS = 0.2
_ROUNDING_SECONDS = 0.002
# Until Redis has been told of a throttle.
_NOTE_SECONDS = 0.06
_EPOCH = 1_700_000_000.0
_MICRO = 1_000_000

Mutation = Callable[[str], str]
# Says why a crowded window is no fault, or None: the calls in it, and the world they arrived in.
Excuse = Callable[["World", list["CallerModel"]], str | None]


class Manner(NamedTuple):
    """How a caller behaves: `lag` is the part of the guard its call takes to CAMS; `throttled` CAMS's Retry-After."""

    bulk: bool = False
    budget: float = PATIENCE
    lag: float = 0.0
    obeys: bool = True
    ticket: str | None = None
    throttled: float | None = None


PERSON = Manner()


class Appointment(NamedTuple):
    """The moment that a person was told to come back for, and when it will; both were told at `made_at`."""

    moment: int
    back_at: float
    made_at: float


class Server:
    """Redis: on a clock that is set, in a process that is restarted, frozen, or gone."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._stepped = 0.0
        self._started = -1e6
        self.state = "up"
        self._queue: list[Callable[[], None]] = []
        self.stub = StubRedis(lambda: _EPOCH + hub.now + self._stepped, lambda: hub.now - self._started)

    def step(self, seconds: float) -> None:
        """Set its clock."""
        self._stepped += seconds

    def restart(self) -> None:
        """Come back with nothing."""
        self.stub.flush()
        self._queue.clear()
        self._started = self._hub.now
        self.state = "up"

    def become(self, state: str) -> None:
        """Be `up`, `frozen`, or `gone`; thawed, it does what it was asked meanwhile."""
        self.state = state
        if state == "up":
            queued, self._queue = self._queue, []
            for action in queued:
                action()

    def arrive(self, action: Callable[[], None]) -> None:
        """A question has come."""
        if self.state == "up":
            action()
        elif self.state == "frozen":
            self._queue.append(action)


class ModelStore(Store):
    """The real store, whose scripts run on the stub."""

    def __init__(self, world: "World", instance: "Instance") -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self._world = world
        self._instance = instance

    def script(self, source: str) -> Callable[..., Any]:
        """See Store.script."""
        return partial(self._run, self._world.mutate(source))

    def _run(self, source: str, client: Any, keys: list[str], args: list[str]) -> Any:
        hub, world, server = self._world.hub, self._world, self._world.server
        request, answer = self._instance.delays
        if server.state == "gone":
            hub.wait(lambda: False, request)
            raise redis.ConnectionError
        thread, box = hub.running, []
        wait, executed = thread.waits + 1, 0.0
        caller = self._instance.caller

        sent = hub.now

        def execute() -> None:
            nonlocal executed
            executed = hub.now
            reply = world.execute(source, keys, args, caller)
            hub.at(hub.now + answer, partial(deliver, reply))

        def deliver(reply: Any) -> None:
            box.append(reply)
            hub.resume(thread, wait)

        hub.at(hub.now + request, partial(server.arrive, execute))
        hub.wait(lambda: bool(box), ANSWER_SECONDS)
        if not box:
            raise redis.TimeoutError
        if isinstance(box[0], Exception):
            raise box[0]
        if caller and box[0]:
            caller.hear(box[0], executed, (hub.now - sent) / 2)
        return _as_bytes(box[0])


class Instance(Process):
    """One instance of the function, that serves one caller at a time."""

    def __init__(self, world: "World", base: float, limit: int) -> None:
        super().__init__(world.hub, base)
        self.world = world
        self.limit = limit
        self.delays = (0.0005, 0.0005)
        self.caller: CallerModel | None = None
        # Until when the one it refused last is to stay away.
        self.told = -1e9
        self.throttle: AccountThrottle | None = None
        self.dead = False
        # Until it hears of the queue; one whose machine was suspended cannot tell either whose clock was set.
        self.cold = True
        self.heard_at = -1e9
        self.hampered_at = -1.0

    def freeze(self, seconds: float, clock_stands: bool) -> None:
        """See Process.freeze."""
        super().freeze(seconds, clock_stands)
        self.cold |= clock_stands
        self.hampered_at = self.frozen_until

    def missed_at(self) -> float:
        """When it last missed Redis, unless it has found it since."""
        known = self.throttle
        if known is None or known._missed_at is None:
            return -1e9
        return self.world.hub.now - (self.monotonic() - known._missed_at)

    def start(self) -> AccountThrottle:
        """What its first caller does."""
        if self.throttle is None:
            world = self.world
            store = ModelStore(world, self)
            self.throttle = AccountThrottle(store, "account", self.limit, world.allowed, world.patience)
        return self.throttle


class CallerModel:
    """One caller at one instance: as `service.py` does it, a permit and a call."""

    def __init__(self, world: "World", instance: Instance, manner: Manner, ticket: str) -> None:
        self.world = world
        self.instance = instance
        self.manner = manner
        self.ticket = ticket
        self.began = world.hub.now
        self.first_asked: float | None = None
        self.asks = 0
        self.promise: int | None = None
        self.appointment: int | None = None
        self.told_at = 0.0
        self.place = -1
        self.outcome = "waits"
        self.throttled = manner.throttled
        # Whether its call left without Redis.
        self.turn = False
        # Whether its instance had ever heard of the queue when it came.
        self.cold = instance.throttle is None or instance.cold
        self.thread: Thread = world.hub.start(instance, self._live)

    def _live(self) -> None:
        deadline = Deadline.after(self.manner.budget)
        try:
            while not self._attempt(deadline):
                pass
        except Problem as problem:
            self._refused(problem)
        finally:
            if not self.thread.dead:
                self.instance.caller = None

    def _attempt(self, deadline: Deadline) -> bool:
        throttle = self.instance.start()
        try:
            with throttle.permit(Caller(self.ticket, self.manner.bulk), deadline) as permit:
                time.sleep(max(0.0, permit.departure.at - time.monotonic()))
                if time.monotonic() > permit.departure.until:
                    raise DepartureMissed
                self.outcome = "called"
                lag = self.manner.lag * self._most_lag(permit)
                self.world.leave(self, permit, lag)
                time.sleep(lag + SERVICE_SECONDS)
                if self.throttled is not None:
                    self.world.throttle(min(self.throttled, HORIZON_SECONDS))
                    throttle.record_throttle(permit, self.throttled)
        except DepartureMissed:
            self.world.missed(self)
            self.promise = None
            return False
        return True

    def _most_lag(self, permit: Permit) -> float:
        """What the way to CAMS may take: half the guard, and until the guard is over."""
        at, until = permit.departure
        guard = until - at + GUARD_MIN_SECONDS / 2
        return min(guard / 2, at + guard - time.monotonic())

    def _refused(self, problem: Problem) -> None:
        self.outcome = "refused"
        seconds = problem.retry_after_seconds()
        assert seconds
        self.world.refused(self, seconds)

    def hear(self, reply: Any, executed: float, error: float) -> None:
        """Redis' answer has come; one that comes after its moment is no promise."""
        verdict, now, moment, *_ = reply
        if verdict == "held":
            return
        self.promise = None
        if verdict == "go":
            guard = moment % 1000 / 1000 - 2 * error
            last = executed + (moment - now) / _MICRO + guard / 2
            self.promise = moment if self.world.hub.now < last - error else None


class World:
    """Everything, and what must hold of it."""

    def __init__(
        self,
        limit: int,
        seed: int = 0,
        mutate: Mutation = lambda source: source,
        excuse: Excuse = lambda world, calls: None,
        patience: float = PATIENCE,
    ) -> None:
        self.hub = Hub()
        # Turns draw from the common generator.
        random.seed(seed)
        self.excuse = excuse
        self.limit = limit
        self.patience = patience
        # The most instances; whether CAMS throttles the calls that exceed the quota.
        self.allowed = INSTANCES
        self.throttles = False
        self.admitted: deque[float] = deque(maxlen=limit)
        # Of instances that were told another one.
        self.limits: dict[int, int] = {}
        self.mutate = mutate
        self.server = Server(self.hub)
        self.instances: dict[int, Instance] = {}
        self.callers: list[CallerModel] = []
        self.arrivals: list[tuple[float, CallerModel, float]] = []
        self.broken: list[str] = []
        # The most calls in any window that is not excused; the longest that people left while bulk waited and did not.
        self.most = 0
        self.starved = 0.0
        self.schedule: list[str] = []
        self.counts: Counter[str] = Counter()
        self.tickets = 0
        self.disturbed_at = -1e9
        # When Redis was last lost, and was there again; whether an instance that noticed asked first, or one that could
        # not tell that something had happened, and when the last came whose clock is from before that.
        self.lost_at = self.back_at = -1e9
        self.noticed = True
        self.was_asked = True
        # When somebody first asked after the last fault.
        self.first_at = -1e9
        self.unnoticed_at = self.cold_at = self.split_at = -1e9
        # When CAMS last throttled a call, and told how long it takes none: appointments until then are void.
        self.closed_at = -1e9
        # When CAMS takes calls again.
        self.opens_at = -1e9
        # When the server's clock was last set; who has not asked since cannot tell whether it was Redis that forgot.
        self.stepped_at = -1e9
        # When all was last forgotten, and when Redis was last lost so soon after that nobody had reminded it.
        self.forgot_at = self.hushed_at = -1e9
        self.log: list[str] = []
        # Booked moments on the queue's clock that nobody holds yet.
        self.booked: Counter[int] = Counter()
        self.last_new = 0
        # When the last booked calls arrive at the latest, in seconds of the queue's clock.
        self.reserved: deque[float] = deque(maxlen=limit)
        self.last_bulk = 0.0
        self.appointments: dict[str, Appointment] = {}

    # Steps

    def call(self, at: int, manner: Manner = PERSON) -> CallerModel | None:
        """A caller comes to an instance, if that is free."""
        self._note("call", at, manner)
        return self._call(at, manner)

    def crowd(self, first: int, size: int, manner: Manner = PERSON) -> None:
        """Callers come to so many instances at once."""
        self._note("crowd", first, size, manner)
        for at in range(first, first + size):
            self._call(at, manner)

    def saturate(self, seconds: float, size: int, manner: Manner = PERSON) -> None:
        """Callers come to so many instances, each as soon as it is free."""
        for _ in range(round(seconds / 0.1)):
            self.crowd(0, size, manner)
            self.pass_time(0.1)

    def _call(self, at: int, manner: Manner) -> CallerModel | None:
        instance = self.instances.get(at)
        if instance is None or instance.dead:
            instance = self.instances[at] = Instance(self, 1000.0 * (at + 1), self.limits.get(at, self.limit))
        if instance.caller is not None:
            return None
        self.tickets += 1
        caller = CallerModel(self, instance, manner, manner.ticket or f"ticket-{self.tickets}")
        instance.caller = caller
        self.callers = [known for known in self.callers if not known.thread.ended]
        self.callers.append(caller)
        return caller

    def share(self, per_second: int, seconds: int, at: random.Random) -> None:
        """Another program calls CAMS so often, at random times, and both are throttled beyond the quota."""
        self.throttles = True
        for _ in range(per_second * seconds):
            self.hub.at(self.hub.now + at.uniform(0, seconds), self._admit)

    def warm(self, count: int) -> None:
        """So many instances have asked, and have one view of the seats."""
        for _ in range(2):
            for at in range(count):
                self._call(at, Manner())
                self.hub.run(self.hub.now + 1.2 / self.limit)
        self.hub.run(self.hub.now + 1.2)

    def pass_time(self, seconds: float) -> None:
        """Nothing but time."""
        self._note("pass_time", seconds)
        self.hub.run(self.hub.now + seconds)

    def freeze(self, at: int, seconds: float, clock_stands: bool) -> None:
        """An instance is frozen."""
        self._note("freeze", at, seconds, clock_stands)
        if at in self.instances:
            self.instances[at].freeze(seconds, clock_stands)

    def oversleep(self, at: int, seconds: float) -> None:
        """An instance's sleeps take longer from now on."""
        self._note("oversleep", at, seconds)
        if at in self.instances:
            self.instances[at].oversleeps = seconds
            self.instances[at].hampered_at = self.hub.now

    def delay(self, at: int, request: float, answer: float) -> None:
        """How long Redis' question and answer take, for one instance."""
        self._note("delay", at, request, answer)
        if at in self.instances:
            self.instances[at].delays = (request, answer)

    def kill(self, at: int) -> None:
        """An instance dies, and its caller with it."""
        self._note("kill", at)
        instance = self.instances.get(at)
        if instance is not None:
            instance.dead = True
            if instance.caller:
                instance.caller.thread.kill()

    def step_clock(self, seconds: float) -> None:
        """Redis' clock is set."""
        self._note("step_clock", seconds)
        self._disturb()
        self.stepped_at = self.hub.now
        self.server.step(seconds)

    def flush(self) -> None:
        """All keys vanish."""
        self._note("flush")
        self._forget()
        self._forget_arrivals()
        self.server.stub.flush()

    def lose_key(self, part: str) -> None:
        """One key vanishes."""
        self._note("lose_key", part)
        self._forget()
        if part in ("state", "arrivals"):
            self._forget_arrivals()
        self.server.stub.command("DEL", self.key(part))

    def restart(self) -> None:
        """Redis restarts, empty."""
        self._note("restart")
        self._forget()
        self._forget_arrivals()
        self.server.restart()

    def become(self, state: str) -> None:
        """Redis is `frozen`, `gone`, or `up`."""
        self._note("become", state)
        self._disturb()
        if state == "up":
            self.back_at = self.hub.now
            self.noticed = False
        else:
            self.lost_at = self.hub.now
            if self.hub.now - self.forgot_at < SETTLE_SECONDS:
                self.hushed_at = self.hub.now
        self.server.become(state)

    def fail_over(self, keys: Any, expiries: Any) -> None:
        """A replica takes over, with what it had copied."""
        self._note("fail_over")
        self._forget()
        self.reserved.clear()
        self.server.stub.keys, self.server.stub.expiries = keys, expiries

    def plant(self, *command: str) -> None:
        """Somebody else writes."""
        self._note("plant", *command)
        self._forget()
        self.reserved.clear()
        self.server.stub.command(*command)

    def key(self, part: str) -> str:
        """One of the throttle's keys, which are PARTS."""
        return f"cams-qr:{{account}}:permits:{part}"

    def state(self) -> dict[str, str]:
        """The queue's fields."""
        return dict(self.server.stub.keys.get(self.key("state"), {}))

    def arrivals_kept(self) -> list[str]:
        """When the queue's booked calls will have arrived, newest first."""
        return list(self.server.stub.keys.get(self.key("arrivals"), []))

    def since(self, moment: float, bulk: bool | None = None) -> list[float]:
        """When calls arrived since then, of one class or both."""
        recent = takewhile(lambda arrival: arrival[0] >= moment, reversed(self.arrivals))
        return [at for at, caller, _ in recent if bulk in (None, caller.manner.bulk)][::-1]

    def close(self) -> None:
        """End it."""
        self.hub.close()

    def _note(self, name: str, *arguments: Any) -> None:
        self.schedule.append(f"{name}({', '.join(map(repr, arguments))})")
        self.log.append(f"{self.hub.now:8.3f} -- {self.schedule[-1]}")

    def _disturb(self) -> None:
        self.disturbed_at = self.hub.now
        self.was_asked = False

    def _forget(self) -> None:
        self._disturb()
        self.forgot_at = self.hub.now
        self.appointments.clear()
        self.last_new = 0

    def _forget_arrivals(self) -> None:
        self.reserved.extend([-1e9] * self.limit)

    # What is seen

    def execute(self, source: str, keys: list[str], arguments: list[str], caller: CallerModel | None) -> Any:
        """Run a script; returns its reply, or the error."""
        stub = self.server.stub
        try:
            reply = stub.run(source, keys, arguments)
        except (lua51.LuaError, CommandError, RunawayError) as error:
            self._break("script", str(error))
            return redis.ResponseError(str(error))
        self.counts["asks"] += 1
        if reply and caller:
            self._see(json.loads(arguments[0]), reply, caller)
        return reply

    def _see(self, ask: dict[str, Any], reply: list[Any], caller: CallerModel) -> None:
        verdict, _, _, *rest = reply
        caller.asks += 1
        caller.place = rest[1] if verdict == "later" else -1
        if verdict != "clock":
            self._hear_of(caller)
        self._tell(ask, reply, caller)
        if caller.asks > MOST_ASKS:
            self._break("busy", f"{caller.ticket} asks for ever")
            caller.thread.kill()
        if len(self.server.stub.journal) > MOST_COMMANDS:
            self._break("bounded", f"{len(self.server.stub.journal)} commands")
        if verdict != "clock":
            self._check_answer(ask, reply, caller)

    def _check_answer(self, ask: dict[str, Any], reply: list[Any], caller: CallerModel) -> None:
        verdict, _, moment, *_ = reply
        self._check_expiry()
        if verdict == "held":
            return
        if caller.promise is not None and not caller.thread.dead and self._unhampered(caller):
            self._break("promise", f"{caller.ticket} was promised {caller.promise} and asks again")
        self._check_idle(ask, reply, caller)
        self._check_booking(verdict, moment, caller)
        if not ask["bulk"]:
            self._check_appointment(ask, verdict, moment, caller)

    def _hear_of(self, caller: CallerModel) -> None:
        """An instance knows the queue from now on."""
        instance = caller.instance
        if not self.was_asked:
            self._note_first(caller)
        if instance.heard_at < self.cold_at and not instance.cold:
            self.split_at = self.hub.now
        instance.cold = False
        instance.heard_at = self.hub.now

    def _note_first(self, caller: CallerModel) -> None:
        self.was_asked = True
        self.first_at = self.hub.now
        if caller.instance.cold or caller.instance.heard_at < self.stepped_at:
            self.cold_at = self.hub.now
        if caller.instance.missed_at() < self.lost_at and not self.noticed:
            self.unnoticed_at = self.hub.now
        self.noticed = True

    def _tell(self, ask: dict[str, Any], reply: list[Any], caller: CallerModel) -> None:
        verdict, now, moment, *rest = reply
        asked = [f"{name} {ask[name] / _MICRO:.3f}" for name in ("budget", "lead")]
        asked += [name for name in ("bulk", "stepped") if ask[name]]
        told = f"{verdict} at {now / _MICRO - _EPOCH:.4f}: {moment / _MICRO - _EPOCH:.4f} {rest[1:]}"
        self.log.append(f"{self.hub.now:8.3f} {caller.ticket} {' '.join(asked)} -> {told}")

    def _check_expiry(self) -> None:
        stub = self.server.stub
        for key in stub.keys:
            if key not in stub.expiries:
                self._break("expiry", key)

    def _check_booking(self, verdict: str, moment: int, caller: CallerModel) -> None:
        """Each moment that is told was booked, is told once, and new ones come in the order of asking."""
        latest = (int(command[2]) for command in self.server.stub.journal if command[0] == "LPUSH")
        # The microseconds say how many milliseconds the arrival may take.
        new = [arrival - arrival % 1000 * 1000 for arrival in latest]
        self.booked.update(new)
        if verdict != "go":
            return
        if self.booked[moment] <= 0:
            self._break("twice", f"{caller.ticket} is told {moment}, which is not free")
        self.booked[moment] -= 1
        if new and new[-1] == moment:
            if moment // 1000 < self.last_new // 1000:
                self._break("order", f"{caller.ticket} is told {moment}, before {self.last_new}")
            self.last_new = moment

    def _check_idle(self, ask: dict[str, Any], reply: list[Any], caller: CallerModel) -> None:
        """No permit is free while a caller waits: a new moment is the first that the booked calls allow."""
        verdict, now, moment, *_ = reply
        place = ask["place"] if ask["place"] >= 0 else now
        is_next = not ask["bulk"] or all(other >= place for other in self._places())
        # Not all that was booked may be known: by instances with another quota, or before something was planted.
        is_known = len(self.reserved) == self.limit and not self.limits
        # A queue that has forgotten its promises waits for those that it is reminded of.
        recovered_at = self.first_at + _RECOVERY_SECONDS + self.patience - PATIENCE
        opens = now / _MICRO + max(recovered_at, self.opens_at) - self.hub.now
        for command in self.server.stub.journal:
            if command[0] == "LPUSH":
                arrival = int(command[2]) / _MICRO
                booked = arrival - int(command[2]) % 1000 / 1000
                idle = booked - max(self._first_free(now, ask), opens)
                if is_known and is_next and idle > _ROUNDING_SECONDS:
                    self._break("idle", f"{caller.ticket} waits {idle:.4f} s for a permit that is free")
                self.reserved.append(arrival)
        if is_known and is_next and ask["bulk"] and verdict == "later":
            free = max(self._first_free(now, ask), opens)
            if free < now / _MICRO + _NEAR_SECONDS - _ROUNDING_SECONDS or moment / _MICRO > free:
                self._break("idle", f"{caller.ticket} is to ask again, but a permit is free")

    def _places(self) -> list[float]:
        return list(self.server.stub.keys.get(self.key("bulk"), {}).values())

    def _first_free(self, now: int, ask: dict[str, Any]) -> float:
        """When the next call may leave, on the queue's clock, by the quota and by the pace that CAMS accepts."""
        state = self.state()
        grown = self.limit * PACE_GROWTH * max(0.0, now - float(state["paced"])) / _MICRO
        pace = max(self.limit / 20, float(state["pace"])) + grown
        if not self.reserved:
            return now / _MICRO
        spaced = self.reserved[-1] + (WINDOW_SECONDS / pace if pace < self.limit else 0.0)
        return max((now + ask["lead"]) / _MICRO, spaced, self.reserved[0] + WINDOW_SECONDS)

    def _check_appointment(self, ask: dict[str, Any], verdict: str, moment: int, caller: CallerModel) -> None:
        """Who comes back when told finds its moment, if it knows the clock well enough for it."""
        due = self.appointments.pop(caller.ticket, None)
        if (
            due
            and max(self.disturbed_at + _RECOVERY_SECONDS, self.split_at, self.closed_at) < due.made_at
            and abs(self.hub.now - due.back_at) < PUNCTUAL_SECONDS
            and 2 * ask["blur"] / _MICRO <= due.moment % 1000 / 1000 - GUARD_MIN_SECONDS
        ):
            if (verdict, moment) == ("go", due.moment):
                self.counts["kept"] += 1
            else:
                self._break("appointment", f"{caller.ticket} is told {verdict} {moment}, not {due.moment}")
        caller.appointment, caller.told_at = None, self.hub.now
        score = self.server.stub.keys.get(self.key("appointments"), {}).get(caller.ticket)
        if verdict == "refused" and score == moment:
            caller.appointment = moment

    def throttle(self, retry_after: float) -> None:
        """CAMS throttles a call, and takes none for so long."""
        self.closed_at = self.hub.now
        self.opens_at = max(self.opens_at, self.hub.now + retry_after + _NOTE_SECONDS)

    def leave(self, caller: CallerModel, permit: Permit, lag: float) -> None:
        """A call leaves; it arrives after `lag` seconds."""
        self.counts["calls"] += 1
        caller.promise = None
        caller.turn = permit.booked == 0
        self.hub.at(self.hub.now + lag, partial(self._arrive, caller, permit.departure.at))

    def missed(self, caller: CallerModel) -> None:
        """A caller cannot leave at its moment."""
        if caller.promise is not None and self._unhampered(caller):
            self._break("promise", f"{caller.ticket} was promised {caller.promise} and cannot leave then")

    def refused(self, caller: CallerModel, seconds: int) -> None:
        """A caller is refused, and told to come back."""
        self.counts["refused"] += 1
        caller.instance.told = self.hub.now + seconds
        self.log.append(f"{self.hub.now:8.3f} {caller.ticket} refused, Retry-After {seconds}")
        if caller.promise is not None and self._unhampered(caller):
            self._break("promise", f"{caller.ticket} was promised {caller.promise} and is refused")
        if not caller.manner.bulk and caller.manner.obeys:
            back = self.hub.now + seconds
            if caller.appointment and caller.manner.budget == PATIENCE and self._unhampered(caller):
                self.appointments[caller.ticket] = Appointment(caller.appointment, back, caller.told_at)
            self.hub.at(back, partial(self._come_back, caller))

    def _come_back(self, caller: CallerModel) -> None:
        for at, instance in list(self.instances.items()):
            if instance.caller is None and not instance.dead and instance.frozen_until <= self.hub.now:
                self._call(at, caller.manner._replace(ticket=caller.ticket))
                return
        self.appointments.pop(caller.ticket, None)

    def _arrive(self, caller: CallerModel, moment: float) -> None:
        now = self.hub.now
        self.counts["arrivals"] += 1
        self.arrivals.append((now, caller, moment))
        how = "by turn, from" if caller.turn else "from"
        if self.throttles and not self._admit():
            caller.outcome, caller.throttled = "throttled", 0.0
        due = moment - caller.instance.monotonic() + now
        self.log.append(f"{now:8.3f} {caller.ticket} ARRIVES {how} its moment at {due:.4f}")
        if caller.manner.bulk:
            self.last_bulk = now
        else:
            self.starved = max(self.starved, self._starving())
            if self.starved > MOST_STARVED_SECONDS:
                self._break("starved", f"people leave, and bulk has waited for {self.starved:.1f} s")
        if len(self.arrivals) > self.limit:
            self._check_quota()
        if self.most < self.limit:
            self.most = max(self.most, len(self.since(now - WINDOW_SECONDS + 1e-6)))

    def _admit(self) -> bool:
        """Whether CAMS takes a call; those that it throttles do not count."""
        full = len(self.admitted) == self.limit and self.hub.now - self.admitted[0] < WINDOW_SECONDS
        if not full:
            self.admitted.append(self.hub.now)
        return not full

    def _starving(self) -> float:
        """For how long bulk has been waiting undisturbed, and nothing of it left."""
        waiting = [c.began for c in self.callers if c.manner.bulk and c.place >= 0 and self._unhampered(c)]
        if not waiting:
            return 0.0
        return self.hub.now - max(self.last_bulk, min(waiting), self.disturbed_at + _RECOVERY_SECONDS)

    def _check_quota(self) -> None:
        crowd = self.arrivals[-1 - self.limit :]
        seconds = crowd[-1][0] - crowd[0][0]
        if seconds >= WINDOW_SECONDS - 1e-6:
            return
        excuse = self.excuse(self, [caller for _, caller, _ in crowd])
        if excuse:
            self.counts[excuse] += 1
        else:
            self.most = self.limit + 1
            self._break("quota", f"{self.limit + 1} calls within {seconds:.4f} s")

    def _unhampered(self, caller: CallerModel) -> bool:
        instance = caller.instance
        return instance.oversleeps == 0 and instance.hampered_at < caller.began

    def _break(self, kind: str, what: str) -> None:
        self.broken.append(f"{kind}: {what}")
        self.log.append(f"{self.hub.now:8.3f} !! {self.broken[-1]}")


def _as_bytes(reply: Any) -> Any:
    if isinstance(reply, list):
        return [_as_bytes(item) for item in reply]
    return reply.encode() if isinstance(reply, str) else reply
