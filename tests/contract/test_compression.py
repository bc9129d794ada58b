"""Long answers are gzipped for callers that accept it, and are the same answers."""

import gzip
from typing import Any

import pytest

from tests.conftest import NUMBER, Function

MANY = "8613800002000"


def ask(function: Function, accepted: str | None = "gzip", number: str = MANY, **parts: Any) -> Any:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    return function.http(parameters={"phoneNumber": number}, headers=headers | parts.pop("headers", {}), **parts)


@pytest.fixture(params=["0", "60"], ids=["no cache", "cache"])
def either(function: Function, request: pytest.FixtureRequest) -> Function:
    return function.configure(CACHE_TTL_SECONDS=request.param)


@pytest.mark.parametrize("shape", ["v1", "classic"])
def test_a_long_list_is_gzipped(either: Function, shape: str) -> None:
    plain, zipped = ask(either, None, shape=shape), ask(either, shape=shape)
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.headers["Content-Type"] == plain.headers["Content-Type"]
    assert zipped.json["qrCodes"] == plain.json["qrCodes"]
    assert len(zipped.json["qrCodes"]) == 2000
    assert len(zipped.sent) <= 60_000 < len(plain.sent)


def test_also_by_post(either: Function) -> None:
    body = f'{{"phoneNumber": "{MANY}"}}'
    answer = either.http("POST", body=body, headers={"accept-encoding": "br, gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.json["qrCodes"]) == 2000


@pytest.mark.parametrize(
    ("accepted", "gzipped"),
    [
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0.001", True),
        (None, False),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzipped", False),
        ("gzip;q=0", False),
        ("gzip ; q = 0.000, *", False),
        ("*;q=0", False),
    ],
)
def test_only_for_those_who_accept_it(function: Function, accepted: str | None, gzipped: bool) -> None:
    answer = ask(function, accepted)
    assert ("Content-Encoding" in answer.headers) is gzipped
    assert len(answer.json["qrCodes"]) == 2000


def test_caches_keep_both_apart(either: Function) -> None:
    for accepted in ("gzip", "identity"):
        for number in (MANY, NUMBER, "12"):
            assert "Accept-Encoding" in ask(either, accepted, number).headers["Vary"].split(", ")
    assert "Accept-Encoding" in either.http("OPTIONS").headers["Vary"]


def test_each_has_an_entity_tag_of_its_own(function: Function) -> None:
    function.configure(CACHE_TTL_SECONDS="60")
    plain, zipped = (ask(function, accepted).headers["ETag"] for accepted in (None, "gzip"))
    assert plain != zipped
    not_modified = ask(function, "gzip", headers={"If-None-Match": zipped})
    assert (not_modified.status, not_modified.body) == (304, "")
    assert not_modified.headers["ETag"] == zipped
    assert "Content-Encoding" not in not_modified.headers
    assert ask(function, "gzip", headers={"If-None-Match": plain}).status == 200
    assert ask(function, None, headers={"If-None-Match": zipped}).status == 200


def test_what_is_short_is_not_gzipped(function: Function) -> None:
    for answer in (ask(function, number=NUMBER), ask(function, number="12"), function.http("OPTIONS")):
        assert "Content-Encoding" not in answer.headers
        assert answer.body == "" or answer.json


def test_a_drawing_is_gzipped_if_it_is_text(function: Function) -> None:
    for image_format, gzipped in (("svg", True), ("png", False)):
        path = f"/qr-codes/4O4YGZEG3RIVE1.{image_format}"
        plain, zipped = (ask(function, accepted, NUMBER, path=path) for accepted in (None, "gzip"))
        assert ("Content-Encoding" in zipped.headers) is gzipped
        assert zipped.content == plain.content


def test_the_description_is_gzipped(function: Function) -> None:
    answer = function.http(path="/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json["openapi"]


def test_equal_lists_are_gzipped_to_equal_bytes(function: Function) -> None:
    """So that an entity tag holds on every instance."""
    function.configure(CACHE_TTL_SECONDS="60")
    first = ask(function).sent
    assert gzip.decompress(first)
    # The header holds no time. Source: RFC 1952, MTIME.
    assert first[4:8] == bytes(4)
