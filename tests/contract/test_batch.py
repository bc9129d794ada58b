"""Batches: in order, equal queries asked once, all within one budget; queries that run out of time are reported."""

import time
from typing import Any

import pytest

from local.sandbox import Sandbox
from tests.conftest import NUMBER, Function


def numbers(answer: Any) -> list[Any]:
    return [
        item["result"]["phoneNumber"] if "result" in item else item["problem"]["code"] for item in answer["results"]
    ]


def test_order_is_kept_and_failures_stay_in_place(function: Function) -> None:
    queries = [{"phoneNumber": n} for n in (NUMBER, "bad", "6281200001234", "4915112345678")]
    answer = function.direct({"queries": queries})
    assert answer["status"] == 207
    assert numbers(answer) == [NUMBER, "invalid_request", "6281200001234", "not_owned"]
    assert [item["status"] for item in answer["results"]] == [200, 400, 200, 404]


def test_equal_queries_are_asked_once(function: Function, sandbox: Sandbox) -> None:
    forms = [NUMBER, "+86 138-0000-1234", "6281200001234", NUMBER]
    answer = function.direct({"queries": [{"phoneNumber": n} for n in forms]})
    assert numbers(answer) == [NUMBER, NUMBER, "6281200001234", NUMBER]
    assert len(sandbox.arrivals) == 2


@pytest.mark.timed
def test_what_cannot_be_asked_in_time_is_told(function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_QPS="5", CACHE_TTL_SECONDS="60")
    function.start()
    function.timeout = 3
    queries = [{"phoneNumber": f"49151{n:07}"} for n in range(40)]
    started = time.monotonic()
    answer = function.direct({"queries": queries})
    assert time.monotonic() - started < 3
    codes = numbers(answer)
    assert codes == ["not_owned"] * codes.count("not_owned") + ["throttled"] * codes.count("throttled")
    assert 10 <= codes.count("not_owned") <= 15
    assert all(item["problem"]["retryAfter"] == 1 for item in answer["results"] if item["status"] == 429)
    calls = len(sandbox.arrivals)
    failed = [query for query, item in zip(queries, answer["results"], strict=True) if item["status"] == 429]
    again = function.direct({"queries": queries})
    assert len(sandbox.arrivals) - calls < len(failed)
    assert numbers(again).count("not_owned") > codes.count("not_owned")


@pytest.mark.parametrize("queries", [[], None, {}, "8613800001234", [{"phoneNumber": NUMBER}] * 101, 1])
def test_a_batch_of_none_or_too_many(function: Function, sandbox: Sandbox, queries: Any) -> None:
    answer = function.direct({"queries": queries})
    assert answer["status"] == 400
    assert answer["problem"]["errors"][0]["field"] == "queries"
    assert sandbox.arrivals == []


def test_a_hundred_are_taken(function: Function) -> None:
    assert len(function.direct({"queries": [{"phoneNumber": NUMBER}] * 100})["results"]) == 100


def test_an_unknown_field_of_the_batch(function: Function) -> None:
    answer = function.direct({"queries": [{"phoneNumber": NUMBER}], "custSpaceId": "cams-8filvjc8snw"})
    assert answer["problem"]["errors"][0]["field"] == "custSpaceId"


@pytest.mark.parametrize("item", [None, 1, "8613800001234", [], {}, {"phone": NUMBER}])
def test_an_item_that_is_no_query(function: Function, item: Any) -> None:
    answer = function.direct({"queries": [item, {"phoneNumber": NUMBER}]})
    assert numbers(answer) == ["invalid_request", NUMBER]


def test_allow_lists_hold_for_each_item(function: Function, sandbox: Sandbox) -> None:
    function.configure(ALLOWED_PHONE_NUMBERS=NUMBER)
    answer = function.direct({"queries": [{"phoneNumber": "6281200001234"}, {"phoneNumber": NUMBER}]})
    assert numbers(answer) == ["not_allowed", NUMBER]
    assert len(sandbox.arrivals) == 1


def test_the_log_has_a_line_for_the_batch_and_one_for_each_query(function: Function, log: Any) -> None:
    numbers = (NUMBER, "bad", "4915112345678", NUMBER)
    function.direct({"queries": [{"phoneNumber": number} for number in numbers]})
    line, *queries = log()
    assert (line["queries"], line["failed"], line["status"]) == (4, 2, 207)
    assert not {"problem", "phoneNumber", "attempts", "cache"} & set(line), "what is counted by query is told once"
    assert [(q["item"], q["status"], q.get("problem"), q["attempts"]) for q in queries] == [
        (0, 200, None, 1),
        (1, 400, "invalid_request", 0),
        (2, 404, "not_owned", 1),
    ]
