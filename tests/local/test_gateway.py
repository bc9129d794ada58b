"""The local gateway turns requests into events, and answers into responses, as Function Compute does."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from local.fc import make_context, starting
from local.gateway import Shape, gateway
from local.serve import serve
from tests.conftest import Function


@contextmanager
def in_front_of(handler: Callable[[bytes, Any], object], shape: Shape = "v1") -> Iterator[str]:
    with serve(gateway(handler, lambda: make_context("python3.10"), shape)) as address:
        yield f"http://{address}"


def fetch(
    url: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, headers=names, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


@pytest.mark.parametrize("shape", ["v1", "classic"])
def test_the_function_through_the_gateway(function: Function, shape: Shape) -> None:
    with in_front_of(function.raw, shape) as url:
        status, headers, body = fetch(f"{url}/v2/qr-codes?phoneNumber=%2B86%20138-0000-1234&x=1&x=2")
        assert (status, len(json.loads(body)["qrCodes"])) == (200, 2)
        assert headers["Access-Control-Allow-Origin"] == "https://not-allowed.invalid"
        for content_type, expected in (("application/json", 200), ("text/plain", 415)):
            data = b'{"phoneNumber": "6281200001234"}'
            assert fetch(f"{url}/qr-codes", "POST", data, Content_Type=content_type)[0] == expected
        assert fetch(f"{url}/qr-codes", "POST", b"phoneNumber=6281200001234")[0] == 415
        assert fetch(f"{url}/qr-codes", "OPTIONS")[0] == 204
        assert fetch(f"{url}/nowhere")[0] == 404


def echo(event: bytes, context: Any) -> object:
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": event.decode()}


def test_the_v1_event() -> None:
    with in_front_of(echo) as url:
        event = json.loads(fetch(f"{url}/a%20b/c?n=1&n=2&m=%2B", Accept="*/*", x_thing="1")[2])
        assert event["rawPath"] == "/a%20b/c"
        assert event["requestContext"]["http"]["path"] == "/a b/c"
        assert event["queryParameters"] == {"n": "1,2", "m": "+"}
        assert event["headers"]["X-Thing"] == "1"
        assert (event["body"], event["isBase64Encoded"]) == ("", False)
        assert json.loads(fetch(url, "POST", b"\xff", Content_Type="image/png")[2])["body"] == "/w=="


def test_the_classic_event() -> None:
    with in_front_of(echo, "classic") as url:
        event = json.loads(fetch(f"{url}/a?n=1", "POST", b"{}", Content_Type="application/json")[2])
        assert (event["httpMethod"], event["body"], event["isBase64Encoded"]) == ("POST", "e30=", True)
        event = json.loads(fetch(f"{url}/a", "POST", b"c=b", Content_Type="application/x-www-form-urlencoded")[2])
        assert (event["body"], event["isBase64Encoded"]) == ('{"c": "b"}', False)


BAD_ANSWERS: list[Any] = [
    {"statusCode": "200", "body": ""},
    {"statusCode": 200, "body": {"a": 1}},
    {"statusCode": 200, "headers": {"A": ["1"]}, "body": ""},
    {"statusCode": 200, "headers": {"A": "x" * 9000}, "body": ""},
    {"statusCode": 99, "body": ""},
    {"statusCode": 200, "isBase64Encoded": True, "body": "%"},
]


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=range(len(BAD_ANSWERS)))
def test_a_bad_answer(answer: Any) -> None:
    with in_front_of(lambda event, context: answer) as url:
        assert fetch(url)[0] == 502
    with in_front_of(lambda event, context: answer, "classic") as url:
        assert fetch(url)[0] == 503


def test_an_answer_that_is_no_struct() -> None:
    with in_front_of(lambda event, context: {"hello": 1}) as url:
        status, headers, body = fetch(url)
        assert (status, headers["Content-Type"], json.loads(body)) == (200, "application/json", {"hello": 1})
    with in_front_of(lambda event, context: {"hello": 1}, "classic") as url:
        assert fetch(url)[0] == 503


def fail(event: bytes, context: Any) -> object:
    raise ValueError("inside")


def test_an_exception() -> None:
    with in_front_of(fail) as url:
        status, headers, body = fetch(url)
        assert (status, headers["X-Fc-Error-Type"]) == (502, "UnhandledInvocationError")
        assert json.loads(body)["errorType"] == "ValueError"
    with in_front_of(fail, "classic") as url:
        assert fetch(url)[0] == 503
    with in_front_of(lambda event, context: {1, 2}) as url:
        assert fetch(url)[0] == 502


def test_an_initializer_that_fails() -> None:
    """200, for the trigger; each call starts another instance until one starts."""
    failures = iter([ValueError("first"), ValueError("second")])

    def initialize(context: Any) -> None:
        for failure in failures:
            raise failure

    handler = starting(initialize, echo)
    with in_front_of(handler) as url:
        for message in ("first", "second"):
            status, headers, body = fetch(url)
            assert (status, headers["X-Fc-Error-Type"]) == (200, "InitializationError")
            assert json.loads(body)["errorMessage"] == message
        assert "X-Fc-Error-Type" not in fetch(url)[1]
    failures = iter([ValueError("first")])
    with in_front_of(starting(initialize, echo), "classic") as url:
        assert [fetch(url)[0] for _ in range(2)] == [503, 200]


@pytest.mark.parametrize("headers", [{"X-A": "a\r\nX-B: b"}, {"Bad Name:": "a"}, {"X-A": 1}, []])
def test_headers_that_cannot_be_sent(headers: Any) -> None:
    answer = {"statusCode": 200, "headers": headers, "body": ""}
    for shape, status in (("v1", 502), ("classic", 503)):
        with in_front_of(lambda event, context: answer, shape) as url:  # type: ignore[arg-type]
            assert fetch(url)[0] == status


def test_an_origin_is_reflected_where_the_function_is_silent() -> None:
    with in_front_of(echo) as url:
        headers = fetch(url, Origin="https://evil.example")[1]
        assert headers["Access-Control-Allow-Origin"] == "https://evil.example"
        assert headers["Access-Control-Allow-Credentials"] == "true"


def test_requests_over_the_limits() -> None:
    with in_front_of(echo) as url:
        assert fetch(f"{url}/?{'x' * 5000}")[0] == 400
        assert fetch(url, X_Large="x" * 5000, X_Larger="x" * 5000)[0] == 400


def test_the_contexts_of_both_runtimes() -> None:
    assert hasattr(make_context("python3.10"), "credentials")
    assert not hasattr(make_context("python3.12"), "credentials")


@pytest.mark.parametrize("shape", ["v1", "classic"])
def test_a_gzipped_answer_is_the_same_to_a_client(function: Function, shape: Shape) -> None:
    with in_front_of(function.raw, shape) as url:
        plain, zipped = (
            requests.get(f"{url}/qr-codes?phoneNumber=8613800002000", headers={"Accept-Encoding": accepted}, timeout=10)
            for accepted in ("identity", "gzip")
        )
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert int(zipped.headers["Content-Length"]) <= 60_000
    assert zipped.json()["qrCodes"] == plain.json()["qrCodes"]
