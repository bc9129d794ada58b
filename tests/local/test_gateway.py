"""The local gateway turns requests into events, and answers into responses, as Function Compute does."""

import json
import re
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
def in_front_of(handler: Callable[[bytes, Any], object], shape: Shape = "v1", **options: Any) -> Iterator[str]:
    with serve(gateway(handler, lambda: make_context("python3.10"), shape, **options)) as address:
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
        assert headers["X-Request-Id"] == headers["X-Fc-Request-Id" if shape == "v1" else "X-Request-Id"]
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
    {"statusCode": 200, "headers": {"A": "x" * 9000}, "body": ""},
    {"statusCode": 99, "body": ""},
    {"statusCode": 200, "isBase64Encoded": True, "body": "%"},
]


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=range(len(BAD_ANSWERS)))
def test_a_bad_answer(answer: Any) -> None:
    with in_front_of(lambda event, context: answer) as url:
        status, headers, body = fetch(url)
        assert (status, error_of(headers, body)) == (502, "BadResponse")
    with in_front_of(lambda event, context: answer, "classic") as url:
        assert fetch(url)[0] == 503


def error_of(headers: dict[str, str], body: bytes) -> str:
    """The code of an error of Function Compute's own."""
    error = json.loads(body)
    assert list(error) == ["RequestId", "Code", "Message"]
    assert error["RequestId"] == headers["X-Fc-Request-Id"]
    return str(error["Code"])


@pytest.mark.parametrize("body", [{"body": ""}, {}])
def test_an_answer_in_base64_must_not_be_empty(body: dict[str, str]) -> None:
    answer = {"statusCode": 200, "isBase64Encoded": True, **body}
    with in_front_of(lambda event, context: answer) as url:
        assert fetch(url)[0] == 400
    with in_front_of(lambda event, context: answer | {"isBase64Encoded": False}) as url:
        assert fetch(url)[0] == 200


def test_a_header_that_is_an_array_is_sent_as_json() -> None:
    answer = {"statusCode": 200, "headers": {"Set-Cookie": ["a=1", "b=2"]}, "body": ""}
    with in_front_of(lambda event, context: answer) as url:
        assert fetch(url)[1]["Set-Cookie"] == '["a=1","b=2"]'
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


CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag"}


def cors_of(url: str, origin: str | None) -> dict[str, list[str]]:
    """The values of each CORS header, for a header may come twice."""
    answer = requests.get(url, headers={} if origin is None else {"Origin": origin}, timeout=10)
    found: dict[str, list[str]] = {}
    for name, value in answer.raw.headers.items():
        if name.startswith("Access-Control-"):
            found.setdefault(name.removeprefix("Access-Control-"), []).append(value)
    return found


def test_the_default_domain_adds_cors_headers_beside_the_functions() -> None:
    with in_front_of(lambda event, context: {"statusCode": 200, "body": "", "headers": CORS}) as url:
        assert cors_of(url, "https://a.example") == {
            "Allow-Origin": ["*", "https://a.example"],
            "Allow-Credentials": ["true"],
            "Expose-Headers": ["ETag", "Date,x-fc-request-id"],
        }
        assert cors_of(url, None) == {"Allow-Origin": ["*"], "Expose-Headers": ["ETag", "Date,x-fc-request-id"]}


def test_the_default_domain_may_replace_them_instead() -> None:
    answer: dict[str, Any] = {"statusCode": 200, "body": "", "headers": CORS}
    with in_front_of(lambda event, context: answer, replacing=True) as url:
        assert cors_of(url, "https://a.example") == {"Allow-Origin": ["*"], "Expose-Headers": ["ETag"]}
        answer["headers"] = {"Vary": "Origin"}
        assert cors_of(url, "https://a.example")["Allow-Origin"] == ["https://a.example"]


def test_a_custom_domain_adds_none() -> None:
    with in_front_of(echo, domain="custom") as url:
        answer = requests.get(url, headers={"Origin": "https://a.example"}, timeout=10)
        assert not [name for name in answer.headers if name.startswith(("Access-Control-", "Content-Disposition"))]
        assert answer.json()["requestContext"]["domainName"] == url.removeprefix("http://")
    with in_front_of(echo) as url:
        answer = requests.get(url, timeout=10)
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.json()["requestContext"]["domainName"].endswith(".ap-southeast-1.fcapp.run")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_default_domain_forbids_redirects(status: int) -> None:
    answer = {"statusCode": status, "headers": {"location": "/elsewhere"}, "body": ""}
    for domain, expected in (("default", 400), ("custom", status)):
        with in_front_of(lambda event, context: answer, domain=domain) as url:
            found = requests.get(url, allow_redirects=False, timeout=10)
        assert found.status_code == expected
        if domain == "default":
            assert error_of(dict(found.headers), found.content) == "ExternalRedirectForbidden"
    answer["headers"] = {"ETag": '"1"'}
    with in_front_of(lambda event, context: answer | {"statusCode": 304}) as url:
        assert requests.get(url, timeout=10).status_code == 304


def test_a_request_has_one_id() -> None:
    def tell(event: bytes, context: Any) -> object:
        ids = [json.loads(event)["requestContext"]["requestId"], context.request_id]
        return {"statusCode": 200, "headers": {}, "body": json.dumps(ids)}

    with in_front_of(tell) as url:
        found = [requests.get(url, timeout=10) for _ in range(2)]
    for answer in found:
        assert answer.json() == [answer.headers["X-Fc-Request-Id"]] * 2
        assert re.fullmatch("1-[0-9a-f]{8}-[0-9a-f]+-[0-9a-f]+", answer.headers["X-Fc-Request-Id"])
    assert len({answer.headers["X-Fc-Request-Id"] for answer in found}) == 2


def test_requests_over_the_limits() -> None:
    with in_front_of(echo) as url:
        status, headers, body = fetch(f"{url}/?{'x' * 5000}")
        assert (status, error_of(headers, body)) == (400, "InvalidArgument")
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
