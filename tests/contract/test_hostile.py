"""Malicious callers: what they send affects only their own answer, and only as the contract says."""

import json
import time
import tracemalloc
from typing import Any

import pytest

from cams_qr.events.answers import QueryFailed
from local.sandbox import Sandbox
from tests.conftest import NUMBER, Function, v1_event

HOSTILE_TEXTS = [
    "a" * 100_000,
    "\r\nSet-Cookie: a=b",
    "\x00\x01\x7f",
    "\u2028\u202e\ud800",
    "é" * 5000,
    "' OR 1=1 --",
    "${jndi:ldap://a}",
    "../" * 1000,
]
FORWARDED = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "evil.example.com",
    "X-Forwarded-Proto": "http",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/openapi.json",
    "X-HTTP-Method-Override": "DELETE",
    "X-Fc-Request-Id": "mine",
    "X-Fc-Access-Key-Id": "mine",
    "X-Fc-Access-Key-Secret": "mine",
    "X-Fc-Security-Token": "mine",
    "X-Request-Id": "mine",
    "Host": "evil.example.com",
    "Forwarded": "for=127.0.0.1",
}


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
@pytest.mark.parametrize("place", ["path", "method", "origin", "condition", "type", "parameter", "style", "body"])
def test_no_text_breaks_out_of_its_place(function: Function, log: Any, place: str, text: str) -> None:
    function.configure(ALLOWED_ORIGINS="https://shop.example.com")
    parameters = {"phoneNumber": NUMBER}
    answer = {
        "path": lambda: function.http(path=f"/{text}", parameters=parameters),
        "method": lambda: function.http(text, parameters=parameters),
        "origin": lambda: function.http(headers={"Origin": text}, parameters=parameters),
        "condition": lambda: function.http(headers={"If-None-Match": text}, parameters=parameters),
        "type": lambda: function.http("POST", headers={"Content-Type": text}, body='{"phoneNumber": "12"}'),
        "parameter": lambda: function.http(parameters={"phoneNumber": text}),
        "style": lambda: function.http(path="/qr-codes/A.svg", parameters={**parameters, "dark": text}),
        "body": lambda: function.http("POST", body=json.dumps({"phoneNumber": text, text[:50]: 1})),
    }[place]()
    assert answer.status in (200, 400, 403, 404, 405, 413, 415)
    assert sum(len(name) + len(value) for name, value in answer.headers.items()) < 2048
    assert all(value.isascii() and value.isprintable() for value in answer.headers.values())
    assert len(answer.body) < 4096
    (line,) = log()
    assert len(json.dumps(line)) < 1024


def test_headers_that_a_gateway_may_pass_on_change_nothing(function: Function, sandbox: Sandbox) -> None:
    plain = function.http(parameters={"phoneNumber": NUMBER})
    forged = function.http(parameters={"phoneNumber": NUMBER}, headers=FORWARDED)
    differ = {name for name in plain.headers if plain.headers[name] != forged.headers[name]}
    assert differ <= {"X-Request-Id", "ETag"}
    assert "mine" not in str(forged.headers)
    assert forged.json["qrCodes"] == plain.json["qrCodes"]
    assert sandbox.refusals == []


@pytest.mark.parametrize(
    "body",
    [
        '{"phoneNumber": ' + "9" * 5000 + "}",
        '{"phoneNumber": 1e99999}',
        '{"phoneNumber": "8613800001234", "custSpaceId": -' + "9" * 400 + "}",
        "[" * 60_000,
        '{"a":' * 10_000,
        '{"phoneNumber": "\\ud800"}',
        '{"__proto__": {"phoneNumber": "8613800001234"}}',
        '{"phoneNumber": "8613800001234", "__class__": "x"}',
    ],
    ids=range(8),
)
@pytest.mark.parametrize("way", ["http", "direct"])
def test_json_bombs(function: Function, sandbox: Sandbox, way: str, body: str) -> None:
    if way == "http":
        problem = function.http("POST", body=body).problem
    else:
        problem = function.raw(body.encode())["problem"]
    assert problem["code"] == "invalid_request"
    assert sandbox.arrivals == []


def test_an_entity_tag_tells_nothing_to_who_may_not_ask(function: Function) -> None:
    function.configure(ALLOWED_PHONE_NUMBERS="4915112345678", CACHE_TTL_SECONDS="60")
    for condition in ("*", '"0123456789abcdef0123456789abcdef"'):
        answer = function.http(parameters={"phoneNumber": NUMBER}, headers={"If-None-Match": condition})
        assert answer.problem["code"] == "not_allowed"
        assert "ETag" not in answer.headers


BUSES: list[Any] = [{"specversion": "1.0", "data": None}, {"Message": None}, {"triggerTime": "t", "payload": None}]


@pytest.mark.parametrize(("count", "code"), [(2000, "invalid_request"), (100_000, "payload_too_large")])
@pytest.mark.parametrize("event", BUSES, ids=str)
def test_a_message_that_takes_too_much_to_parse_is_raised(
    function: Function, event: Any, count: int, code: str
) -> None:
    """What is returned counts as a success, and the message would be lost."""
    filled = {name: value or {"phoneNumber": NUMBER, "a": [[]] * count} for name, value in event.items()}
    with pytest.raises(QueryFailed, match=code):
        function.direct(filled)


def told(function: Function, event: bytes) -> str:
    """What is answered or raised."""
    try:
        return json.dumps(function.raw(event), ensure_ascii=False)
    except QueryFailed as failure:
        return str(failure)


MILLION = 1_000_000
LARGE: dict[str, tuple[Any, str]] = {
    "an HTTP body": (v1_event("POST", body="a" * 6 * MILLION), "payload_too_large"),
    "an HTTP body of brackets": (v1_event("POST", body="[]," * MILLION), "payload_too_large"),
    "a message": ({"Message": "a" * MILLION}, "payload_too_large"),
    "a message of bytes made text": ({"Message": "b'" + "\\n" * MILLION + "'"}, "payload_too_large"),
    "a message of lists": ({"Message": json.dumps([[]] * MILLION)}, "payload_too_large"),
    "a CloudEvent's base64": ({"specversion": "1.0", "data_base64": "QUJD" * MILLION}, "payload_too_large"),
    "a timer's payload": ({"triggerTime": "t", "payload": "a" * MILLION}, "payload_too_large"),
    "an event of lists": ({"specversion": "1.0", "data": [[]] * MILLION}, "payload_too_large"),
    "a flat event": ({"specversion": "1.0", "data": {f"{n:x}": 1 for n in range(300_000)}}, "payload_too_large"),
    "an event of lists, but short": ({"specversion": "1.0", "data": [[]] * 20_000}, "invalid_request"),
    "an event of objects": ({"queries": [{"a": 1}] * 100_000}, "invalid_request"),
    "a stream of numbers": ([1] * MILLION, "throttled"),
    "a stream of lists": ([[]] * MILLION, "throttled"),
    "a stream of phone numbers": ([NUMBER] * 100_000, "throttled"),
}


@pytest.mark.parametrize("what", LARGE)
def test_a_large_event_takes_no_memory_and_gets_a_small_answer(function: Function, what: str) -> None:
    document, code = LARGE[what]
    event = json.dumps(document, separators=(",", ":")).encode()
    function.ask()
    tracemalloc.start()
    answer = told(function, event)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert code in answer
    assert len(answer) < 2048
    assert peak < 20 * len(event)


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("a" * MILLION, 413),
        ({"phoneNumber": NUMBER, "a": "b" * 65_536}, 413),
        ([[]] * 100_000, 413),
        ([[]] * 1000, 400),
        (json.dumps([[]] * 1000), 400),
        ("é" * 40_000, 413),
        ({"phoneNumber": NUMBER, "a": '\\"]},["'}, 400),
    ],
    ids=range(7),
)
def test_a_large_message_of_a_stream_harms_no_other(function: Function, message: Any, status: int) -> None:
    stream = json.dumps([NUMBER, message, NUMBER], ensure_ascii=False).encode()
    assert [result["status"] for result in function.raw(stream)["results"]] == [200, status, 200]


@pytest.mark.timed
@pytest.mark.parametrize("distinct", [1, 100_000])
def test_what_of_a_stream_does_not_fit_is_delivered_again(
    function: Function, sandbox: Sandbox, log: Any, distinct: int
) -> None:
    function.timeout = 3
    stream = json.dumps([{"phoneNumber": f"49151{n % distinct:07}"} for n in range(100_000)]).encode()
    function.start()
    started = time.monotonic()
    with pytest.raises(QueryFailed) as raised:
        function.raw(stream)
    assert time.monotonic() - started < 3
    assert json.loads(str(raised.value))["retryable"] is True
    asked = [query["PhoneNumber"] for query in sandbox.queries]
    assert 1 <= len(asked) == len(set(asked))
    assert len(log()) <= 1002


@pytest.mark.parametrize(("slashes", "status"), [(14, 200), (15, 404), (3900, 404)])
def test_slashes_add_nothing_to_an_answer(function: Function, slashes: int, status: int) -> None:
    answer = function.http(path=f"/x/qr-codes{'/' * slashes}", parameters={"phoneNumber": NUMBER})
    assert answer.status == status
    assert len(answer.content) < 4096


@pytest.mark.parametrize("headers", [[["Origin", "https://evil.example.com"]], "Origin: https://evil.example.com", 7])
def test_headers_that_are_no_object_may_name_any_origin(function: Function, sandbox: Sandbox, headers: Any) -> None:
    answer = function.raw(json.dumps(v1_event(parameters={"phoneNumber": NUMBER}) | {"headers": headers}).encode())
    assert (answer["statusCode"], sandbox.arrivals) == (403, [])


@pytest.mark.parametrize("shape", ["v1", "classic"])
@pytest.mark.parametrize("name", ["Origin", "Host", "Content-Type", "If-None-Match", "Accept-Encoding"])
@pytest.mark.parametrize("value", [["application/json"], [], None, 7, "twice"])
def test_an_ambiguous_header_is_refused(
    function: Function, sandbox: Sandbox, shape: str, name: str, value: Any
) -> None:
    function.configure(ALLOWED_ORIGINS="*")
    headers = {name: "a", name.lower(): "a"} if value == "twice" else {name: value}
    answer = function.http("POST", shape=shape, headers=headers, body=json.dumps({"phoneNumber": NUMBER}))
    assert [error["field"] for error in answer.problem["errors"]] == [name.lower()]
    assert (answer.status, sandbox.arrivals) == (400, [])


SECRET = "8613912345678"


@pytest.mark.parametrize(
    "name", [SECRET, f"+{SECRET}", f"n{SECRET}", f"a-139-{SECRET}", f"a\n{SECRET}", "é", "", "\ud800"]
)
@pytest.mark.parametrize("twice", [False, True])
def test_a_name_that_is_no_identifier_is_not_repeated(function: Function, log: Any, name: str, twice: bool) -> None:
    unknown = ", ".join([f"{json.dumps(name)}: 1"] * (1 + twice))
    fields = f'{{"phoneNumber": "{NUMBER}", {unknown}}}'
    batch = f'{{"queries": [{{"phoneNumber": "{NUMBER}"}}], {unknown}}}'
    for event in (
        fields,
        batch,
        f"[{fields}]",
        json.dumps({"Message": fields}),
        json.dumps(v1_event("POST", body=fields)),
    ):
        answer = told(function, event.encode()).replace("\\", "")
        assert '"?' in answer
        assert SECRET not in answer
        assert "é" not in answer
    assert SECRET not in str(log())
