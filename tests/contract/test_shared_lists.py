"""Lists that instances share through Redis: each serves only its own query, states its true age, and expires."""

import json
import math
import re
import time
from functools import partial
from typing import Any

import pytest
import redis

from local.sandbox import Sandbox
from local.valkey import Valkey
from tests.conftest import NUMBER, Function, further

pytestmark = pytest.mark.timed

OTHER = "6281200001234"
NOT_OWNED = "4915112345678"
OWN = "cams-8filvjc8snw"
DAY = 86_400


@pytest.fixture
def shared(function: Function, valkey: Valkey) -> Function:
    return function.configure(REDIS_URL=valkey.url, CACHE_TTL_SECONDS="60")


@pytest.fixture
def client(valkey: Valkey) -> Any:
    return redis.Redis.from_url(valkey.url)


def key_of(client: Any, function: Function, number: str = NUMBER, **fields: Any) -> bytes:
    """The key that asking for this adds."""
    before = set(client.keys("cams-qr:list:*"))
    function.ask(number, **fields)
    (key,) = set(client.keys("cams-qr:list:*")) - before
    return bytes(key)


@pytest.mark.parametrize(
    ("planted", "asked"),
    [
        ((OTHER, None), (NUMBER, None)),
        ((NUMBER, OWN), (NUMBER, None)),
        ((NUMBER, None), (NUMBER, OWN)),
        ((NOT_OWNED, None), (NUMBER, None)),
    ],
)
def test_what_belongs_to_another_query_is_a_miss(
    shared: Function,
    sandbox: Sandbox,
    client: Any,
    planted: "tuple[str, str | None]",
    asked: "tuple[str, str | None]",
) -> None:
    target = key_of(client, shared, asked[0], custSpaceId=asked[1])
    source = key_of(client, shared, planted[0], custSpaceId=planted[1])
    client.copy(source, target, replace=True)
    shared.start()
    result = shared.ask(asked[0], custSpaceId=asked[1])["result"]
    assert (result["phoneNumber"], result["custSpaceId"]) == asked
    assert len(sandbox.arrivals) == 3


LIST_OF = {
    "no longer fresh": {"stale": True},
    "drawn elsewhere": {"svgUrl": "https://evil.example.com/x.svg"},
    "number as request id": {"requestId": "8613800005678"},
    "lines in request id": {"requestId": 'R-1\r\n{"level":"INFO"}'},
    "long request id": {"requestId": "R" * 129},
    "moment": {"fetchedAt": "yesterday\r\n"},
    "surrogate": {"prefilledMessage": "\ud800"},
    "number for text": {"prefilledMessage": 1},
    "unknown field": {"javascript": "x"},
    "list for text": {"code": ["A"]},
    "lifetime": {"lifetime": math.nan},
    "text for lifetime": {"lifetime": "long"},
}
ID = "90E63D28-E31D-1EB2-8939-A94866411B2O"
FAILURE_OF: dict[str, list[Any]] = {
    "credentials": ["InvalidAccessKeyId.NotFound", ID],
    "quota": ["Throttling.User", ID],
    "outage": ["ServiceUnavailable", ID],
    "unknown": ["Something.Unheard", ID],
    "no code": [None, ID],
    "number as code": ["InvalidParameter.8613800005678", ID],
    "lines in code": ['InvalidParameter\r\n{"level":"INFO"}', ID],
    "long code": ["InvalidParameter." + "A" * 128, ID],
    "number as request id": ["InvalidParameter", "8613800005678"],
    "number with hyphens as request id": ["InvalidParameter", "86-138-0000-5678"],
    "number in a UUID's form": ["InvalidParameter", "86138000-0567-8901-2345-678901234567"],
    "lines in request id": ["InvalidParameter", "R-1\r\n"],
    "list as request id": ["InvalidParameter", ["R-1"]],
}
BYTES = {
    "nothing": b"",
    "no JSON": b"planted",
    "no UTF-8": b'{"lifetime":660.0,"found":"\xff"}',
    "a number": b"1",
    "neither": b'{"lifetime":660.0}',
    "deep": b'{"lifetime":660.0,"found":' + b"[" * 100_000,
    "many codes": b'{"lifetime":660.0,"found":{"qrCodes":[%b]}}' % b",".join([b"{}"] * 3_000_000),
}


def changed(document: Any, changes: Any) -> Any:
    """The document with each field changed, wherever it is; one that is nowhere is added to the first code."""
    places = document, document["found"], document["found"]["qrCodes"][0]
    for name, value in changes.items():
        next((place for place in places if name in place), places[-1])[name] = value
    return document


@pytest.mark.parametrize("planted", [*LIST_OF, *BYTES])
def test_a_planted_list_is_a_miss(shared: Function, sandbox: Sandbox, client: Any, log: Any, planted: str) -> None:
    key = key_of(client, shared)
    document = changed(json.loads(client.get(key)), LIST_OF.get(planted, {}))
    client.set(key, BYTES.get(planted, json.dumps(document).encode()), keepttl=True)
    is_a_miss(shared, sandbox, log, NUMBER)


@pytest.mark.parametrize("planted", FAILURE_OF)
def test_a_planted_failure_is_a_miss(shared: Function, sandbox: Sandbox, client: Any, log: Any, planted: str) -> None:
    key = key_of(client, shared, NOT_OWNED)
    document = json.loads(client.get(key))
    document["failure"]["upstream"] = FAILURE_OF[planted]
    client.set(key, json.dumps(document), keepttl=True)
    is_a_miss(shared, sandbox, log, NOT_OWNED)


def is_a_miss(shared: Function, sandbox: Sandbox, log: Any, number: str) -> None:
    log()
    shared.start()
    started = time.monotonic()
    answer = json.dumps(shared.ask(number))
    assert time.monotonic() - started < 1
    assert len(sandbox.arrivals) == 2
    (line,) = log()
    assert line.get("cache") in (None, "miss")
    for text in (answer, json.dumps(line)):
        assert not re.search("8613800005678|86-138|86138000-|level.*level|evil|credentials", text)


def test_a_failure_says_nothing_of_its_own(shared: Function, sandbox: Sandbox, client: Any) -> None:
    """Its code and its advice are those of CAMS's code."""
    key = key_of(client, shared, NOT_OWNED)
    document = json.loads(client.get(key))
    fresh = shared.ask(NOT_OWNED)["problem"]
    document["failure"] |= {"code": "credentials_unavailable", "detail": "Call 8613800005678.\r\n"}
    client.set(key, json.dumps(document), keepttl=True)
    shared.start()
    again = shared.ask(NOT_OWNED)["problem"]
    assert len(sandbox.arrivals) == 1
    assert {**again, "requestId": ""} == {**fresh, "requestId": ""}


def test_a_value_of_another_type_is_replaced(shared: Function, sandbox: Sandbox, client: Any, log: Any) -> None:
    key = key_of(client, shared)
    client.delete(key)
    client.rpush(key, "a list of Redis'")
    for _ in range(2):
        shared.start()
        assert shared.ask()["status"] == 200
    assert len(sandbox.arrivals) == 2
    assert client.type(key) == b"string"
    assert [line for line in log() if "redis" in line] == []


def test_a_list_that_never_ends_is_a_miss_and_ends_then(shared: Function, sandbox: Sandbox, client: Any) -> None:
    key = key_of(client, shared)
    for end in (partial(client.persist, key), partial(client.expire, key, DAY)):
        end()
        shared.start()
        assert shared.ask()["status"] == 200
        assert 0 < client.ttl(key) <= 660
    assert len(sandbox.arrivals) == 3


def test_whatever_is_stored_expires(shared: Function, client: Any) -> None:
    shared.ask()
    shared.ask(NUMBER, custSpaceId=OWN)
    shared.ask(NOT_OWNED)
    lives = sorted(client.pttl(key) for key in client.keys("cams-qr:list:*"))
    assert 0 < lives[0] <= 10_000
    assert 600_000 < lives[1] <= lives[2] <= 660_000


def test_a_reader_whose_clock_lags_does_not_keep_a_list_fresh(shared: Function, sandbox: Sandbox, client: Any) -> None:
    shared.configure(CACHE_TTL_SECONDS="2")
    shared.ask()
    shared.pass_time(-60)
    shared.start()
    shared.ask()
    assert len(sandbox.arrivals) == 1
    time.sleep(2.1)
    shared.start()
    shared.ask()
    assert len(sandbox.arrivals) == 2


@pytest.mark.parametrize("ahead", [-60, *further(-3600, 60, 3600)])
def test_age_is_true_whatever_the_readers_clock(shared: Function, sandbox: Sandbox, ahead: float) -> None:
    shared.http(parameters={"phoneNumber": NUMBER})
    time.sleep(1.1)
    shared.pass_time(ahead)
    shared.start()
    answer = shared.http(parameters={"phoneNumber": NUMBER})
    assert answer.headers["Age"] == "1"
    assert answer.headers["Cache-Control"] == "private, max-age=59"
    assert len(sandbox.arrivals) == 1


def test_a_readers_own_clock_counts_from_then_on(shared: Function, sandbox: Sandbox) -> None:
    shared.ask()
    shared.pass_time(3600)
    shared.start()
    shared.ask()
    shared.pass_time(50)
    shared.ask()
    assert len(sandbox.arrivals) == 1


def test_deployments_that_keep_lists_for_different_times_agree_on_their_age(shared: Function, sandbox: Sandbox) -> None:
    shared.configure(CACHE_TTL_SECONDS="300", CACHE_STALE_SECONDS="0")
    shared.ask()
    time.sleep(1.1)
    shared.configure(CACHE_TTL_SECONDS="60", CACHE_STALE_SECONDS="86400")
    shared.start()
    assert shared.http(parameters={"phoneNumber": NUMBER}).headers["Age"] == "1"
    shared.configure(CACHE_TTL_SECONDS="1")
    shared.start()
    assert shared.http(parameters={"phoneNumber": NUMBER}).headers["Cache-Status"] == "cams-qr; fwd=stale"
    assert len(sandbox.arrivals) == 2
