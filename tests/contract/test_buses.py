"""Events from buses, where nobody reads the answer: failures are raised, for retries and destinations."""

import base64
import json
from typing import Any

import pytest

from cams_qr.events.answers import QueryFailed
from local.sandbox import Sandbox
from local.traps import TRAPS
from tests.conftest import NUMBER, Function

ROWS = {trap.what: f"1666000{row:04}" for row, trap in TRAPS.items()}
DOWN = "15555030010"
FOREIGN = "4915112345678"


def cloud_event(data: Any, **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data, **more}


def timer(payload: Any) -> dict[str, Any]:
    return {"triggerTime": "2026-11-23T09:00:00Z", "triggerName": "t", "payload": payload}


def packed(message: Any) -> str:
    return base64.b64encode((message if isinstance(message, str) else json.dumps(message)).encode()).decode()


MESSAGES: dict[str, Any] = {
    "own data": lambda n: cloud_event({"phoneNumber": n}),
    "data as text": lambda n: cloud_event(json.dumps({"PhoneNumber": n})),
    "data as a number's text": lambda n: cloud_event(n),
    "data in base64": lambda n: {
        "specversion": "1.0",
        "data_base64": base64.b64encode(json.dumps({"phoneNumber": n}).encode()).decode(),
    },
    "SMQ": lambda n: cloud_event({"messageId": "1", "messageBody": json.dumps({"phoneNumber": n})}),
    "SMQ, text": lambda n: cloud_event({"messageId": "1", "messageBody": f"{n}\n"}),
    "RocketMQ": lambda n: cloud_event({"topic": "t", "body": {"phoneNumber": n}}),
    "Kafka": lambda n: cloud_event({"topic": "t", "value": json.dumps({"phoneNumber": n})}),
    "topic": lambda n: {"TopicName": "t", "Message": json.dumps({"phoneNumber": n})},
    "topic, text": lambda n: {"body": n, "attrs": {}},
    "timer": lambda n: timer(json.dumps({"phoneNumber": n})),
    "timer, text": lambda n: timer(n),
    "data as text in base64": lambda n: cloud_event(packed({"phoneNumber": n})),
    "data in base64 twice": lambda n: {"specversion": "1.0", "data_base64": packed(packed({"phoneNumber": n}))},
    "SMQ in base64": lambda n: cloud_event({"messageBody": packed({"phoneNumber": n})}),
    "SMQ, text in base64": lambda n: cloud_event({"messageBody": packed(n)}),
    "RocketMQ in base64": lambda n: cloud_event({"topic": "t", "body": packed({"PhoneNumber": n})}),
    "Kafka in base64": lambda n: cloud_event({"topic": "t", "value": packed({"phoneNumber": n})}),
    "Kafka, bytes made text": lambda n: cloud_event({"value": str(f'{{"phoneNumber":\n"{n}"}}'.encode())}),
    "topic in base64": lambda n: {"TopicName": "t", "Message": packed({"phoneNumber": n})},
    "topic, text in base64": lambda n: {"body": packed(n), "attrs": {}},
    "timer in base64": lambda n: timer(packed({"phoneNumber": n})),
}


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message(function: Function, message: str) -> None:
    assert function.direct(MESSAGES[message](NUMBER))["result"]["phoneNumber"] == NUMBER


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("number", [FOREIGN, DOWN])
def test_any_failure_of_a_single_message_is_raised(function: Function, log: Any, message: str, number: str) -> None:
    context = function.context()
    with pytest.raises(QueryFailed) as raised:
        function.direct(MESSAGES[message](number), context)
    problem = json.loads(str(raised.value))
    assert problem["code"] == ("not_owned" if number == FOREIGN else "upstream_unavailable")
    assert problem["requestId"] == context.request_id
    (line,) = log()
    assert (line["problem"], line["status"]) == (problem["code"], problem["status"])


@pytest.mark.parametrize(
    "event",
    [
        cloud_event(None),
        cloud_event({}),
        cloud_event([]),
        cloud_event({"phoneNumber": "bad"}),
        cloud_event({"messageBody": "%"}),
        {"specversion": "1.0"},
        {"specversion": None, "data_base64": "%"},
        {"Message": None},
        {"body": 7},
        {"body": packed("hello")},
        {"body": packed([NUMBER])},
        {"body": packed(packed(NUMBER))},
        {"body": packed({"phoneNumber": NUMBER})[:-1]},
        {"body": packed({"phoneNumber": "bad"})},
        {"body": base64.b64encode(b"\xff\xff\xff").decode()},
        cloud_event({"messageBody": packed({"a": 1})}),
        timer(""),
        timer("awesome-fc"),
        timer(None),
        timer('{"queries": []}'),
    ],
    ids=str,
)
def test_a_bad_message_is_raised_and_asks_nothing(function: Function, sandbox: Sandbox, event: Any) -> None:
    with pytest.raises(QueryFailed) as raised:
        function.direct(event)
    assert json.loads(str(raised.value))["code"] == "invalid_request"
    assert sandbox.arrivals == []


PACKED = packed({"phoneNumber": NUMBER})


@pytest.mark.parametrize("text", [PACKED, f"{PACKED}\n", f"{PACKED[:20]}\r\n{PACKED[20:]}\r\n", packed(f"{NUMBER}\n")])
def test_the_raw_text_of_a_topic_in_base64(function: Function, text: str) -> None:
    assert function.raw(text.encode())["result"]["phoneNumber"] == NUMBER
    assert function.direct([text])["results"][0]["result"]["phoneNumber"] == NUMBER


def test_what_is_a_query_as_it_stands_is_that_query(function: Function, sandbox: Sandbox) -> None:
    # Good base64 as well, though of no text.
    number = "861380000123"
    with pytest.raises(QueryFailed, match="not_owned"):
        function.direct({"body": number})
    assert sandbox.queries[0]["PhoneNumber"] == number


def test_what_is_wrong_in_a_message_in_base64_is_told(function: Function) -> None:
    with pytest.raises(QueryFailed, match="phoneNumber: give the country code"):
        function.direct({"Message": packed({"phoneNumber": "bad"})})


@pytest.mark.parametrize("message", ["bW9jayBtbnMgbWVzc2FnZQ==", "e30", "%%%%"])
def test_base64_of_no_query_is_told_of_as_before(function: Function, message: str) -> None:
    with pytest.raises(QueryFailed, match=r"data\.messageBody: is not JSON"):
        function.direct(cloud_event({"messageBody": message}))


def test_callers_who_read_the_answer_send_no_base64(function: Function) -> None:
    assert function.direct({"queries": [PACKED]})["results"][0]["status"] == 400
    assert function.http("POST", body=PACKED).status == 400


STREAM: list[Any] = [
    cloud_event({"phoneNumber": NUMBER}),
    json.dumps(cloud_event({"value": json.dumps({"phoneNumber": "6281200001234"})})),
    {"phoneNumber": NUMBER},
    json.dumps({"phoneNumber": NUMBER}),
    {"messageBody": NUMBER},
    NUMBER,
    PACKED,
    {"value": PACKED},
]


def test_a_stream_of_every_kind_of_message(function: Function, sandbox: Sandbox) -> None:
    answer = function.direct(STREAM)
    assert answer["status"] == 207
    assert [item["status"] for item in answer["results"]] == [200] * len(STREAM)
    assert len(sandbox.arrivals) == 2


def test_a_poisoned_message_does_not_hold_up_a_stream(function: Function, log: Any) -> None:
    poison: list[Any] = [None, 7, "", "{", [], {}, {"phoneNumber": "bad"}, cloud_event({"phoneNumber": FOREIGN})]
    answer = function.direct([*STREAM, *poison])
    assert [item["status"] for item in answer["results"]] == [200] * len(STREAM) + [400] * 7 + [404]
    assert [line["status"] for line in log()[1:]] == [200] * 2 + [400] * 7 + [404]


def test_a_stream_comes_again_whole_when_a_failure_may_pass(function: Function, sandbox: Sandbox, log: Any) -> None:
    function.configure(CACHE_TTL_SECONDS="60")
    stream = [NUMBER, FOREIGN, DOWN]
    with pytest.raises(QueryFailed) as raised:
        function.direct(stream)
    problem = json.loads(str(raised.value))
    assert problem["code"] == "upstream_unavailable"
    assert next(line for line in log() if "trigger" in line)["status"] == problem["status"]
    sandbox.queries.clear()
    with pytest.raises(QueryFailed):
        function.direct(stream)
    assert {query["PhoneNumber"] for query in sandbox.queries} == {DOWN}


def in_batch(*numbers: str) -> dict[str, Any]:
    return timer(json.dumps({"queries": [{"phoneNumber": number} for number in numbers]}))


@pytest.mark.parametrize(("number", "may_pass"), [(FOREIGN, False), (DOWN, True)])
@pytest.mark.parametrize(
    ("event", "is_stream"),
    [
        (lambda n: cloud_event({"phoneNumber": n}), False),
        (lambda n: {"Message": n}, False),
        (lambda n: in_batch(n), False),
        (lambda n: in_batch(NUMBER, FOREIGN, n), False),
        (lambda n: [n], True),
        (lambda n: [NUMBER, FOREIGN, cloud_event({"phoneNumber": n})], True),
    ],
)
def test_a_message_raises_any_failure_and_a_stream_what_may_pass(
    function: Function, event: Any, is_stream: bool, number: str, may_pass: bool
) -> None:
    if is_stream and not may_pass:
        assert function.direct(event(number))["results"][-1]["status"] == 404
        return
    with pytest.raises(QueryFailed) as raised:
        function.direct(event(number))
    assert json.loads(str(raised.value))["retryable"] is may_pass


def test_a_timer_with_a_batch(function: Function) -> None:
    answer = function.direct(in_batch(NUMBER, "6281200001234"))
    assert [item["status"] for item in answer["results"]] == [200, 200]


@pytest.mark.parametrize("text", [b"8613800001234", b"+86 138-0000-1234\n", b" 86 (138) 0000 1234 "])
def test_the_raw_text_of_a_topic(function: Function, text: bytes) -> None:
    assert function.raw(text)["result"]["phoneNumber"] == NUMBER


def test_the_message_raised_holds_no_secret(function: Function) -> None:
    with pytest.raises(QueryFailed) as raised:
        function.direct(cloud_event({"phoneNumber": ROWS["403 with a diagnosis in AccessDeniedDetail"]}))
    assert "diagnostic" not in str(raised.value)
    assert ROWS["403 with a diagnosis in AccessDeniedDetail"] not in str(raised.value)


AMBIGUOUS: dict[str, tuple[dict[str, Any], str]] = {
    "CloudEvent and query": (
        {"specversion": "1.0", "phoneNumber": NUMBER, "data": {"phoneNumber": FOREIGN}},
        "cloud_event",
    ),
    "HTTP and query": ({"httpMethod": "GET", "path": "/x", "phoneNumber": NUMBER}, "api_gateway"),
    "batch and query": ({"queries": [{"phoneNumber": NUMBER}], "phoneNumber": NUMBER}, "batch"),
    "timer and query": ({"triggerTime": "t", "payload": "x", "phoneNumber": NUMBER}, "timer"),
    "query and message": ({"phoneNumber": NUMBER, "Message": "x"}, "direct"),
    "HTTP and CloudEvent": (
        {"version": "v1", "requestContext": {"http": {}}, "specversion": "1.0"},
        "http_trigger",
    ),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_ambiguous_event_is_of_one_kind(function: Function, log: Any, name: str) -> None:
    event, trigger = AMBIGUOUS[name]
    try:
        function.direct(event)
    except QueryFailed:
        assert trigger in ("cloud_event", "timer")
    assert log()[0]["trigger"] == trigger


FLAWS = {
    "a key twice": '{"a": 1, "a": 2}',
    "no number": "NaN",
    "much depth": "[" * 101 + "]" * 101,
}


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("message", ["own data", "SMQ", "topic", "timer"])
def test_a_message_that_is_no_strict_json_is_not_lost(function: Function, message: str, flaw: str) -> None:
    event = json.dumps({**MESSAGES[message](NUMBER), "more": "?"}).replace('"?"', FLAWS[flaw])
    with pytest.raises(QueryFailed) as raised:
        function.raw(event.encode())
    assert json.loads(str(raised.value))["code"] == "invalid_request"


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_message_of_a_stream_that_is_no_strict_json_harms_no_other(function: Function, flaw: str) -> None:
    event = f' [{{"phoneNumber": "{NUMBER}"}} , {FLAWS[flaw]},"{NUMBER}" ] '
    results = function.raw(event.encode())["results"]
    assert [result["status"] for result in results] == [200, 400, 200]
    assert results[1]["problem"]["errors"][0]["field"] in ("[1]", "a")
