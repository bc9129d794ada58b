"""Whatever CAMS lists, it is answered in time, in bounded memory, and within what Function Compute passes on."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID
from local.serve import serve
from tests.conftest import CODE, Function

# A process of its own tells how much memory each answer takes.
_CHILD = """
import json, re, sys, time
from pathlib import Path
from types import SimpleNamespace
import index
context = SimpleNamespace(request_id="bounds", function=SimpleNamespace(timeout=int(sys.argv[1])))
index.initialize(context)

def ask(number):
    Path("/proc/self/clear_refs").write_text("5")
    began = time.monotonic()
    answer = json.loads(index.handler(json.dumps({"phoneNumber": number}).encode(), context))
    seconds = time.monotonic() - began
    peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
    return [answer.get("problem", {}).get("code", "list"), seconds, peak // 1024]

print(json.dumps([ask(number) for number in ["0000000", *sys.argv[2:]]][1:]), file=sys.stderr)
"""
TIMEOUT = 3
MOST = 8 << 20
ALLOWED = 150_000
LEVELS = 900
DEEP = b'{"":' * LEVELS + b"0" + b"}" * LEVELS
KEYS = b",".join(b'"%07d":0' % n for n in range(ALLOWED - 10))


def answer(items: bytes, before: bytes = b"") -> bytes:
    return b'{"Code":"OK",' + before + b'"Data":[' + items + b"]}"


def many(item: bytes, marks: int = MOST) -> bytes:
    """As many as fit into the largest answer that is read, and have no more brackets and commas than that together."""
    each = 1 + item.count(b"{") + item.count(b"[")
    return b",".join([item] * min((MOST - 100) // (len(item) + 1), (marks - 5) // each))


def codes(count: int, message: str = "Hello") -> bytes:
    item = {"QrdlCode": "4O4YGZEG3RIVE1", "PrefilledMessage": message, "DeepLinkUrl": "https://wa.me/message/4O4YGZEG"}
    return answer(b",".join([json.dumps(item, ensure_ascii=False).encode()] * count))


INVALID = "upstream_invalid_response"
# Number -> what it is, CAMS's answer, and what becomes of it.
BODIES = {
    f"1777000{row:04}": body
    for row, body in enumerate(
        [
            ("empty objects", answer(many(b"{}")), INVALID),
            ("nulls", answer(many(b"null")), INVALID),
            ("empty arrays", answer(many(b"[]")), INVALID),
            ("zeros", answer(many(b"0")), INVALID),
            ("tiny codes", answer(many(b'{"QrdlCode":"1"}')), INVALID),
            ("deep objects", answer(many(DEEP)), INVALID),
            ("deep arrays", answer(many(b"[" * LEVELS + b"]" * LEVELS)), INVALID),
            ("one deep array", answer(b"[" * (MOST - 100)), INVALID),
            ("one long number", answer(b"9" * (MOST - 100)), INVALID),
            ("many keys", answer(b"", KEYS + b"," + KEYS + b","), INVALID),
            ("elsewhere", answer(b"", b'"Message":[' + many(b"{}") + b"],"), INVALID),
            ("still allowed: objects", answer(b"", b'"Message":[' + many(b"{}", ALLOWED) + b"],"), "list"),
            ("still allowed: one key each", answer(b"", b'"Message":[' + many(b'{"":{}}', ALLOWED) + b"],"), "list"),
            ("still allowed: depth", answer(b"", b'"Message":[' + many(DEEP, ALLOWED) + b"],"), "list"),
            ("still allowed: keys", answer(b"", b'"Message":{%b},' % KEYS), "list"),
            ("an error's", b'{"Code":"InternalError","Data":[%b]}' % many(b"{}"), INVALID),
            ("10,001 codes", codes(10_001), INVALID),
            ("10,000 codes", codes(10_000), "list"),
            ("2,000 codes of the longest messages", codes(2000, message=",{[🗓️]}" * 20), "list"),
        ]
    )
}
# Fits into an answer only if that is gzipped.
HUGE = "17770009999"
BODIES[HUGE] = ("the longest that is read", codes(4000, message="🗓️" * 250), INVALID)
MOST_ANSWERED = 6_000_000


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def cams(asked: list[str]) -> Iterator[str]:
    """Answers with the numbers' bodies, and else with lists as long as Meta allows."""
    usual = codes(2000)

    async def list_codes(request: web.Request) -> web.Response:
        asked.append(request.query["PhoneNumber"])
        what, body, _ = BODIES.get(asked[-1], ("", usual, ""))
        return web.Response(body=body, status=400 if "error" in what else 200)

    app = web.Application()
    app.router.add_post("/", list_codes)
    with serve(app) as address:
        yield address


@pytest.mark.timed
def test_no_answer_of_cams_takes_long_or_much_memory(cams: str) -> None:
    settings = {"CAMS_ENDPOINT": cams, "CAMS_PROTOCOL": "HTTP", "CAMS_QPS": "1000", "CACHE_TTL_SECONDS": "60"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CHILD, str(TIMEOUT), *BODIES],
        env=role_environment(DEMO_KEY_ID, DEMO_KEY) | settings | {"PYTHONPATH": os.pathsep.join([CODE, *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stderr)
    for (what, _, expected), (code, seconds, megabytes) in zip(BODIES.values(), found, strict=True):
        assert (what, code) == (what, expected)
        assert seconds < TIMEOUT, what
        assert megabytes < 200, what


@pytest.fixture
def listing(function: Function, cams: str) -> Function:
    return function.configure(CAMS_ENDPOINT=cams)


def size(function: Function, event: Any) -> tuple[int, Any]:
    """The bytes of the answer, and what they say."""
    content = function.start().handler(json.dumps(event).encode(), function.context())
    return len(content), json.loads(content)


def test_a_list_that_function_compute_would_refuse(listing: Function, log: Any) -> None:
    size_of_problem, answer = size(listing, {"phoneNumber": HUGE})
    assert size_of_problem < 1000
    assert (answer["problem"]["code"], "6 MB" in answer["problem"]["detail"]) == (INVALID, True)
    assert listing.http(parameters={"phoneNumber": HUGE}).problem["code"] == INVALID
    assert [line["problem"] for line in log()] == [INVALID, INVALID]
    with pytest.raises(Exception, match=INVALID):
        listing.direct({"specversion": "1.0", "data": {"phoneNumber": HUGE}})
    zipped = listing.http(parameters={"phoneNumber": HUGE}, headers={"Accept-Encoding": "gzip"})
    assert len(json.loads(gzip.decompress(zipped.sent))["qrCodes"]) == 4000


QUERIES = [{"phoneNumber": f"1888{n:07}"} for n in range(98)] + [{"phoneNumber": "12"}, {"phoneNumber": HUGE}]


def test_a_stream_of_long_lists_is_delivered_again(listing: Function, asked: list[str]) -> None:
    """Nobody reads its answer, so what there is no room for must not count as a success."""
    with pytest.raises(Exception, match="6 MB"):
        listing.direct(QUERIES)
    assert len(asked) < 98


def test_equal_queries_are_counted_once(listing: Function, asked: list[str]) -> None:
    started = time.monotonic()
    with pytest.raises(Exception, match="6 MB"):
        listing.direct(QUERIES[:1] * 1000)
    assert time.monotonic() - started < TIMEOUT
    assert len(asked) == 1


def test_a_batch_of_long_lists_is_answered_as_far_as_there_is_room(
    listing: Function, asked: list[str], log: Any
) -> None:
    bytes_sent, answer = size(listing, {"queries": QUERIES})
    assert bytes_sent <= MOST_ANSWERED
    statuses = [result["status"] for result in answer["results"]]
    count = statuses.index(413)
    assert statuses == [200] * count + [413] * (98 - count) + [400, 413]
    assert bytes_sent > MOST_ANSWERED * 0.9
    # The list for which there was no room, and no further one.
    assert len(asked) == count + 1
    problem = answer["results"][count]["problem"]
    assert (problem["code"], problem["retryable"]) == ("payload_too_large", False)
    assert [line["problem"] for line in log() if "problem" in line][:2] == ["payload_too_large"] * 2
