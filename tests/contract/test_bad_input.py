"""Bad input gets a 400 that names the field and the fix, and never reaches CAMS."""

import base64
import json
import time
from typing import Any

import pytest

from local.sandbox import Sandbox
from tests.conftest import NUMBER, Function


@pytest.fixture(autouse=True)
def _nothing_reaches_cams(sandbox: Sandbox) -> Any:
    yield
    assert sandbox.arrivals == []


def assert_invalid(problem: Any, field: str) -> None:
    assert problem["code"] == "invalid_request"
    assert problem["type"] == "urn:cams-qr:problem:invalid_request"
    assert problem["status"] == 400
    assert problem["retryable"] is False
    assert field in [error["field"] for error in problem["errors"]]
    assert all(error["message"] for error in problem["errors"])
    assert "Traceback" not in json.dumps(problem)


BAD_NUMBERS = {
    "empty": "",
    "blank": "   ",
    "letters": "86138CALLME1",
    "full-width digits": "８６１３８００００１２３４",
    "arabic digits": "٨٦١٣٨٠٠٠٠١٢٣٤",
    "16 digits": "8613800001234567",
    "6 digits": "861380",
    "leading zero": "008613800001234",
    "plus and zero": "+0138000",
    "two values": f"{NUMBER},{NUMBER}",
    "a NUL byte": "86138\x0000001234",
    "a line break": NUMBER + "\n",
    "a plus inside": "86+13800001234",
    "two pluses": "++8613800001234",
    "a slash": "8613800001234/../x",
    "very long": "1" * 10_000,
    "a lone surrogate": "86138\ud80000001234",
}
NOT_STRINGS: list[Any] = [8613800001234, 8.6e12, ["8613800001234"], {"n": 1}, True, None, 10**400]


@pytest.mark.parametrize("number", BAD_NUMBERS.values(), ids=BAD_NUMBERS.keys())
def test_a_bad_number(function: Function, number: str) -> None:
    assert_invalid(function.direct({"phoneNumber": number})["problem"], "phoneNumber")
    assert_invalid(function.http(parameters={"phoneNumber": number}).problem, "phoneNumber")
    assert_invalid(function.http(shape="classic", parameters={"phoneNumber": number}).problem, "phoneNumber")


@pytest.mark.parametrize("number", NOT_STRINGS, ids=repr)
def test_a_number_that_is_no_string(function: Function, number: Any) -> None:
    assert_invalid(function.direct({"phoneNumber": number})["problem"], "phoneNumber")
    assert_invalid(function.http("POST", body=json.dumps({"phoneNumber": number})).problem, "phoneNumber")


@pytest.mark.parametrize(
    "space", ["", " ", "a b", "ä", "x" * 65, "cams-1,cams-2", "cams-1\n", "../x", 7, ["cams-1"], False]
)
def test_a_bad_space(function: Function, space: Any) -> None:
    assert_invalid(function.direct({"phoneNumber": NUMBER, "custSpaceId": space})["problem"], "custSpaceId")


def test_no_number(function: Function) -> None:
    assert_invalid(function.http().problem, "phoneNumber")
    assert_invalid(function.direct({"custSpaceId": "cams-8filvjc8snw"})["problem"], "phoneNumber")


def test_unknown_fields(function: Function) -> None:
    answer = function.direct({"phoneNumber": NUMBER, "custSpaceID": "cams-8filvjc8snw"})
    assert_invalid(answer["problem"], "custSpaceID")
    assert "custSpaceId" in answer["problem"]["errors"][0]["message"]


def test_a_thousand_unknown_fields_are_not_all_named(function: Function) -> None:
    answer = function.direct({"phoneNumber": NUMBER, **{f"{i:0>1000}": 1 for i in range(1000)}})
    assert len(json.dumps(answer)) < 4096


@pytest.mark.parametrize("last", ["k0", "k99999"])
def test_very_many_fields_take_no_time(function: Function, last: str) -> None:
    event = "{" + ",".join(f'"k{n}":1' for n in range(100_000)) + f',"phoneNumber":"8613800001234","{last}":1}}'
    function.start()
    started = time.process_time()
    answer = function.raw(event.encode())
    assert time.process_time() - started < 1
    assert answer["problem"]["code"] == "invalid_request"
    many = json.dumps({"phoneNumber": "8613800001234"} | {f"k{n}": 1 for n in range(100)})
    assert len(function.raw(many.encode())["problem"]["errors"]) == 10


@pytest.mark.parametrize("pair", [("phoneNumber", "PhoneNumber"), ("phoneNumber", "phoneNumber")])
def test_a_field_given_twice(function: Function, pair: tuple[str, str]) -> None:
    event = f'{{"{pair[0]}": "8613800001234", "{pair[1]}": "6281200001234"}}'
    assert_invalid(function.raw(event.encode())["problem"], "phoneNumber")
    assert_invalid(function.http("POST", body=event).problem, "phoneNumber")


EVENTS = {
    "empty": b"",
    "blank": b"  ",
    "not JSON": b"hello",
    "not UTF-8": b'{"phoneNumber": "\xff\xfe"}',
    "UTF-16": '{"phoneNumber": "8613800001234"}'.encode("utf-16"),
    "half": b'{"phoneNumber": "86138',
    "empty array": b"[]",
    "number": b"42",
    "huge number": b"1" * 5000,
    "string": b'"hello"',
    "null": b"null",
    "true": b"true",
    "NaN": b'{"phoneNumber": NaN}',
    "101 levels": b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
    "501 arrays": b"[" * 501 + b"]" * 501,
    "nested arrays": b"[" * 1000 + b"]" * 1000,
    "nested objects": b'{"phoneNumber":' * 1000 + b"1" + b"}" * 1000,
    "very deep": b"[" * 100_000 + b"]" * 100_000,
    "1 MiB": json.dumps({"events": "x" * 1024 * 1024}).encode(),
    "NUL bytes": b"\x00" * 100,
    "no object of ours": b"{}",
    "an OSS event": b'{"events": [{"eventName": "ObjectCreated:PutObject"}]}',
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_an_event_of_no_trigger(function: Function, log: Any, event: bytes) -> None:
    answer = function.raw(event)
    assert log()[0]["trigger"] == "unknown"
    assert set(answer) == {"status", "problem"}
    assert answer["status"] == 400
    assert answer["problem"]["code"] == "invalid_request"
    assert answer["problem"]["errors"]
    assert len(json.dumps(answer)) < 4096


BODIES = {
    "empty": "",
    "not JSON": "phoneNumber=8613800001234",
    "array": "[]",
    "number": "8613800001234",
    "string": '"8613800001234"',
    "null": "null",
    "nested 1000 deep": "[" * 1000 + "]" * 1000,
    "nested 30000 deep": "[" * 30_000,
    "half": '{"phoneNumber":',
    "NaN": '{"phoneNumber": NaN}x',
    "a lone surrogate": "\ud800",
}


@pytest.mark.parametrize("shape", ["v1", "classic"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_bad_body(function: Function, shape: str, body: str) -> None:
    assert_invalid(function.http("POST", shape=shape, body=body).problem, "body")


@pytest.mark.parametrize(
    "body", ["%%%", "e30", "eyJ9=====", "ümlaut", base64.b64encode(b"\xff\xfe{}").decode(), {"a": 1}, [1], 7]
)
def test_a_body_that_is_no_base64(function: Function, body: Any) -> None:
    assert_invalid(function.http("POST", body=body, is_base64=True).problem, "body")
