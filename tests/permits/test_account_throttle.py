"""Account-wide permits: moments and appointments are kept, and no value in Redis or clock can lock out an account."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import redis

from cams_qr.deadline import Deadline, DepartureMissed
from cams_qr.permits.account import AccountThrottle
from cams_qr.permits.throttle import GUARD_MAX_SECONDS, WINDOW_SECONDS, Caller
from cams_qr.problems import Problem
from cams_qr.redis_store import Store
from local.valkey import Valkey
from testing.fleet.measures import most_in_a_second
from testing.proxy import Proxy
from tests.conftest import further
from tests.permits.fields import QUEUE_FIELDS

pytestmark = pytest.mark.timed

LIMIT = 5
PATIENCE = 2.0
# A direct caller's, that waits as long as its function may.
LONG = 20.0
# What a test itself asks Redis.
OURS = ("cmdstat_config|resetstat", "cmdstat_info")
TYPES = {"state": "hash", "arrivals": "list", "appointments": "zset", "set-aside": "zset", "seats": "zset"}


@dataclass
class Account:
    """One account's permits, in a Valkey that other accounts use too."""

    url: str
    name: str
    limit: int = LIMIT

    def instance(self) -> AccountThrottle:
        return AccountThrottle(Store(self.url), self.name, self.limit, 8, PATIENCE)

    def key(self, part: str) -> str:
        return f"cams-qr:{{{self.name}}}:permits:{part}"

    @property
    def client(self) -> Any:
        return redis.Redis.from_url(self.url)


def leave(throttle: AccountThrottle, ticket: str = "someone", seconds: float = PATIENCE, bulk: bool = False) -> float:
    """Call once, and again where the moment was missed; returns when the call left, and raises Problem."""
    while True:
        with suppress(DepartureMissed), throttle.permit(Caller(ticket, bulk), Deadline.after(seconds)) as permit:
            time.sleep(max(0.0, permit.departure.at - time.monotonic()))
            if time.monotonic() > permit.departure.until:
                raise DepartureMissed
            return permit.departure.at


@dataclass
class Crowd:
    """What became of callers that ask all the time, each an instance of its own."""

    left: list[float] = field(default_factory=list)
    left_bulk: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def all(self, begin: float = 0.0) -> list[float]:
        """When people's and bulk's calls left, from some moment on."""
        return sorted(at for at in (*self.left, *self.left_bulk) if at >= begin)

    def longest_gap(self) -> float:
        return max(later - earlier for earlier, later in pairwise(self.all()))


@contextmanager
def crowd(account: Account, people: int = 0, bulk: int = 0, seconds: float = PATIENCE) -> Iterator[Crowd]:
    """Callers at work until the block ends; people are patient for so many seconds, and come back when told."""
    found, over = Crowd(), threading.Event()

    def ask(number: int, is_bulk: bool) -> None:
        throttle, left = account.instance(), found.left_bulk if is_bulk else found.left
        while not over.is_set():
            try:
                left.append(leave(throttle, f"{number}", LONG if is_bulk else seconds, is_bulk))
            except Problem as problem:
                # As it is over HTTP.
                found.refused.append(problem.retry_after_seconds() or 0)
                over.wait(found.refused[-1])

    threads = [threading.Thread(target=ask, args=(n, n >= people), name=f"{n}") for n in range(people + bulk)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey's URL. It has run for a while, so what it does not know it never promised."""
    server = Valkey(tmp_path_factory.mktemp("valkey")).start()
    client = redis.Redis.from_url(server.url)
    while client.info("server")["uptime_in_seconds"] < 2:
        time.sleep(0.1)
    yield server.url
    server.kill()


@pytest.fixture
def account(server: str, request: pytest.FixtureRequest) -> Account:
    return Account(server, request.node.name)


@pytest.fixture
def narrow(server: str, request: pytest.FixtureRequest) -> Account:
    """One whose quota is one call a second, and whose queue is open."""
    account = Account(server, request.node.name, limit=1)
    leave(account.instance())
    time.sleep(WINDOW_SECONDS + GUARD_MAX_SECONDS)
    return account


def test_the_first_to_ask_waits_for_nobody(account: Account) -> None:
    began = time.monotonic()
    assert leave(account.instance()) - began < 0.1


# The queue's length


def cost(server: str, limit: int) -> tuple[int, float]:
    """Calls that a permit makes inside of Redis, and the microseconds its script takes, once `limit` are booked."""
    account = Account(server, f"costs {limit}", limit)
    throttle = account.instance()
    leave(throttle)
    before = time.time() * 1e6 - 2e6
    account.client.delete(account.key("arrivals"))
    account.client.rpush(account.key("arrivals"), *[f"{before:.0f}"] * limit)
    costs = []
    for _ in range(9):
        account.client.config_resetstat()
        leave(throttle)
        commands = account.client.info("commandstats")
        calls = sum(command["calls"] for name, command in commands.items() if name not in OURS)
        costs.append((calls, commands["cmdstat_evalsha"]["usec_per_call"]))
    return min(costs)


def test_a_permit_costs_the_same_however_many_are_booked(server: str) -> None:
    (calls, micros), (calls_of_many, micros_of_many) = cost(server, 10), cost(server, 10_000)
    assert calls_of_many == calls
    assert micros_of_many < 3 * micros


# Appointments


def refused(account: Account, *tickets: str, seconds: float = PATIENCE) -> list[float]:
    """When each of them, who ask in this order, is told to come back."""
    told = []
    for ticket in tickets:
        with pytest.raises(Problem) as refusal:
            leave(account.instance(), ticket, seconds)
        told.append(time.monotonic() + (refusal.value.retry_after or 0.0))
    return told


@contextmanager
def full(account: Account) -> Iterator[None]:
    """A queue whose moments within people's patience are all booked."""
    with crowd(account, bulk=2 * LIMIT) as taken:
        # They were told their moments, or have a place.
        while len(taken.left) < LIMIT:
            time.sleep(0.01)
        yield


@contextmanager
def booked(account: Account, count: int) -> Iterator[None]:
    """So many people were told their moments, and wait for them."""
    threads = [threading.Thread(target=leave, args=(account.instance(), f"early {n}", LONG)) for n in range(count)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    yield
    for thread in threads:
        thread.join()


def test_who_comes_back_when_told_is_served(account: Account) -> None:
    leave(account.instance())
    tickets = [f"late {n}" for n in range(LIMIT)]
    left: list[float] = []

    def come_back(ticket: str, at: float) -> None:
        time.sleep(at - time.monotonic())
        left.append(leave(account.instance(), ticket))

    # Others come all the time, and take what is free.
    with booked(account, 3 * LIMIT), crowd(account, people=4):
        told = refused(account, *tickets)
        threads = [threading.Thread(target=come_back, args=back) for back in zip(tickets, told, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(left) == LIMIT


def test_an_appointment_is_its_owners_until_it_is_near(narrow: Account) -> None:
    with booked(narrow, 2):
        began = time.monotonic()
        (told,) = refused(narrow, "owner")
        moment = told + PATIENCE
        assert moment - began == pytest.approx(2 * (WINDOW_SECONDS + GUARD_MAX_SECONDS), abs=0.15)
        (other,) = refused(narrow, "somebody else")
        assert other + PATIENCE - moment > WINDOW_SECONDS
        time.sleep(told + 0.5 - time.monotonic())
        assert leave(narrow.instance(), "owner") == pytest.approx(moment, abs=0.05)


def test_who_does_not_come_leaves_its_moment_to_the_next(narrow: Account) -> None:
    with booked(narrow, 2):
        (told,) = refused(narrow, "owner")
        moment = told + PATIENCE
        time.sleep(moment - 0.15 - time.monotonic())
        assert leave(narrow.instance(), "somebody else") == pytest.approx(moment, abs=0.05)


# Bulk


def test_bulk_is_served_in_the_order_of_asking(account: Account) -> None:
    served: list[str] = []

    def ask(name: str) -> None:
        leave(account.instance(), name, LONG, bulk=True)
        served.append(name)

    names = [f"{n}" for n in range(4)]
    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    with crowd(account, people=9):
        time.sleep(1)
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        for thread in threads:
            thread.join()
    assert served == names


# Clocks


@pytest.mark.parametrize("seconds", [-20, *further(-0.2, 0.5, 20)])
def test_a_step_of_redis_clock(account: Account, seconds: float) -> None:
    """The queue's clock is the server's and an offset, so that a step of one is a step of the other."""
    with crowd(account, people=7, bulk=2) as callers:
        time.sleep(2)
        account.client.hincrbyfloat(account.key("state"), "offset", seconds * 1e6)
        time.sleep(4)
    assert most_in_a_second(callers.all()) == LIMIT
    assert callers.longest_gap() <= 2.2
    assert max(callers.refused, default=0) < 10


@pytest.mark.thorough
@pytest.mark.parametrize("seconds", [3600, -0.5])
def test_a_step_of_an_instances_wall_clock_in_an_outage(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    real, steps = time.time, dict[str, float]()
    monkeypatch.setattr(time, "time", lambda: real() + steps.get(threading.current_thread().name, 0.0))
    with crowd(Account(valkey.url, "local"), people=8, seconds=1) as callers:
        time.sleep(3)
        valkey.kill()
        time.sleep(2)
        steps["3"] = seconds
        began = time.monotonic()
        time.sleep(4)
        valkey.start()
        time.sleep(3)
    assert most_in_a_second(callers.all()) <= LIMIT
    assert len(callers.all(began)) > 4 * LIMIT
    assert max(callers.refused, default=0) < 10


@pytest.mark.thorough
def test_late_answers_do_not_bend_an_instances_clock(account: Account) -> None:
    """As on busy cores: what Redis says is there at once, but its reader is not."""

    def hold_up(data: bytes) -> None:
        if data.startswith((b"*4\r\n$5\r\nclock", b"*9")):
            time.sleep(0.06)

    proxy = Proxy(account.url.partition("//")[2].partition("/")[0], watch=hold_up)
    held_up = Account(f"redis://{proxy.address}", account.name)
    left: list[float] = []
    with crowd(account, people=6) as others:
        time.sleep(1)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            with suppress(Problem):
                left.append(leave(held_up.instance()))
    proxy.cut()
    assert left
    assert most_in_a_second(sorted([*others.all(), *left])) == LIMIT


# What makes no sense

Harm = Callable[[Account], Any]
NUMBERS = (*QUEUE_FIELDS, "foreign")
# Longer than the queue stays closed when it was forgotten, at most.
HEALED_SECONDS = 3.3


VALUES: dict[str, Callable[[], str]] = {
    **{value: partial(str, value) for value in ("1e300", "-1e300", "-5", "nan", "x")},
    "in an hour": lambda: f"{(time.time() + 3600) * 1e6:.0f}",
    "in 20 s": lambda: f"{(time.time() + 20) * 1e6:.0f}",
}


def do(command: str, part: str, *arguments: str) -> Harm:
    """A command about a part of an account's keys."""
    return lambda account: account.client.execute_command(command, account.key(part), *arguments)


def in_the_line(kind: str) -> dict[str, Harm]:
    """Each of its fields is the value."""
    return {name: do("HSET", "state", name, VALUES[kind]()) for name in NUMBERS}


def set_aside() -> dict[str, Harm]:
    """A moment that is set aside for bulk."""
    return {
        kind: do("ZADD", "set-aside", value(), "planted") for kind, value in VALUES.items() if kind not in ("nan", "x")
    }


def in_other_keys() -> dict[str, Harm]:
    harms = {}
    for kind, value in VALUES.items():
        harms[f"seat {kind}"] = do("ZADD", "seats", "1", value())
        if kind not in ("nan", "x"):
            harms[f"seat until {kind}"] = do("ZADD", "seats", value(), "0")
            harms[f"appointment {kind}"] = do("ZADD", "appointments", value(), "somebody")
    return harms


def other_types() -> dict[str, Harm]:
    """Each key as something else than it is."""
    values = {"string": ("SET", "x"), "hash": ("HSET", "a", "b"), "list": ("RPUSH", "a"), "zset": ("ZADD", "1", "a")}

    def store(part: str, command: str, *arguments: str) -> Harm:
        return lambda account: (do("DEL", part)(account), do(command, part, *arguments)(account))

    return {
        f"{part} is a {kind}": store(part, *value)
        for part, right in TYPES.items()
        for kind, value in values.items()
        if kind != right
    }


def many_ghosts() -> dict[str, Harm]:
    """More of everything than there ever is."""

    def fill(account: Account) -> None:
        account.client.zadd(account.key("set-aside"), {f"{number}": number for number in range(100_000)})

    def seat(account: Account) -> None:
        account.client.zadd(account.key("seats"), {f"{n}": time.time() * 1e6 + 15e6 for n in range(1000)})

    def keep_a_place(account: Account) -> None:
        account.client.zadd(
            account.key("bulk"), {f"{(time.time() + 3600) * 1e6:.0f} somebody": time.time() * 1e6 - 1e6}
        )

    return {"moments set aside": fill, "seats": seat, "a place kept for an hour": keep_a_place}


def ailment(account: Account, harm: Harm) -> str:
    """What is wrong with an account in use, a few windows after it was harmed; nothing, if all is well."""
    with crowd(account, people=2, bulk=1):
        time.sleep(1)
    harm(account)
    began = time.monotonic()
    # More than a window's people, or bulk would not need its floor.
    with crowd(account, people=6, bulk=1) as callers:
        time.sleep(HEALED_SECONDS)
        healed = time.monotonic()
        time.sleep(3)
    calls, most = len(callers.all(healed)), most_in_a_second(callers.all(began))
    bulk = sum(at >= healed for at in callers.left_bulk)
    forever = [part for part in TYPES if account.client.pttl(account.key(part)) == -1]
    well = calls >= 2 * LIMIT and bulk >= 1 and most <= LIMIT and not forever
    return "" if well else f"{calls} calls, {bulk} of bulk; {most} in a second; kept for ever: {forever}"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "harms",
    [
        # More of the kind, and faster, are in test_garbage.py.
        *(pytest.param(partial(in_the_line, kind), id=f"in_the_line {kind}") for kind in ("x", "in an hour")),
        set_aside,
        in_other_keys,
        other_types,
        many_ghosts,
    ],
)
def test_what_makes_no_sense_is_dropped_within_a_few_windows(
    server: str, request: pytest.FixtureRequest, harms: Callable[[], dict[str, Harm]]
) -> None:
    client: Any = redis.Redis.from_url(server)
    client.config_set("slowlog-log-slower-than", 100_000)
    client.slowlog_reset()
    found: dict[str, str] = {}

    def look(place: str, harm: Harm) -> None:
        found[place] = ailment(Account(server, f"{request.node.name} {place}"), harm)

    threads = [threading.Thread(target=look, args=each) for each in harms().items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {place: what for place, what in found.items() if what} == {}
    assert client.slowlog_get() == []
