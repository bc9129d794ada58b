"""Who may ask what: the deployment's allow-lists, and the caller's own space."""

import json

import pytest

from local.sandbox import Sandbox
from tests.conftest import NUMBER, Function

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
        assert function.ask(**fields)["problem"]["code"] == "not_allowed"
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
    ],
)
def test_there_is_no_way_around_the_header(
    function: Function, sandbox: Sandbox, headers: dict[str, str], space: str | None
) -> None:
    function.configure(CUST_SPACE_HEADER="X-Cust-Space")
    parameters = {"phoneNumber": NUMBER} | ({"custSpaceId": space} if space else {})
    assert function.http(headers=headers, parameters=parameters).problem["code"] == "not_allowed"
    assert sandbox.arrivals == []
