"""Drawn QR codes: an independent decoder finds the deep link in them, and the same access rules apply to them."""

import base64
import io
from typing import Any
from urllib.parse import urljoin

import pytest
import resvg_py
import zxingcpp
from PIL import Image

from tests.conftest import NUMBER, Function, HttpAnswer, classic_event

CODE = "4O4YGZEG3RIVE1"
LINK = f"https://wa.me/message/{CODE}"
TYPES = {"svg": "image/svg+xml", "png": "image/png"}
SHAPES = ["v1", "classic"]


def draw(function: Function, image_format: str, code: str = CODE, **parameters: str) -> HttpAnswer:
    headers = parameters.pop("headers", None)
    return function.http(
        path=f"/qr-codes/{code}.{image_format}", parameters={"phoneNumber": NUMBER, **parameters}, headers=headers
    )


def picture(answer: HttpAnswer) -> Image.Image:
    """The answer's image, on a white page."""
    data = answer.content
    if answer.headers["Content-Type"] == TYPES["svg"]:
        data = bytes(resvg_py.svg_to_bytes(svg_string=data.decode()))
    drawn = Image.open(io.BytesIO(data)).convert("RGBA")
    page = Image.new("RGBA", drawn.size, "white")
    page.alpha_composite(drawn)
    return page.convert("RGB")


def read(answer: HttpAnswer) -> str:
    (found,) = zxingcpp.read_barcodes(picture(answer))
    return str(found.text)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("image_format", TYPES)
def test_the_drawing_reads_as_the_deep_link(function: Function, shape: str, image_format: str) -> None:
    answer = function.http(
        path=f"/prefix/qr-codes/{CODE}.{image_format}", shape=shape, parameters={"phoneNumber": NUMBER}
    )
    assert answer.status == 200
    assert answer.headers["Content-Type"] == TYPES[image_format]
    assert read(answer) == LINK


@pytest.mark.parametrize("image_format", TYPES)
@pytest.mark.parametrize(
    "style",
    [
        {"scale": "1", "border": "4"},
        {"scale": "32", "border": "16"},
        {"dark": "075E54", "light": "transparent"},
        {"dark": "#00f", "light": "#FFFF00"},
        {"scale": "3", "dark": "767676"},
    ],
)
def test_styles_can_be_read(function: Function, image_format: str, style: dict[str, str]) -> None:
    answer = draw(function, image_format, **style)
    assert answer.status == 200
    drawn = picture(answer)
    if drawn.width < 200:
        drawn = drawn.resize((drawn.width * 6, drawn.height * 6), Image.Resampling.NEAREST)
    assert [found.text for found in zxingcpp.read_barcodes(drawn)] == [LINK]


def test_scale_and_border_say_how_large_it_is(function: Function) -> None:
    modules = 29
    assert picture(draw(function, "png")).size == (8 * (modules + 8),) * 2
    assert picture(draw(function, "png", scale="5", border="0")).size == (5 * modules,) * 2


UNUSABLE = {
    "scale": ["0", "33", "2.5", "4,4", "8.0", " 8", "+8", "1_0", "٨", "", "9" * 5000],
    "border": ["4.0", "-1", "17"],
    "dark": ["red", 'fff"/><script>', "000\n", "ff0", "transparent"],
    "light": ["12345", "#000000", "url(#a)"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in UNUSABLE.items() for value in values])
def test_an_unusable_style_is_told_before_anything_is_asked(
    function: Function, sandbox: Any, field: str, value: str
) -> None:
    problem = draw(function, "svg", **{field: value}).problem
    assert problem["code"] == "invalid_request"
    (error,) = problem["errors"]
    assert error["field"] in (field, "dark")
    assert value not in error["message"] or value in ("", "0")
    assert not sandbox.arrivals


def test_a_style_may_come_in_the_path_parameters_of_the_classic_gateway(function: Function) -> None:
    event = classic_event(path=f"/qr-codes/{CODE}.png", parameters={"phoneNumber": NUMBER})
    event["pathParameters"] = {"border": "0"}
    assert picture(HttpAnswer(function.direct(event))).size == (8 * 29,) * 2


@pytest.mark.parametrize("image_format", TYPES)
def test_headers(function: Function, image_format: str) -> None:
    headers = draw(function, image_format).headers
    assert headers["Cache-Control"] == "private, max-age=86400"
    assert "Age" not in headers
    assert headers["Content-Disposition"] == f'inline; filename="{CODE}.{image_format}"'
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("image_format", TYPES)
def test_the_same_drawing_has_the_same_entity_tag(function: Function, image_format: str) -> None:
    first = draw(function, image_format)
    assert draw(function, image_format).content == first.content
    assert draw(function, image_format, scale="9").headers["ETag"] != first.headers["ETag"]
    again = draw(function, image_format, headers={"If-None-Match": first.headers["ETag"]})  # type: ignore[arg-type]
    assert (again.status, again.body) == (304, "")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/qr-codes", "/qr-codes/"),
        ("/qr-codes/", "/qr-codes/"),
        ("/", "/qr-codes/"),
        ("/a/b/qr-codes", "/a/b/qr-codes/"),
        (f"/a/qr-codes/{CODE}", "/a/qr-codes/"),
        (f"/a/qr-codes/{CODE}/", "/a/qr-codes/"),
    ],
)
def test_svg_url_is_relative_to_the_request(function: Function, path: str, expected: str) -> None:
    parameters = {"phoneNumber": NUMBER, "custSpaceId": "cams-8filvjc8snw"}
    found = function.http(path=path, parameters=parameters).json
    url = (found["qrCodes"][0] if "qrCodes" in found else found)["svgUrl"]
    drawing, query = urljoin(f"https://example.com{path}", url).split("?")
    assert drawing == f"https://example.com{expected}{CODE}.svg"
    assert query == f"phoneNumber={NUMBER}&custSpaceId=cams-8filvjc8snw"
    assert read(function.http(path=drawing.removeprefix("https://example.com"), parameters=parameters)) == LINK


def test_who_is_no_http_caller_has_no_url_to_be_relative_to(function: Function) -> None:
    assert [code["svgUrl"] for code in function.ask()["result"]["qrCodes"]] == [None, None]


@pytest.mark.parametrize("path", [f"/qr-codes/{CODE}", f"/prefix/qr-codes/{CODE}"])
def test_one_code(function: Function, path: str) -> None:
    parameters = {"phoneNumber": NUMBER}
    (listed,) = (c for c in function.http(parameters=parameters).json["qrCodes"] if c["code"] == CODE)
    answer = function.http(path=path, parameters=parameters)
    assert answer.status == 200
    assert answer.json == {**listed, "svgUrl": f"{CODE}.svg?phoneNumber={NUMBER}"}
    again = function.http(path=path, parameters=parameters, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304


@pytest.mark.parametrize("ending", ["", ".svg", ".png"])
def test_a_code_the_number_does_not_have(function: Function, log: Any, ending: str) -> None:
    problem = function.http(path=f"/qr-codes/4o4ygzeg3rive1{ending}", parameters={"phoneNumber": NUMBER}).problem
    assert (problem["status"], problem["code"]) == (404, "not_found")


def test_a_code_without_a_link(function: Function) -> None:
    number = "16660000005"
    (code,) = function.http(parameters={"phoneNumber": number}).json["qrCodes"]
    assert code["deepLinkUrl"] is None
    assert code["svgUrl"] is None
    answer = function.http(path=f"/qr-codes/{code['code']}.svg", parameters={"phoneNumber": number})
    assert answer.problem["code"] == "not_found"


def test_a_code_that_is_none_and_a_link_that_is_too_long(function: Function) -> None:
    number = "8613800000007"
    codes = function.http(parameters={"phoneNumber": number}).json["qrCodes"]
    assert [code["svgUrl"] for code in codes] == [None, None]
    assert len(codes[1]["deepLinkUrl"]) > 512


@pytest.mark.parametrize(
    "path",
    [
        "/qr-codes/a/b.svg",
        f"/codes/{CODE}.svg",
        f"/qr-codes/{CODE}.gif",
        f"/qr-codes/{CODE}.svg.svg",
        "/qr-codes/.svg",
        "/qr-codes/a%2Fb",
        "/qr-codes/%0d%0aX-A:%20b.svg",
        "/qr-codes/" + "A" * 65,
    ],
)
def test_no_such_route(function: Function, path: str) -> None:
    assert function.http(path=path, parameters={"phoneNumber": NUMBER}).problem["code"] == "not_found"


@pytest.mark.parametrize("ending", ["", ".svg", ".png"])
def test_other_methods(function: Function, ending: str) -> None:
    answer = function.http("POST", f"/qr-codes/{CODE}{ending}", parameters={"phoneNumber": NUMBER})
    assert answer.problem["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "GET, OPTIONS"
    preflight = function.http("OPTIONS", f"/qr-codes/{CODE}{ending}")
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, OPTIONS"


@pytest.mark.parametrize("ending", ["", ".svg", ".png"])
def test_who_may_not_ask_for_the_list_may_not_see_a_code_of_it(function: Function, sandbox: Any, ending: str) -> None:
    function.configure(ALLOWED_PHONE_NUMBERS="4915112345678", CACHE_TTL_SECONDS="60")
    assert function.http(path=f"/qr-codes/{CODE}{ending}", parameters={"phoneNumber": NUMBER}).status == 403
    assert not sandbox.arrivals


@pytest.mark.parametrize("ending", ["", ".svg", ".png"])
def test_a_drawing_is_of_the_callers_own_space(function: Function, ending: str) -> None:
    function.configure(CUST_SPACE_HEADER="X-Space", CACHE_TTL_SECONDS="60")
    path, number = f"/qr-codes/{CODE}{ending}", {"phoneNumber": NUMBER}
    own = {"X-Space": "cams-8filvjc8snw"}
    answer = function.http(path=path, parameters=number, headers=own)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert function.http(path=path, parameters=number).status == 403
    assert function.http(path=path, parameters={**number, "custSpaceId": "293483938849493"}, headers=own).status == 403
    # What is cached for one space is nothing to another: CAMS says this one is somebody else's.
    assert function.http(path=path, parameters=number, headers={"X-Space": "somebody"}).problem["code"] == "not_owned"


def test_drawing_a_number_in_the_cache_asks_nobody(function: Function, sandbox: Any) -> None:
    function.configure(CACHE_TTL_SECONDS="60")
    function.http(parameters={"phoneNumber": NUMBER})
    answer = draw(function, "png")
    assert base64.b64encode(answer.content).decode() == answer.body
    assert answer.headers["Cache-Status"].startswith("cams-qr; hit")
    assert len(sandbox.arrivals) == 1
