"""Checks that an answer fulfils the contract, for any event; and makes events of every kind for a phone number."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from cams_qr.events.answers import QueryFailed
from cams_qr.instance import Instance
from cams_qr.problems import KINDS

# Nothing listens there, so that calls fail fast.
OFFLINE = {
    "CAMS_ENDPOINT": "127.0.0.1:9",
    "CAMS_PROTOCOL": "HTTP",
    "CAMS_QPS": "10000",
    "ALLOWED_ORIGINS": "https://shop.example.com",
    "CUST_SPACE_HEADER": "X-Cust-Space",
}
BUSES = ("cloud_event", "timer", "topic", "stream")


def _v1(number: str, path: str = "/qr-codes") -> Any:
    return {
        "version": "v1",
        "rawPath": path,
        "headers": {},
        "queryParameters": {"phoneNumber": number},
        "requestContext": {"http": {"method": "GET"}},
    }


EVENTS: dict[str, Callable[[str], Any]] = {
    "http_trigger": _v1,
    "drawing": lambda number: _v1(number, "/qr-codes/4O4YGZEG3RIVE1.png"),
    "api_gateway": lambda number: {
        "httpMethod": "POST",
        "path": "/qr-codes",
        "headers": {"Content-Type": "application/json"},
        "body": base64.b64encode(json.dumps({"phoneNumber": number}).encode()).decode(),
        "isBase64Encoded": True,
    },
    "direct": lambda number: {"phoneNumber": number},
    "batch": lambda number: {"queries": [{"phoneNumber": number}, {"phoneNumber": "8613800001234"}]},
    "cloud_event": lambda number: {"specversion": "1.0", "data": {"messageBody": number}},
    "timer": lambda number: {"triggerTime": "2026-11-23T09:00:00Z", "payload": json.dumps({"phoneNumber": number})},
    "topic": lambda number: {"Message": number},
    "stream": lambda number: [number, json.dumps({"phoneNumber": "8613800001234"})],
}
# Shapes that cost much, or that decide by a header of two values; HOSTILE_BUSES are those whose failures are raised.
HOSTILE: dict[str, Callable[[str], Any]] = {
    "headers that are lists": lambda number: _v1(number) | {"headers": {"x-cust-space": ["a", "b"], "Origin": ["a"]}},
    "a header in two spellings": lambda number: _v1(number) | {"headers": {"X-Cust-Space": "a", "x-cust-space": "b"}},
    "a path of 3,900 slashes": lambda number: _v1(number, "/" * 3900 + "qr-codes"),
    "a body of 2 MB": lambda number: _v1(number) | {"body": '{"a":' * 400_000, "isBase64Encoded": False},
    "a batch of 5,000": lambda number: {"queries": [{"phoneNumber": number}] * 5000},
    "a message of 2 MB": lambda number: {"Message": "[{" * 1_000_000},
    "a stream of 100,000": lambda number: [number] * 100_000,
}
HOSTILE_BUSES = ("a message of 2 MB", "a stream of 100,000")


def settings_for(endpoint: str) -> dict[str, str]:
    """The settings for an endpoint; one that begins with `tls.` is called over TLS."""
    protocol = "HTTPS" if endpoint.startswith("tls.") else "HTTP"
    return {"CAMS_ENDPOINT": endpoint.removeprefix("tls."), "CAMS_PROTOCOL": protocol}


def ask(instance: Instance, trigger: str, number: str, context: Any) -> str:
    """Query a number with an event of this kind; see `invoke`."""
    event = json.dumps((EVENTS | HOSTILE)[trigger](number)).encode()
    return invoke(instance, event, context, may_raise=trigger in BUSES + HOSTILE_BUSES)


def invoke(instance: Instance, event: bytes, context: Any, may_raise: bool) -> str:
    """Invoke, and check the answer or exception against the contract; returns `200` or the problem's code.

    Raises AssertionError for an answer that breaks the contract, and any exception of the instance but QueryFailed.
    """
    try:
        return check(json.loads(instance.invoke(event, context, time.monotonic())))
    except QueryFailed as failure:
        assert may_raise, "a caller who reads answers must get one"
        return check_problem(json.loads(str(failure)))


def check(answer: Any) -> str:
    """Check an answer against the contract; see `invoke`."""
    if "statusCode" in answer:
        return _http(answer)
    if answer["status"] == 207:
        assert set(answer) == {"status", "results"}
        outcomes = [check(result) for result in answer["results"]]
        return outcomes[0]
    if answer["status"] == 200:
        assert set(answer) == {"status", "result"}
        return _list(answer["result"])
    assert set(answer) == {"status", "problem"}
    return check_problem(answer["problem"])


def _http(answer: Any) -> str:
    assert set(answer) == {"statusCode", "headers", "isBase64Encoded", "body"}
    assert all(isinstance(value, str) and value.isprintable() for value in answer["headers"].values())
    assert sum(len(name) + len(value) for name, value in answer["headers"].items()) < 8 * 1024
    kind = answer["headers"]["Content-Type"]
    if kind.startswith("application/problem+json"):
        return check_problem(json.loads(answer["body"]))
    if answer["statusCode"] == 200 and kind == "image/png":
        assert base64.b64decode(answer["body"], validate=True).startswith(b"\x89PNG")
    elif answer["statusCode"] == 200 and kind.startswith("application/json"):
        body = json.loads(answer["body"])
        if "qrCodes" in body:
            _list(body)
    return str(answer["statusCode"])


def _list(found: Any) -> str:
    assert set(found) == {"phoneNumber", "custSpaceId", "qrCodes", "requestId", "fetchedAt", "stale"}
    return "200"


def check_problem(problem: Any) -> str:
    """Check a problem against the contract; returns its code."""
    kind = KINDS[problem["code"]]
    assert problem["status"] == kind.status
    assert problem["code"] != "internal_error"
    assert {"type", "title", "status", "code", "detail", "requestId", "retryable"} <= set(problem)
    return str(problem["code"])
