"""An outage of CAMS is remembered: callers get an old list at once, and one request every few seconds is the probe."""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pytest
import redis

from local.sandbox import Sandbox
from local.traps import TRAPS
from local.valkey import Valkey
from testing.endpoints import full_backlog
from testing.instance import Instance
from testing.proxy import Proxy
from tests.conftest import NUMBER, Function

pytestmark = pytest.mark.timed

NUMBERS = (NUMBER, "6281200001234", "8613800000009")
# Numbers of nobody, of which no list is known.
NEW, *NEWER = (f"861380000077{last}" for last in range(4))
# How far apart probes begin, and the most that one who finds CAMS back has waited for one.
OPEN_SECONDS, BACK_SECONDS = 3.0, 3.3
ROWS = {trap.what: f"1666000{row:04}" for row, trap in TRAPS.items()}


@pytest.fixture
def line(endpoint: str) -> Iterator[Proxy]:
    with Proxy(endpoint) as line:
        yield line


@pytest.fixture
def cached(function: Function, line: Proxy) -> Function:
    return function.configure(CACHE_TTL_SECONDS="60", CAMS_ENDPOINT=line.address)


@pytest.fixture
def stale(cached: Function, line: Proxy) -> Function:
    """An instance that knows old lists of NUMBERS."""
    assert [cached.ask(number)["status"] for number in NUMBERS] == [200] * 3
    cached.pass_time(100)
    line.forget()
    return cached


class Asked:
    """A direct answer, and the seconds it took."""

    def __init__(self, function: Any, number: str = NUMBER) -> None:
        started = time.monotonic()
        answer = function.direct({"phoneNumber": number})
        self.seconds = time.monotonic() - started
        result = answer.get("result")
        self.code = answer["problem"]["code"] if result is None else "stale" if result["stale"] else "fresh"


def keep_asking(function: Any, seconds: float, *numbers: str) -> list[Asked]:
    """Answers to about 50 questions a second."""
    answers: list[Asked] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answers.append(Asked(function, numbers[len(answers) % len(numbers)]))
        time.sleep(0.02)
    return answers


def held_up(answers: list[Asked]) -> int:
    """How many answers did not come at once."""
    return sum(answer.seconds > 0.05 for answer in answers)


def seconds_until(code: str, function: Any, number: str = NUMBER) -> float:
    started = time.monotonic()
    while Asked(function, number).code != code:
        assert time.monotonic() - started < 3 * OPEN_SECONDS
        time.sleep(0.02)
    return time.monotonic() - started


def said(lines: list[dict[str, Any]]) -> list[Any]:
    return [(line["cams"], line.get("reason")) for line in lines if "cams" in line]


def test_silence_holds_up_one_request_every_few_seconds(stale: Function, line: Proxy) -> None:
    line.silent = True
    first = Asked(stale)
    assert first.code == "stale"
    assert 1.7 < first.seconds < 2.0
    answers = keep_asking(stale, 2 * OPEN_SECONDS + 1, *NUMBERS)
    assert {answer.code for answer in answers} == {"stale"}
    assert median(answer.seconds for answer in answers) < 0.01
    assert sum(1.7 < answer.seconds < 2.0 for answer in answers) == 2
    # Apart from the two probes, only what a busy machine does.
    assert held_up(answers) <= 4
    assert line.most_waiting == 1
    first_probe, second_probe = line.requests[1:]
    assert OPEN_SECONDS - 0.1 < second_probe - first_probe < BACK_SECONDS


def test_refusals_hold_up_the_first_alone(stale: Function, line: Proxy) -> None:
    line.cut()
    assert Asked(stale).seconds < 1
    answers = keep_asking(stale, 2, *NUMBERS)
    assert {answer.code for answer in answers} == {"stale"}
    assert held_up(answers) <= 2
    line.restore()
    assert seconds_until("fresh", stale) < BACK_SECONDS


def test_who_takes_no_connection_is_silent_too(cached: Function) -> None:
    cached.timeout = 3
    with full_backlog() as address:
        cached.configure(CAMS_ENDPOINT=address)
        assert Asked(cached).code == "upstream_timeout"
        answers = keep_asking(cached, 1, NUMBER)
    assert {answer.code for answer in answers} == {"upstream_unavailable"}
    assert held_up(answers) <= 2


def test_who_has_no_old_list_waits_as_long_as_it_may_and_others_learn_when_to_ask_again(
    cached: Function, line: Proxy
) -> None:
    cached.timeout = 3
    line.silent = True
    first = Asked(cached)
    assert first.code == "upstream_timeout"
    assert 2.3 < first.seconds < 3
    refused = cached.http(parameters={"phoneNumber": NUMBER})
    assert (refused.status, refused.headers["Retry-After"]) == (503, "3")
    time.sleep(1.5)
    assert cached.http(parameters={"phoneNumber": NUMBER}).headers["Retry-After"] == "2"
    line.silent = False
    time.sleep(2)
    assert Asked(cached).code == "fresh"


def test_the_first_answer_brings_back_full_speed(stale: Function, line: Proxy, log: Any) -> None:
    line.silent = True
    Asked(stale)
    assert "; detail=upstream_unavailable" in stale.http(parameters={"phoneNumber": NUMBER}).headers["Cache-Status"]
    line.silent, line.delay = False, 0.4
    assert seconds_until("fresh", stale) < BACK_SECONDS + line.delay
    assert [Asked(stale, number).code for number in NUMBERS] == ["fresh"] * 3
    lines = log()
    assert said(lines) == [("unavailable", "timeout"), ("available", None)]
    assert {line["level"] for line in lines if "cams" in line} == {"WARNING"}
    told = [line for line in lines if line.get("trigger") == "http_trigger"]
    assert [(line["cache"], line["attempts"], line["permitWaitMs"]) for line in told] == [("stale", 0, 0)]


def test_an_error_is_an_answer(stale: Function, line: Proxy, sandbox: Sandbox) -> None:
    stale.timeout = 3
    line.silent = True
    Asked(stale)
    line.silent = False
    sandbox.qps = 0
    keep_asking(stale, OPEN_SECONDS + 0.3, NUMBER)
    sandbox.qps = 1000
    assert Asked(stale, NUMBERS[1]).code == "fresh"


@pytest.mark.thorough
def test_slower_than_an_old_list_allows_does_not_stay_down(stale: Function, line: Proxy, log: Any) -> None:
    """Who has no old list waits, as the probe too, and so finds CAMS alive."""
    line.delay = 2.0
    assert Asked(stale).code == "stale"
    assert Asked(stale, NEW).code == "upstream_unavailable"
    assert seconds_until("not_owned", stale, NEW) < BACK_SECONDS + line.delay
    answers = [Asked(stale, number) for number in (*NUMBERS, NEWER[0], *NUMBERS, NEWER[1])]
    assert [answer.code for answer in answers] == [*["stale"] * 3, "not_owned"] * 2
    assert said(log()) == [("unavailable", "timeout"), ("available", None)]


@pytest.mark.thorough
def test_slow_then_silent_is_down_once_somebody_has_waited_as_long_as_it_may(stale: Function, line: Proxy) -> None:
    stale.timeout = 3
    line.delay = 2.0
    assert Asked(stale, NEW).code == "not_owned"
    line.silent = True
    assert [1.7 < Asked(stale).seconds < 2.0 for _ in range(2)] == [True] * 2
    assert Asked(stale, NEWER[0]).code == "upstream_timeout"
    assert max(answer.seconds for answer in keep_asking(stale, 2, *NUMBERS)) < 1
    line.silent, line.delay = False, 0.0
    assert seconds_until("fresh", stale) < BACK_SECONDS


def test_slow_is_not_down(stale: Function, line: Proxy, log: Any) -> None:
    line.delay = 1.2
    answer = Asked(stale)
    assert answer.code == "fresh"
    assert answer.seconds > 1.2
    assert said(log()) == []


@pytest.mark.parametrize("timeout", [1, 2])
def test_a_function_without_time_proves_nothing(stale: Function, line: Proxy, log: Any, timeout: float) -> None:
    stale.timeout = timeout
    line.silent = True
    assert Asked(stale).code == "stale"
    line.silent = False
    assert Asked(stale).code == "fresh"
    assert said(log()) == []


@pytest.mark.parametrize(
    "trap",
    ["resets the connection before an answer", "ends before its Content-Length", "drips its headers", "not HTTP"],
)
def test_what_may_be_one_querys_alone_is_not_down(stale: Function, line: Proxy, log: Any, trap: str) -> None:
    stale.timeout = 3
    assert Asked(stale, ROWS[trap]).code not in ("fresh", "stale")
    assert Asked(stale).code == "fresh"
    assert said(log()) == []


@pytest.fixture
def pair(line: Proxy, valkey: Valkey, sandbox: Sandbox) -> Iterator[list[Instance]]:
    """Two instances of one account that know old lists of NUMBERS."""
    pair = [Instance(line.address, valkey.url, CACHE_TTL_SECONDS="1", MAX_INSTANCES="2") for _ in range(2)]
    for number in NUMBERS:
        assert [Asked(instance, number).code for instance in pair] == ["fresh", "fresh"]
    time.sleep(1.5)
    line.forget()
    yield pair
    for instance in pair:
        instance.end()


def test_what_one_instance_has_met_all_know(pair: list[Instance], line: Proxy, valkey: Valkey) -> None:
    line.silent = True
    Asked(pair[0])
    until = time.monotonic() + OPEN_SECONDS + 0.5
    while time.monotonic() < until:
        for instance in pair:
            instance.send({"phoneNumber": NUMBER})
        assert [instance.receive()["result"]["stale"] for instance in pair] == [True, True]
    # One of the two was the probe.
    assert len(line.requests) == 2
    line.silent = False
    assert min(seconds_until("fresh", instance) for instance in pair) < BACK_SECONDS
    assert [Asked(pair[i], NUMBERS[i + 1]).code for i in range(2)] == ["fresh", "fresh"]
    assert redis.Redis.from_url(valkey.url).keys("*breaker*") == []
    for instance in pair:
        assert [change for change, _ in said(instance.lines)] == ["unavailable", "available"]


@pytest.mark.thorough
def test_a_slow_answer_to_one_instance_is_good_news_for_all(pair: list[Instance], line: Proxy) -> None:
    line.delay = 2.0
    assert Asked(pair[0], NEW).code == "not_owned"
    assert [Asked(pair[1], number).code for number in (NUMBER, NEWER[0])] == ["stale", "not_owned"]
    assert said(pair[1].lines) == []


def test_who_waited_for_a_permit_does_not_call_what_has_gone_down_meanwhile(
    line: Proxy, valkey: Valkey, sandbox: Sandbox
) -> None:
    one, *others = instances = [Instance(line.address, valkey.url, CAMS_QPS="1", MAX_INSTANCES="1") for _ in range(3)]
    assert [Asked(instance, NEW).code for instance in instances] == ["not_owned"] * 3
    for instance, number in zip(others, NEWER, strict=False):
        instance.send({"phoneNumber": number})
        time.sleep(0.2)
    line.cut()
    assert Asked(one).code == "upstream_unavailable"
    line.restore()
    assert others[1].receive()["problem"]["detail"] == "CAMS could not be reached a moment ago; retry later."
    others[0].receive()
    for instance in instances:
        instance.end()


def test_an_outage_is_forgotten_a_minute_after_the_last_probe(cached: Function, line: Proxy, valkey: Valkey) -> None:
    """Instances that are gone cannot close the breaker."""
    cached.configure(REDIS_URL=valkey.url)
    line.cut()
    client: Any = redis.Redis.from_url(valkey.url)
    for seconds_before in (0.0, OPEN_SECONDS):
        time.sleep(seconds_before)
        Asked(cached)
        (key,) = client.keys("*breaker*")
        assert 58 <= client.ttl(key) <= 60


@pytest.mark.parametrize(
    "spoil",
    [
        lambda client, key: client.set(key, b"\xff", px=3000),
        lambda client, key: client.set(key, "timeout"),
        lambda client, key: client.set(key, "timeout", px=10**10),
        lambda client, key: client.delete(key) and client.rpush(key, "timeout"),
    ],
    ids=["nonsense", "endless", "far future", "wrong type"],
)
def test_foreign_keys_shut_nobody_out(
    cached: Function, line: Proxy, valkey: Valkey, spoil: Callable[[Any, str], Any]
) -> None:
    cached.configure(REDIS_URL=valkey.url)
    line.cut()
    Asked(cached)
    client: Any = redis.Redis.from_url(valkey.url)
    spoil(client, client.keys("*breaker*")[0])
    line.restore()
    assert seconds_until("fresh", cached) < BACK_SECONDS
    assert Asked(cached, NEW).code == "not_owned"


@pytest.mark.thorough
def test_without_redis_each_remembers_by_itself(pair: list[Instance], line: Proxy, valkey: Valkey) -> None:
    valkey.kill()
    line.silent = True
    for instance in pair:
        assert {Asked(instance).code for _ in range(6)} == {"stale"}
        assert held_up([Asked(instance) for _ in range(5)]) <= 1
    line.silent = False
    assert min(seconds_until("fresh", instance) for instance in pair) < BACK_SECONDS
