"""HTTP: routes, methods, bodies and headers, the same through both gateways' event shapes."""

import base64
import json
from typing import Any

import pytest

from tests.conftest import NUMBER, Function, HttpAnswer

pytestmark = pytest.mark.parametrize("shape", ["v1", "classic"])

KEYS = ["phoneNumber", "custSpaceId", "qrCodes", "requestId", "fetchedAt", "stale"]
ITEM_KEYS = ["code", "phoneNumber", "prefilledMessage", "deepLinkUrl", "imageUrl", "imageFormat", "svgUrl"]


def post(function: Function, shape: str, body: Any, content_type: str = "application/json") -> HttpAnswer:
    text = body if isinstance(body, str) else json.dumps(body)
    encoded = base64.b64encode(text.encode()).decode() if shape == "classic" else text
    headers = {"content-type": content_type} if content_type else {}
    return function.http("POST", shape=shape, headers=headers, body=encoded, is_base64=shape == "classic")


def test_get_answers_the_list(function: Function, shape: str) -> None:
    answer = function.http(
        shape=shape, parameters={"phoneNumber": "+86 138-0000-1234", "custSpaceId": "cams-8filvjc8snw"}
    )
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert list(answer.json) == KEYS
    assert answer.json["phoneNumber"] == NUMBER
    assert answer.json["custSpaceId"] == "cams-8filvjc8snw"
    assert answer.json["stale"] is False
    first, second = answer.json["qrCodes"]
    assert list(first) == ITEM_KEYS
    assert first["code"] == "4O4YGZEG3RIVE1"
    assert first["deepLinkUrl"] == "https://wa.me/message/4O4YGZEG3RIVE1"
    assert second["prefilledMessage"] == "你好，我想预约 🗓️"
    assert second["imageFormat"] == "SVG"


def test_post_answers_the_list(function: Function, shape: str) -> None:
    answer = post(function, shape, {"phoneNumber": NUMBER})
    assert answer.status == 200
    assert answer.json["custSpaceId"] is None
    assert len(answer.json["qrCodes"]) == 2


def test_a_number_without_codes_has_an_empty_list(function: Function, shape: str) -> None:
    assert function.http(shape=shape, parameters={"phoneNumber": "8613800000000"}).json["qrCodes"] == []


def test_two_thousand_codes_are_all_there(function: Function, shape: str) -> None:
    codes = function.http(shape=shape, parameters={"phoneNumber": "8613800002000"}).json["qrCodes"]
    assert len({code["code"] for code in codes}) == 2000


@pytest.mark.parametrize(
    "path", ["", "/", "/qr-codes", "/qr-codes/", "/qr%2Dcodes", "/stage/v2/qr-codes", "/2016-08-15/proxy/x/qr-codes"]
)
def test_routes_match_on_the_end_of_the_path(function: Function, shape: str, path: str) -> None:
    if shape == "classic":
        path = path.replace("%2D", "-")
    assert function.http(path=path, shape=shape, parameters={"phoneNumber": NUMBER}).status == 200


@pytest.mark.parametrize(
    "path", ["/qr-codes/4O4YGZEG3RIVE1/x", "/qr-code", "/prefix/", "/QR-CODES", "/qr-codes%2F..", "//x"]
)
def test_other_paths_are_not_found(function: Function, shape: str, path: str) -> None:
    answer = function.http(path=path, shape=shape, parameters={"phoneNumber": NUMBER})
    assert answer.status == 404
    assert answer.problem["code"] == "not_found"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "TRACE", ""])
def test_other_methods_are_not_allowed(function: Function, shape: str, method: str) -> None:
    answer = function.http(method, shape=shape, parameters={"phoneNumber": NUMBER})
    assert answer.status == 405
    assert answer.problem["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "GET, POST, OPTIONS"


@pytest.mark.parametrize("name", ["phoneNumber", "PhoneNumber"])
def test_the_spellings_of_the_api_are_accepted(function: Function, shape: str, name: str) -> None:
    assert function.http(shape=shape, parameters={name: NUMBER, "CustSpaceId": "cams-8filvjc8snw"}).status == 200
    assert post(function, shape, {name: NUMBER, "CustSpaceId": "cams-8filvjc8snw"}).status == 200


def test_unknown_url_parameters_are_ignored(function: Function, shape: str) -> None:
    assert function.http(shape=shape, parameters={"phoneNumber": NUMBER, "utm_source": "mail"}).status == 200


def test_an_unknown_body_field_is_an_error(function: Function, shape: str) -> None:
    answer = post(function, shape, {"phoneNumber": NUMBER, "custSpaceID": "cams-8filvjc8snw"})
    assert answer.status == 400
    assert [error["field"] for error in answer.problem["errors"]] == ["custSpaceID"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json", ""]
)
def test_json_bodies_are_accepted(function: Function, shape: str, content_type: str) -> None:
    assert post(function, shape, {"phoneNumber": NUMBER}, content_type).status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
def test_other_bodies_are_not_supported(function: Function, shape: str, content_type: str) -> None:
    answer = post(function, shape, {"phoneNumber": NUMBER}, content_type)
    assert answer.status == 415
    assert answer.problem["code"] == "unsupported_media_type"


def test_form_bodies_are_not_supported(function: Function, shape: str) -> None:
    # The classic gateway has parsed the form already; that does not make it JSON the caller sent.
    body = json.dumps({"phoneNumber": NUMBER}) if shape == "classic" else f"phoneNumber={NUMBER}"
    answer = function.http(
        "POST", shape=shape, headers={"Content-Type": "application/x-www-form-urlencoded"}, body=body
    )
    assert answer.status == 415


def test_a_body_of_64_kib_is_read_and_a_larger_one_is_not(function: Function, shape: str) -> None:
    query = json.dumps({"phoneNumber": NUMBER})
    assert post(function, shape, query + " " * (64 * 1024 - len(query))).status == 200
    for size in (64 * 1024 + 1, 1024 * 1024):
        answer = post(function, shape, query + " " * (size - len(query)))
        assert answer.status == 413
        assert answer.problem["code"] == "payload_too_large"


def test_header_names_are_looked_up_whatever_their_case(function: Function, shape: str) -> None:
    for name in ("content-type", "Content-Type", "CONTENT-TYPE"):
        answer = function.http("POST", shape=shape, headers={name: "text/html"}, body="{}")
        assert answer.status == 415


def test_every_answer_carries_the_request_id(function: Function, shape: str) -> None:
    for path, method in (("/qr-codes", "GET"), ("/nowhere", "GET"), ("/qr-codes", "OPTIONS")):
        assert function.http(method, path, shape=shape).headers["X-Request-Id"].startswith("1-")


def test_null_parts_of_the_event_count_as_absent(function: Function, shape: str) -> None:
    answer = function.http(shape=shape, parameters=[], headers=[], body=None, is_base64=None)
    assert answer.status == 400
    assert answer.problem["errors"][0]["field"] == "phoneNumber"


def test_isbase64encoded_is_honoured_in_both_shapes(function: Function, shape: str) -> None:
    body = base64.b64encode(json.dumps({"phoneNumber": NUMBER}).encode()).decode()
    assert function.http("POST", shape=shape, body=body, is_base64=True).status == 200
    assert function.http("POST", shape=shape, body=body, is_base64=False).status == 400


@pytest.mark.parametrize("parameters", [{"custSpaceId": 12345}, {"custSpaceId": ["cams-8filvjc8snw"]}])
def test_a_parameter_that_is_no_string_is_not_left_out(function: Function, shape: str, parameters: Any) -> None:
    answer = function.http(shape=shape, parameters={"phoneNumber": NUMBER, **parameters})
    assert (answer.status, answer.problem["errors"][0]["field"]) == (400, "custSpaceId")


def test_a_post_may_have_parameters_in_its_url(function: Function, shape: str) -> None:
    own, other = {"custSpaceId": "cams-8filvjc8snw"}, {"CustSpaceId": "293483938849493"}
    body = json.dumps({"phoneNumber": NUMBER})
    assert function.http("POST", shape=shape, parameters=own, body=body).json["custSpaceId"] == own["custSpaceId"]
    answer = function.http("POST", shape=shape, parameters=own, body=json.dumps({"phoneNumber": NUMBER, **other}))
    assert (answer.status, answer.problem["errors"][0]["message"]) == (400, "is given twice; give it once")


def test_a_form_is_refused_however_it_arrives(function: Function, shape: str) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for body in ({"phoneNumber": NUMBER}, json.dumps({"phoneNumber": NUMBER}), f"phoneNumber={NUMBER}"):
        answer = function.http("POST", shape=shape, headers=headers, body=body)
        assert answer.problem["code"] == "unsupported_media_type"


def test_the_flag_for_base64_may_be_text(function: Function, shape: str) -> None:
    body = base64.b64encode(json.dumps({"phoneNumber": NUMBER}).encode()).decode()
    assert function.http("POST", shape=shape, body=body, is_base64="true").status == 200
