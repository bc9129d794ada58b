"""An outage of CAMS is remembered: callers get an old list at once, and one call at a time tests for recovery."""

import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import redis
import trustme
from aiohttp import web

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve
from local.traps import TRAPS
from local.valkey import Valkey
from reliability.faults import full_backlog
from tests.conftest import CODE, NUMBER, Function, further, v1_event
from tests.line import Line
from tests.proxy import Proxy

pytestmark = pytest.mark.timed

NUMBERS = (NUMBER, "6281200001234", "8613800000009")
# Numbers of nobody, of which no list is known.
NEW, *NEWER = (f"861380000077{last}" for last in range(7))
# For so long a probe may hope for an answer.
LATE_SECONDS = 5.0
ROWS = {trap.what: f"1666000{row:04}" for row, trap in TRAPS.items()}


@pytest.fixture
def line(endpoint: str) -> Iterator[Line]:
    line = Line(endpoint)
    yield line
    line.cut()


@pytest.fixture
def cached(function: Function, line: Line) -> Function:
    return function.configure(CACHE_TTL_SECONDS="60", CAMS_ENDPOINT=line.address)


@pytest.fixture
def stale(cached: Function, line: Line) -> Function:
    """An instance that knows old lists of NUMBERS."""
    for number in NUMBERS:
        assert cached.ask(number)["status"] == 200
    cached.pass_time(100)
    line.forget()
    return cached


class Asked:
    """An answer, over HTTP or direct, and the seconds it took."""

    def __init__(self, function: Any, number: str = NUMBER, kind: str = "direct") -> None:
        started = time.monotonic()
        event = {"phoneNumber": number} if kind == "direct" else v1_event(parameters={"phoneNumber": number})
        answer = function.direct(event)
        self.seconds = time.monotonic() - started
        self.headers = answer.get("headers", {})
        body = json.loads(answer["body"]) if kind == "http" else answer.get("result") or answer["problem"]
        self.code = body.get("code") or ("stale" if body["stale"] else "fresh")
        self.retry_after = body.get("retryAfter")


def keep_asking(function: Function, seconds: float, *numbers: str, kind: str = "direct") -> list[Asked]:
    """Answers to about 50 questions a second."""
    until, answers = time.monotonic() + seconds, []
    while time.monotonic() < until:
        answers.append(Asked(function, numbers[len(answers) % len(numbers)], kind))
        time.sleep(0.02)
    return answers


def seconds_until_fresh(function: Any, limit: float = 5.0) -> float:
    started = time.monotonic()
    while Asked(function).code != "fresh":
        assert time.monotonic() - started < limit
        time.sleep(0.02)
    return time.monotonic() - started


def said(lines: list[dict[str, Any]]) -> list[Any]:
    return [(line["cams"], line.get("reason")) for line in lines if "cams" in line]


@pytest.mark.parametrize("kind", ["http", *further("direct")])
def test_silence_holds_up_the_first_alone(stale: Function, line: Line, kind: str) -> None:
    line.silent = True
    first = Asked(stale, kind=kind)
    assert first.code == "stale"
    assert 1.7 < first.seconds < 2.0
    assert len(line.requests) == 1
    answers = keep_asking(stale, 2, *NUMBERS, kind=kind)
    assert {answer.code for answer in answers} == {"stale"}
    assert median(answer.seconds for answer in answers) < 0.01
    assert sorted(answer.seconds for answer in answers)[-3] < 0.06


@pytest.mark.parametrize("kind", ["direct", *further("http")])
def test_refusals_hold_up_the_first_alone(stale: Function, line: Line, kind: str) -> None:
    line.cut()
    first = Asked(stale, kind=kind)
    assert first.code == "stale"
    assert first.seconds < 1
    answers = keep_asking(stale, 2, *NUMBERS, kind=kind)
    assert {answer.code for answer in answers} == {"stale"}
    assert sorted(answer.seconds for answer in answers)[-3] < 0.06
    line.restore()


def test_who_takes_no_connection_is_silent_too(cached: Function) -> None:
    with full_backlog() as address:
        cached.configure(CAMS_ENDPOINT=address)
        cached.timeout = 3
        assert Asked(cached).code == "upstream_timeout"
        answers = keep_asking(cached, 1, NUMBER)
    assert {answer.code for answer in answers} == {"upstream_unavailable"}
    assert median(answer.seconds for answer in answers) < 0.01


def test_who_has_no_old_list_waits_as_long_as_it_may_and_those_after_it_do_not(cached: Function, line: Line) -> None:
    cached.timeout = 3
    line.silent = True
    first = Asked(cached)
    assert first.code == "upstream_timeout"
    assert 2.3 < first.seconds < 2.7
    answers = keep_asking(cached, 2, *NUMBERS)
    assert {(answer.code, answer.retry_after) for answer in answers} == {("upstream_unavailable", 1)}
    assert median(answer.seconds for answer in answers) < 0.01
    assert max(answer.seconds for answer in answers) < 0.8
    # One probe may still be answered late.
    assert line.most_waiting == 2
    line.silent = False
    time.sleep(1)
    assert Asked(cached).code == "fresh"


def test_over_http_it_is_a_503_that_says_when_to_ask_again(cached: Function, line: Line) -> None:
    line.cut()
    answers = [cached.http(parameters={"phoneNumber": NUMBER}) for _ in range(3)]
    assert [(answer.status, answer.headers["Retry-After"]) for answer in answers] == [(503, "1")] * 3
    line.restore()


def test_one_call_at_a_time_looks_whether_it_is_back(stale: Function, line: Line) -> None:
    line.silent = True
    Asked(stale)
    line.forget()
    keep_asking(stale, 4, *NUMBERS)
    # Beside the probe, the call that met the silence may still be answered.
    assert line.most_waiting == 2
    gaps = [later - earlier for earlier, later in zip(line.requests, line.requests[1:], strict=False)]
    assert len(gaps) >= 3
    assert all(0.45 < gap < 0.85 for gap in gaps)


@pytest.mark.thorough
def test_a_probe_without_a_permit_goes_as_soon_as_there_is_one(cached: Function, line: Line) -> None:
    cached.configure(CAMS_QPS="3", MAX_INSTANCES="3")
    Asked(cached)
    cached.pass_time(100)
    line.silent = True
    assert Asked(cached).code == "stale"
    line.forget()
    assert max(answer.seconds for answer in keep_asking(cached, 4.5, NUMBER)) < 0.2
    gaps = [later - earlier for earlier, later in zip(line.requests, line.requests[1:], strict=False)]
    assert len(gaps) >= 2
    assert all(1 <= gap < 1.2 for gap in gaps)


@pytest.mark.parametrize("delay", [0.0, 0.2], ids=["at once", "in 0.2 s"])
def test_after_silence_it_is_back_within_a_second(stale: Function, line: Line, delay: float) -> None:
    line.silent = True
    keep_asking(stale, 3, NUMBER)
    line.silent, line.delay = False, delay
    assert seconds_until_fresh(stale) < 1.1 + delay
    assert [Asked(stale, number).code for number in NUMBERS] == ["fresh"] * 3


def test_after_refusals_it_is_back_within_a_second(stale: Function, line: Line) -> None:
    line.cut()
    keep_asking(stale, 2, NUMBER)
    line.restore()
    assert seconds_until_fresh(stale) < 1
    assert [Asked(stale, number).code for number in NUMBERS] == ["fresh"] * 3


def test_an_answer_that_nobody_waited_for_counts_whenever_the_next_caller_comes(stale: Function, line: Line) -> None:
    line.silent = True
    Asked(stale)
    line.silent, line.delay = False, 0.4
    assert Asked(stale).code == "stale"
    time.sleep(3)
    assert Asked(stale).code == "fresh"


@pytest.mark.thorough
def test_back_but_slow_is_back(stale: Function, line: Line) -> None:
    line.silent = True
    keep_asking(stale, 2.5, NUMBER)
    line.silent, line.delay = False, 1.2
    assert seconds_until_fresh(stale, 15) < 12


def test_back_but_slow_is_back_without_an_old_list_too(cached: Function, line: Line) -> None:
    cached.timeout = 3
    line.silent = True
    assert Asked(cached).code == "upstream_timeout"
    line.silent, line.delay = False, 0.7
    began = time.monotonic()
    while Asked(cached).code != "fresh":
        assert time.monotonic() - began < 3
        time.sleep(0.1)


@pytest.mark.thorough
def test_slower_than_an_old_list_allows_is_not_down(stale: Function, line: Line, log: Any) -> None:
    line.delay = 2.0
    assert Asked(stale).code == "stale"
    new = Asked(stale, NEW)
    assert new.code == "not_owned"
    assert new.seconds < 2.2
    assert said(log()) == [("unavailable", "timeout"), ("available", None)]
    answers = keep_asking(stale, 12, NUMBER, *NEWER)
    assert {answer.code for answer in answers} == {"stale", "not_owned"}
    assert said(log()) == []


@pytest.mark.thorough
def test_nobody_is_refused_for_a_slow_answer_to_another(stale: Function, line: Line) -> None:
    """Who has an old list has found CAMS too slow; the answer that comes late shows that it lives."""
    line.delay = 3.0
    codes = {Asked(stale, number).code for number in (*NUMBERS, NEW, *NUMBERS, *NEWER)}
    assert codes == {"stale", "not_owned"}


@pytest.mark.thorough
def test_slow_then_silent_is_down(stale: Function, line: Line) -> None:
    line.delay = 2.0
    for number in (*NUMBERS, NEW):
        Asked(stale, number)
    line.silent = True
    held = [Asked(stale) for _ in range(4)]
    assert {answer.code for answer in held} == {"stale"}
    assert sum(answer.seconds > 0.06 for answer in held) <= 3
    answers = keep_asking(stale, 2, *NUMBERS)
    assert median(answer.seconds for answer in answers) < 0.01
    line.silent, line.delay = False, 0.0
    assert seconds_until_fresh(stale) < 1.1


def test_an_error_is_a_sign_of_life(stale: Function, line: Line, sandbox: Sandbox) -> None:
    line.silent = True
    Asked(stale)
    line.silent = False
    stale.timeout = 2
    sandbox.qps = 0
    keep_asking(stale, 0.8, NUMBER)
    sandbox.qps = 1000
    line.forget()
    assert Asked(stale, "8613800000009").code == "fresh"


def test_slow_is_not_down(stale: Function, line: Line, log: Any) -> None:
    line.delay = 1.2
    answers = [Asked(stale, number) for number in NUMBERS]
    assert [answer.code for answer in answers] == ["fresh"] * 3
    assert min(answer.seconds for answer in answers) > 1.2
    assert said(log()) == []


@pytest.mark.parametrize("timeout", [1, 2])
def test_a_function_without_time_proves_nothing(stale: Function, line: Line, log: Any, timeout: float) -> None:
    stale.timeout = timeout
    line.silent = True
    assert Asked(stale).code == "stale"
    line.silent = False
    assert Asked(stale).code == "fresh"
    assert said(log()) == []


@pytest.mark.parametrize(
    "trap",
    [
        "hangs up without an answer",
        "resets the connection before an answer",
        "ends before its Content-Length",
        "drips its headers",
        "502 with HTML",
        "not HTTP",
        "throttled, x-acs-retry-after 300 ms",
    ],
)
def test_what_is_an_answer_or_may_be_one_querys_alone_is_not_down(
    stale: Function, line: Line, log: Any, trap: str
) -> None:
    stale.timeout = 3
    # Past the line, which takes nothing but whole messages.
    stale.configure(CAMS_ENDPOINT="{}:{}".format(*line._target))
    stale.start()
    assert Asked(stale, ROWS[trap]).code not in ("fresh", "stale")
    assert Asked(stale).code == "fresh"
    assert said(log()) == []


def test_it_is_forgotten_when_nobody_asks(stale: Function, line: Line) -> None:
    line.silent = True
    Asked(stale)
    line.silent, line.delay = False, 0.4
    time.sleep(6)
    assert Asked(stale).code == "fresh"


def test_the_log_tells(stale: Function, line: Line, log: Any) -> None:
    log()
    line.silent = True
    Asked(stale)
    Asked(stale)
    answer = Asked(stale, kind="http")
    assert "; detail=upstream_unavailable" in answer.headers["Cache-Status"]
    line.silent = False
    seconds_until_fresh(stale)
    lines = log()
    assert said(lines) == [("unavailable", "timeout"), ("available", None)]
    assert {line["level"] for line in lines if "cams" in line} == {"WARNING"}
    told = [line for line in lines if line.get("trigger") == "http_trigger"]
    assert [(line["cache"], line["attempts"], line["permitWaitMs"]) for line in told] == [("stale", 0, 0)]


def test_over_tls(function: Function, sandbox: Sandbox, tmp_path: Path, log: Any) -> None:
    """TLS 1.3 sends more than answers: what it sends by itself is no sign of life."""
    slow = False

    @web.middleware
    async def answer_late(request: web.Request, handler: Any) -> Any:
        if slow:
            time.sleep(0.2)
        return await handler(request)

    authority = trustme.CA()
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(str(root))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    app = sandbox.app()
    app.middlewares.append(answer_late)
    with serve(app, tls=context) as endpoint:
        function.configure(CAMS_ENDPOINT=endpoint, CAMS_PROTOCOL="HTTPS", SSL_CERT_FILE=str(root))
        function.configure(CACHE_TTL_SECONDS="60")
        assert Asked(function).code == "fresh"
        function.pass_time(100)
        function.timeout = 3
        assert Asked(function, ROWS["never answers"]).code == "upstream_timeout"
        assert said(log()) == [("unavailable", "timeout")]
        slow = True
        assert Asked(function).code == "stale"
        assert seconds_until_fresh(function) < 1
        assert said(log()) == [("available", None)]


@pytest.mark.parametrize("round_trip", [0.1, *further(0.04)])
def test_far_away_over_tls_it_is_back_soon(
    function: Function, sandbox: Sandbox, tmp_path: Path, round_trip: float
) -> None:
    """A probe needs a new connection, which takes longer than its caller waits."""
    authority = trustme.CA()
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(str(root))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serve(sandbox.app(), tls=context) as endpoint:
        proxy = Proxy(endpoint, round_trip / 2)
        function.configure(CAMS_ENDPOINT=proxy.address, CAMS_PROTOCOL="HTTPS", SSL_CERT_FILE=str(root))
        function.configure(CACHE_TTL_SECONDS="60")
        assert Asked(function).code == "fresh"
        function.pass_time(100)
        proxy.delay = 30
        assert Asked(function).code == "stale"
        answers = keep_asking(function, 2, NUMBER)
        assert {answer.code for answer in answers} == {"stale"}
        assert median(answer.seconds for answer in answers) < 0.06
        proxy.delay = round_trip / 2
        assert seconds_until_fresh(function) < 3
        proxy.close()


@pytest.mark.thorough
def test_connections_that_come_to_nothing_hold_nobody_up(stale: Function, line: Line) -> None:
    line.cut()
    with full_backlog(line.port):
        assert Asked(stale).code == "stale"
        threads = threading.active_count()
        answers = keep_asking(stale, 3, *NUMBERS)
        assert {answer.code for answer in answers} == {"stale"}
        assert median(answer.seconds for answer in answers) < 0.05
        assert max(answer.seconds for answer in answers) < 0.5
        assert threading.active_count() <= threads + 1
    line.restore()
    assert seconds_until_fresh(stale) < 2


SCRIPT = """
import json, sys, types, index
context = types.SimpleNamespace(request_id="r", function=types.SimpleNamespace(timeout=10))
index.initialize(context)
for event in sys.stdin:
    answer = json.loads(index.handler(event.encode(), context))
    print(json.dumps({"answer": answer}), flush=True)
"""


class Instance:
    """An instance in a process of its own."""

    def __init__(self, **settings: str) -> None:
        environ = role_environment(DEMO_KEY_ID, DEMO_KEY) | {"CAMS_PROTOCOL": "HTTP", "PYTHONPATH": CODE}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SCRIPT],
            env=environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []

    def send(self, event: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        assert self._process.stdout
        while "answer" not in (line := json.loads(self._process.stdout.readline())):
            self.lines.append(line)
        return line["answer"]

    def direct(self, event: Any) -> Any:
        self.send(event)
        return self.receive()

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture
def pair(line: Line, valkey: Valkey, sandbox: Sandbox) -> Iterator[list[Instance]]:
    """Two instances of one account that know old lists of NUMBERS."""
    settings = {"CAMS_ENDPOINT": line.address, "REDIS_URL": valkey.url, "CACHE_TTL_SECONDS": "1", "MAX_INSTANCES": "2"}
    pair = [Instance(**settings), Instance(**settings)]
    for number in NUMBERS:
        assert [Asked(instance, number).code for instance in pair] == ["fresh", "fresh"]
    time.sleep(1.5)
    line.forget()
    yield pair
    for instance in pair:
        instance.end()


def test_what_one_instance_has_met_all_know(pair: list[Instance], line: Line, valkey: Valkey) -> None:
    one, other = pair
    line.silent = True
    assert Asked(one).seconds < 2
    line.forget()
    answers = [answer for _ in range(100) for answer in (Asked(one), Asked(other), time.sleep(0.02)) if answer]
    assert {answer.code for answer in answers} == {"stale"}
    assert median(answer.seconds for answer in answers) < 0.02
    assert sorted(answer.seconds for answer in answers)[-5] < 0.06
    assert line.most_waiting <= 3
    keys: Any = redis.Redis.from_url(valkey.url).keys("*breaker*")
    assert keys
    assert all(0 < int(redis.Redis.from_url(valkey.url).pttl(key)) <= 5000 for key in keys)  # type: ignore[arg-type]
    line.silent = False
    assert min(seconds_until_fresh(instance) for instance in pair) < 1
    assert Asked(other, NUMBERS[1]).code == "fresh"
    assert redis.Redis.from_url(valkey.url).keys("*breaker*") == []
    for instance in pair:
        changes = [change for change, _ in said(instance.lines)]
        assert changes == ["unavailable", "available"]


@pytest.mark.thorough
def test_slow_answers_to_one_instance_are_good_news_for_all(pair: list[Instance], line: Line) -> None:
    one, other = pair
    line.delay = 2.0
    assert Asked(one).code == "stale"
    assert Asked(other, NEW).code == "upstream_unavailable"
    time.sleep(0.3)
    assert Asked(one).code == "stale"
    assert Asked(other, NEW).code == "not_owned"


@pytest.mark.thorough
def test_back_but_slow_is_back_for_all(pair: list[Instance], line: Line) -> None:
    """The instance that met the silence is not asked again."""
    one, other = pair
    line.silent = True
    assert Asked(one).code == "stale"
    assert {Asked(other).code for _ in range(10)} == {"stale"}
    line.silent, line.delay = False, 2.0
    back = refused_at = time.monotonic()
    while Asked(other, NEW).code == "upstream_unavailable":
        refused_at = time.monotonic()
        Asked(other)
        time.sleep(0.02)
    assert refused_at - back < LATE_SECONDS + line.delay + 1


def test_who_waited_for_another_that_met_silence_does_not_meet_it_too(pair: list[Instance], line: Line) -> None:
    line.silent = True
    started = time.monotonic()
    for instance in pair:
        instance.send({"phoneNumber": NUMBER})
    answers = [instance.receive() for instance in pair]
    assert [answer["result"]["stale"] for answer in answers] == [True, True]
    took = time.monotonic() - started
    assert took < 2.2


def test_foreign_keys_keep_nobody_from_looking(cached: Function, line: Line, valkey: Valkey) -> None:
    cached.configure(REDIS_URL=valkey.url, CACHE_TTL_SECONDS="1")
    Asked(cached)
    time.sleep(1.2)
    line.silent = True
    Asked(cached)
    Asked(cached)
    client = redis.Redis.from_url(valkey.url)
    keys: Any = client.keys("*breaker*")
    assert len(keys) == 2
    for key in (*keys, keys[0].rpartition(b":")[0] + b":late"):
        client.set(key, b"\xff")
    line.silent = False
    assert seconds_until_fresh(cached) < 1
    assert client.keys("*breaker*") == []


def test_without_redis_each_remembers_by_itself(pair: list[Instance], line: Line, valkey: Valkey) -> None:
    valkey.kill()
    line.silent = True
    for instance in pair:
        for number in NUMBERS[:2]:
            Asked(instance, number)
        answers = [Asked(instance) for _ in range(5)]
        assert {answer.code for answer in answers} == {"stale"}
        assert median(answer.seconds for answer in answers) < 0.05
