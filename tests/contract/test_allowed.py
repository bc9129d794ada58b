"""Who may query what: the deployment's allow-lists, and the caller's own space."""

import json
from typing import Any

import pytest

from cams_qr.events.answers import QueryFailed
from local.sandbox import Sandbox
from tests.conftest import NUMBER, Function, HttpAnswer, v1_event, wrapped_event

OWN = "cams-8filvjc8snw"
OTHER = "293483938849493"


def test_only_allowed_numbers(function: Function, sandbox: Sandbox) -> None:
    function.configure(ALLOWED_PHONE_NUMBERS="+86 138-0000-1234, 8613800000000")
    assert function.ask("+86 (138) 0000 1234")["status"] == 200
    problem = function.ask("6281200001234")["problem"]
    assert (problem["code"], problem["status"]) == ("not_allowed", 403)
    assert len(sandbox.arrivals) == 1


def test_only_allowed_spaces(function: Function, sandbox: Sandbox) -> None:
    function.configure(ALLOWED_CUST_SPACE_IDS=OWN)
    assert function.ask(custSpaceId=OWN)["status"] == 200
    for fields in ({"custSpaceId": OTHER}, {"custSpaceId": OWN.upper()}, {}):
        problem = function.ask(**fields)["problem"]
        assert problem["code"] == "not_allowed"
        assert ("give a custSpaceId" in problem["detail"]) == (not fields)
    assert len(sandbox.arrivals) == 1


@pytest.mark.parametrize("shape", ["v1", "classic"])
def test_the_gateways_header_names_the_callers_only_space(function: Function, sandbox: Sandbox, shape: str) -> None:
    function.configure(CUST_SPACE_HEADER="X-Cust-Space")
    for parameters in ({"phoneNumber": NUMBER}, {"phoneNumber": NUMBER, "custSpaceId": OWN}):
        answer = function.http(shape=shape, headers={"x-cust-space": OWN}, parameters=parameters)
        assert answer.json["custSpaceId"] == OWN
    body = json.dumps({"phoneNumber": NUMBER})
    assert function.http("POST", shape=shape, headers={"X-CUST-SPACE": OWN}, body=body).json["custSpaceId"] == OWN
    assert [query["CustSpaceId"] for query in sandbox.queries] == [OWN] * 3


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_header_given_twice_is_refused(function: Function, sandbox: Sandbox, wrapped: bool) -> None:
    function.configure(CUST_SPACE_HEADER="X-Cust-Space")
    event = json.dumps(v1_event(headers={"X-Cust-Space": OWN, "X-Twice": OTHER}, parameters={"phoneNumber": NUMBER}))
    event = event.replace("X-Twice", "X-Cust-Space")
    answer = (
        function.direct(wrapped_event(event, headers={"X-Cust-Space": OWN}))
        if wrapped
        else function.raw(event.encode())
    )
    assert HttpAnswer(answer).problem["errors"][0]["message"] == "is given twice; give it once"
    assert not sandbox.arrivals


def test_a_parameter_given_twice_is_refused(function: Function, sandbox: Sandbox) -> None:
    event = json.dumps(v1_event(parameters={"phoneNumber": "6281200001234", "twice": NUMBER}))
    answer = function.raw(event.replace("twice", "phoneNumber").encode())
    assert HttpAnswer(answer).problem["errors"] == [{"field": "phoneNumber", "message": "is given twice; give it once"}]
    assert not sandbox.arrivals


@pytest.mark.parametrize(
    ("headers", "space"),
    [
        ({}, None),
        ({}, OWN),
        ({"X-Cust-Space": ""}, None),
        ({"X-Cust-Space": OWN}, OTHER),
        ({"X-Cust-Space": OWN}, OWN.upper()),
        ({"X-Cust-Space": f"{OWN},{OTHER}"}, None),
        ({"X-Cust-Space": f"{OWN},{OTHER}"}, OTHER),
        ({"X-Cust-Space": OWN, "x-cust-space": OTHER}, None),
        ({"X-Cust-Space": f" {OWN}"}, None),
        ({"X-Cust-Space": [OWN]}, None),
        ({"X-Cust-Space": [], "x-cust-space": OWN}, None),
    ],
)
def test_there_is_no_way_around_the_header(
    function: Function, sandbox: Sandbox, headers: dict[str, str], space: str | None
) -> None:
    function.configure(CUST_SPACE_HEADER="X-Cust-Space")
    parameters = {"phoneNumber": NUMBER} | ({"custSpaceId": space} if space else {})
    assert function.http(headers=headers, parameters=parameters).problem["code"] == "not_allowed"
    assert sandbox.arrivals == []


ALLOWED = "8613800001234"
FORBIDDEN = "6281200001234"
WAYS_AROUND: dict[str, dict[str, Any]] = {
    "two spellings": {"phoneNumber": ALLOWED, "PhoneNumber": FORBIDDEN},
    "joined by a comma": {"phoneNumber": f"{ALLOWED},{FORBIDDEN}"},
    "full-width digits": {"phoneNumber": "６２８１２００００１２３４"},
    "Arabic digits": {"phoneNumber": "٦٢٨١٢٠٠٠٠١٢٣٤"},
    "percent-encoded twice": {"phoneNumber": "%36281200001234"},
    "a zero-width space": {"phoneNumber": f"{FORBIDDEN}\u200b"},
    "a line break": {"phoneNumber": f"{ALLOWED}\n{FORBIDDEN}"},
    "a list": {"phoneNumber": [ALLOWED, FORBIDDEN]},
    "an object": {"phoneNumber": {"phoneNumber": FORBIDDEN}},
    "a number": {"phoneNumber": int(FORBIDDEN)},
    "other parentheses": {"phoneNumber": f"+{FORBIDDEN[:2]} ({FORBIDDEN[2:5]}) {FORBIDDEN[5:]}"},
}


@pytest.mark.parametrize("way", WAYS_AROUND)
@pytest.mark.parametrize("caller", ["url", "body", "direct", "batch", "image"])
def test_there_is_no_way_around_the_allowed_numbers(
    function: Function, sandbox: Sandbox, caller: str, way: str
) -> None:
    function.configure(ALLOWED_PHONE_NUMBERS=ALLOWED)
    fields = WAYS_AROUND[way]
    if caller == "direct":
        problem = function.direct(fields)["problem"]
    elif caller == "batch":
        allowed, forbidden = function.direct({"queries": [{"phoneNumber": ALLOWED}, fields]})["results"]
        assert allowed["status"] == 200
        problem = forbidden["problem"]
    elif caller == "body":
        problem = function.http("POST", body=json.dumps(fields)).problem
    else:
        path = "/qr-codes" if caller == "url" else "/qr-codes/5QBPAD2DC6L5A1.svg"
        problem = function.http(path=path, parameters=fields).problem
    assert problem["code"] == ("not_allowed" if way == "other parentheses" else "invalid_request")
    assert {query["PhoneNumber"] for query in sandbox.queries} <= {ALLOWED}


@pytest.mark.parametrize("body", [f'{{"phoneNumber": "{ALLOWED}", "phoneNumber": "{FORBIDDEN}"}}', ""])
def test_a_number_given_twice(function: Function, sandbox: Sandbox, body: str) -> None:
    function.configure(ALLOWED_PHONE_NUMBERS=ALLOWED)
    body = body or json.dumps({"phoneNumber": FORBIDDEN})
    assert function.http("POST", parameters={"phoneNumber": ALLOWED}, body=body).problem["code"] == "invalid_request"
    assert sandbox.arrivals == []


def test_buses_too(function: Function, sandbox: Sandbox) -> None:
    function.configure(ALLOWED_PHONE_NUMBERS=ALLOWED)
    with pytest.raises(QueryFailed, match="not_allowed"):
        function.direct({"specversion": "1.0", "data": {"phoneNumber": FORBIDDEN}})
    assert [r["status"] for r in function.direct([{"phoneNumber": ALLOWED}, FORBIDDEN])["results"]] == [200, 403]


@pytest.mark.parametrize("condition", ["none", "the other's entity tag", "*"])
def test_what_is_cached_for_one_space_is_not_told_to_another(
    function: Function, sandbox: Sandbox, condition: str
) -> None:
    function.configure(CUST_SPACE_HEADER="X-Cust-Space", CACHE_TTL_SECONDS="60")
    number = {"phoneNumber": NUMBER}
    own = function.http(headers={"X-Cust-Space": OWN}, parameters=number)
    other = {"X-Cust-Space": "somebody-else"}
    if condition != "none":
        other["If-None-Match"] = own.headers["ETag"] if condition != "*" else "*"
    answer = function.http(headers=other, parameters=number)
    assert answer.problem["code"] == "not_owned"
    assert answer.headers["Cache-Control"] == "no-store"
    assert [query["CustSpaceId"] for query in sandbox.queries] == [OWN, "somebody-else"]
