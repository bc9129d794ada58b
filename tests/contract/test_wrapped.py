"""InvokeFunction on a function with an HTTP trigger: the payload is answered as if it had arrived bare."""

import base64
import json
from typing import Any

import pytest

from cams_qr.events.answers import QueryFailed
from local.sandbox import Sandbox
from tests.conftest import INVOKE_DOMAIN, INVOKE_PATH, NUMBER, Function, classic_event, v1_event, wrapped_event

TRIGGER = "qr-abcdefghij.ap-southeast-1.fcapp.run"
FOREIGN = "4915112345678"
DOWN = "15555030010"
OWN = "cams-8filvjc8snw"
OTHER = "293483938849493"


def cloud_event(data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data}


PAYLOADS: dict[str, Any] = {
    "direct": {"phoneNumber": NUMBER, "custSpaceId": OWN},
    "direct that fails": {"phoneNumber": FOREIGN},
    "direct, no query": {"phoneNumber": "bad"},
    "batch": {"queries": [{"phoneNumber": NUMBER}, {"phoneNumber": FOREIGN}]},
    "no batch": {"queries": []},
    "CloudEvent": cloud_event({"phoneNumber": NUMBER}),
    "CloudEvent that fails": cloud_event({"phoneNumber": FOREIGN}),
    "CloudEvent when CAMS is down": cloud_event({"phoneNumber": DOWN}),
    "stream": [NUMBER, cloud_event({"value": FOREIGN})],
    "stream when CAMS is down": [NUMBER, DOWN],
    "topic": {"Message": NUMBER},
    "topic that fails": {"Message": FOREIGN},
    "timer": {"triggerTime": "2026-11-23T09:00:00Z", "payload": json.dumps({"phoneNumber": NUMBER})},
    "HTTP": v1_event(parameters={"phoneNumber": NUMBER}),
    "HTTP that fails": classic_event(parameters={"phoneNumber": FOREIGN}),
    "nothing known": {"events": []},
}
TEXTS: dict[str, bytes] = {
    "text of a topic": NUMBER.encode(),
    "no JSON": b"haha",
    "nothing": b"",
    "no UTF-8": b"\xff",
    "a key twice": b'{"phoneNumber": "1", "phoneNumber": "2"}',
    "a message with a key twice": b'{"Message": "1", "Message": "2"}',
    **{name: json.dumps(payload).encode() for name, payload in PAYLOADS.items()},
}


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_a_payload_is_answered_as_if_it_came_bare(function: Function, log: Any, name: str, encoded: bool) -> None:
    payload = TEXTS[name]
    context = function.context()
    bare, bare_line = outcome(function, payload, context), log()[0]
    wrapped = json.dumps(wrapped_event(payload if encoded or name == "no UTF-8" else payload.decode())).encode()
    assert outcome(function, wrapped, context) == bare
    line = log()[0]
    assert (line["trigger"], line["status"]) == (bare_line["trigger"], bare_line["status"])
    assert line["route"] == bare_line.get("route", "InvokeFunction")


def outcome(function: Function, event: bytes, context: Any) -> Any:
    """The answer, or what was raised, without what differs from one call to the next."""
    try:
        answer = function.raw(event, context)
    except QueryFailed as failure:
        answer = {"raised": json.loads(str(failure))}
    return without_what_changes(answer)


def without_what_changes(answer: Any) -> Any:
    if isinstance(answer, list):
        return [without_what_changes(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    if "statusCode" in answer:
        headers = {name: value for name, value in answer["headers"].items() if name != "ETag"}
        return {**answer, "headers": headers, "body": without_what_changes(json.loads(answer["body"]))}
    changing = {"requestId", "fetchedAt"}
    return {name: without_what_changes(value) for name, value in answer.items() if name not in changing}


@pytest.mark.parametrize("path", [INVOKE_PATH, "/2023-03-30/functions/other%24name/invocations"])
@pytest.mark.parametrize(
    "domain",
    [INVOKE_DOMAIN, "1.cn-hangzhou-vpc.fc.aliyuncs.com", "fcv3.cn-hangzhou.aliyuncs.com", "fcv3-vpc.eu-1.aliyuncs.com"],
)
def test_where_the_api_is(function: Function, domain: str, path: str) -> None:
    event = wrapped_event(json.dumps({"phoneNumber": NUMBER}), domain, path, parameters={"qualifier": "LATEST"})
    assert function.direct(event)["result"]["phoneNumber"] == NUMBER


HOSTILE: dict[str, dict[str, Any]] = {
    "the trigger's domain": {"domain": TRIGGER},
    "a custom domain": {"domain": "qr.example.com"},
    "a domain that only looks so": {"domain": "1.eu-1.fc.aliyuncs.com.example.com"},
    "a domain that ends so": {"domain": "evilfc.aliyuncs.com"},
    "another of the product's": {"domain": "cn-hangzhou.e2b.fc.aliyuncs.com"},
    "another of the vendor's": {"domain": "bucket.oss.aliyuncs.com"},
    "no domain": {"domain": None},
    "an empty domain": {"domain": ""},
    "a path before it": {"path": f"/x{INVOKE_PATH}"},
    "a path after it": {"path": f"{INVOKE_PATH}/x"},
    "a name of two parts": {"path": "/2023-03-30/functions/a/b/invocations"},
    "another method": {"method": "PUT"},
}


@pytest.mark.parametrize("way", HOSTILE)
@pytest.mark.parametrize("name", ["direct", "batch", "CloudEvent that fails", "stream when CAMS is down"])
def test_a_web_caller_gains_nothing_by_the_path(function: Function, sandbox: Sandbox, way: str, name: str) -> None:
    payload = json.dumps(PAYLOADS[name])
    assert function.direct(wrapped_event(payload, **HOSTILE[way]))["statusCode"] == 404
    foreign = wrapped_event(payload, **HOSTILE[way], headers={"Origin": "https://evil.example.com"})
    assert function.direct(foreign)["statusCode"] == 403
    assert sandbox.arrivals == []


def test_a_wrapping_in_a_wrapping_is_a_request_like_any_other(function: Function, sandbox: Sandbox) -> None:
    event = wrapped_event(json.dumps({"phoneNumber": NUMBER}))
    for _ in range(3):
        event = wrapped_event(json.dumps(event))
        assert function.direct(event)["statusCode"] == 404
    assert sandbox.arrivals == []


@pytest.mark.parametrize("body", [7, [], {"phoneNumber": NUMBER}, "\ud800"])
@pytest.mark.parametrize("is_base64", [False, True])
def test_a_body_that_is_no_payload(function: Function, body: Any, is_base64: bool) -> None:
    answer = function.direct(wrapped_event("", body=body, is_base64=is_base64))
    assert answer["problem"]["code"] == "invalid_request"


ASKING: dict[str, Any] = {
    "direct": lambda fields: fields,
    "batch": lambda fields: {"queries": [fields]},
    "CloudEvent": cloud_event,
    "stream": lambda fields: [cloud_event(fields)],
    "topic in base64": lambda fields: {"Message": base64.b64encode(json.dumps(fields).encode()).decode()},
    "timer": lambda fields: {"triggerTime": "", "payload": json.dumps({"queries": [fields]})},
    "HTTP": lambda fields: v1_event(parameters=fields, headers={"X-Cust-Space": fields.get("custSpaceId", OTHER)}),
}


@pytest.mark.parametrize("kind", ASKING)
@pytest.mark.parametrize(
    ("headers", "space"),
    [
        ({}, None),
        ({}, OWN),
        ({"X-Cust-Space": OWN}, OTHER),
        ({"X-Cust-Space": ""}, OWN),
        ({"X-Cust-Space": f"{OWN},{OTHER}"}, OTHER),
        ({"X-Cust-Space": OWN, "x-cust-space": OTHER}, OTHER),
        ({"X-Cust-Space": [OTHER]}, OTHER),
    ],
)
def test_it_is_no_way_around_the_callers_own_space(
    function: Function, sandbox: Sandbox, kind: str, headers: dict[str, Any], space: str | None
) -> None:
    function.configure(CUST_SPACE_HEADER="X-Cust-Space")
    fields = {"phoneNumber": NUMBER} | ({"custSpaceId": space} if space else {})
    event = wrapped_event(json.dumps(ASKING[kind](fields)), headers=headers)
    try:
        answer = json.dumps(function.direct(event))
    except QueryFailed as failure:
        answer = str(failure)
    assert "not_allowed" in answer
    assert sandbox.arrivals == []


@pytest.mark.parametrize("kind", [kind for kind in ASKING if kind != "HTTP"])
@pytest.mark.parametrize("space", [None, OWN])
def test_its_header_names_the_callers_own_space(
    function: Function, sandbox: Sandbox, kind: str, space: str | None
) -> None:
    function.configure(CUST_SPACE_HEADER="X-Cust-Space")
    fields = {"phoneNumber": NUMBER} | ({"custSpaceId": space} if space else {})
    function.direct(wrapped_event(json.dumps(ASKING[kind](fields)), headers={"x-cust-space": OWN}))
    assert [query["CustSpaceId"] for query in sandbox.queries] == [OWN]
