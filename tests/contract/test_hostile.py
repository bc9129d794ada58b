"""Malicious callers: what they send affects only their own answer, and only as the contract says."""

import json
from typing import Any

import pytest

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


def test_an_event_of_six_megabytes(function: Function) -> None:
    """The most Function Compute passes on; its body is over the limit, and told so before anything is decoded."""
    event = v1_event("POST", body="a" * 6_000_000)
    assert json.loads(function.direct(event)["body"])["code"] == "payload_too_large"
