"""Marker words in every credential, input and upstream field appear only where the contract says that they do."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from cams_qr.events.answers import QueryFailed
from local.serve import serve
from local.traps import ERRORS
from testing.contract import EVENTS
from tests.conftest import Function, further

NUMBER = "8613987654321"
SPACE = "CANARY-space"
CREDENTIALS = SimpleNamespace(
    access_key_id="CANARYkeyid", access_key_secret="CANARYsecret", security_token="CANARYtoken"
)
URL = "https://canary.example.net/CANARYurl?oh=CANARYsignature"
# What a list may tell to those who ask for it, and nobody else.
ITEM = {
    "QrdlCode": "CANARYCODE",
    "PhoneNumber": NUMBER,
    "PrefilledMessage": "CANARY message",
    "DeepLinkUrl": "https://wa.me/message/CANARYCODE",
    "QrImageUrl": URL,
    "GenerateQrImage": "PNG",
    "Extra": "CANARYextra",
}
NOISE = {
    "Message": "CANARYmessage of an error for CANARYtoken",
    "Recommend": URL,
    "HostId": "CANARYhost",
    "AccessDeniedDetail": {"EncodedDiagnosticMessage": "CANARYdiagnosis", "AuthPrincipalOwnerId": "CANARYowner"},
    "Extra": [{"deep": "CANARYdeep"}],
}


def failure(code: str, status: int) -> web.Response:
    return web.json_response({"Code": code, "RequestId": "R-1", **NOISE}, status=status)


UPSTREAM: dict[str, Callable[[], web.Response]] = {
    "a list": lambda: web.json_response({"Code": "OK", "RequestId": "R-1", "Data": [ITEM], **NOISE}),
    "a list of text": lambda: web.json_response({"Code": "OK", "Data": ["CANARYtext"], **NOISE}),
    "text for a list": lambda: web.json_response({"Code": "OK", "Data": "CANARYtext", **NOISE}),
    "an object for a field": lambda: web.json_response({"Code": "OK", "Data": [{"QrdlCode": {"a": "CANARYa"}}]}),
    "HTML": lambda: web.Response(text=f"<html>CANARYhtml {URL}</html>", content_type="text/html"),
    "HTML, 502": lambda: web.Response(text=f"<html>CANARYhtml {URL}</html>", content_type="text/html", status=502),
    "half a JSON text": lambda: web.Response(text='{"Code": "OK", "Data": [{"QrdlCode": "CANARYhalf'),
    "an array": lambda: web.json_response(["CANARYarray"], status=400),
    "a redirect": lambda: web.Response(status=302, headers={"Location": URL}),
    "a code that is a sentence": lambda: failure("CANARYcode <b>of</b> several words", 400),
    "a code that is an object": lambda: web.json_response({"Code": {"a": "CANARYa"}, **NOISE}, status=400),
    "headers": lambda: web.json_response({"Code": "Forbidden"}, status=403, headers={"X-Acs-Canary": "CANARYheader"}),
    **{
        f"{code}, {status}": partial(failure, code, status) for code, _ in ERRORS.values() for status in (200, 403, 500)
    },
}


@pytest.fixture
def upstream() -> Iterator[SimpleNamespace]:
    """A CAMS that answers what it is told, and notes what it is asked."""
    state = SimpleNamespace(answer="a list", address="")

    async def answer(request: web.Request) -> web.Response:
        return UPSTREAM[state.answer]()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    with serve(app) as state.address:
        yield state


def planted(trigger: str) -> dict[str, Any]:
    """An event of the kind, with words in every place that a caller can fill."""
    event: Any = EVENTS[trigger](NUMBER)
    if trigger in ("http_trigger", "drawing", "api_gateway"):
        names = (
            "Authorization",
            "Cookie",
            "X-Fc-Access-Key-Id",
            "X-Fc-Security-Token",
            "X-Forwarded-For",
            "User-Agent",
        )
        event["headers"] = {**event["headers"], **{name: f"CANARY{name}" for name in names}}
        event["queryParameters"] = {**event.get("queryParameters", {}), "utm": "CANARYparameter", "custSpaceId": SPACE}
        if trigger == "api_gateway":
            event["headers"]["X-Ca-Api-Gateway"] = "CANARYgateway"
    elif trigger == "cloud_event":
        event |= {"source": "CANARYsource", "subject": "CANARYsubject"}
    elif trigger == "topic":
        event |= {"Attributes": {"a": "CANARYattribute"}}
    return event  # type: ignore[no-any-return]


def answer_of(function: Function, event: Any) -> str:
    context = function.context(credentials=CREDENTIALS)
    try:
        return json.dumps(function.direct(event, context))
    except QueryFailed as failed:
        return str(failed)


FIRST = ("http_trigger", "topic")


@pytest.mark.parametrize("trigger", [*FIRST, *further(*(trigger for trigger in EVENTS if trigger not in FIRST))])
@pytest.mark.parametrize("debug", ["sdk", *further("")])
def test_nothing_leaks(
    function: Function, upstream: SimpleNamespace, capfd: pytest.CaptureFixture[str], trigger: str, debug: str
) -> None:
    function.configure(CAMS_ENDPOINT=upstream.address, DEBUG=debug, LOG_LEVEL="DEBUG", CACHE_STALE_SECONDS="0")
    function.timeout = 0.5
    for name in UPSTREAM:
        upstream.answer = name
        told = answer_of(function, planted(trigger))
        if name != "a list":
            assert "CANARY" not in told, name
            assert NUMBER not in told, name
        for secret in ("CANARYkeyid", "CANARYsecret", "CANARYtoken", "CANARYdiagnosis", "CANARYextra", "CANARYhost"):
            assert secret not in told, name
    printed = capfd.readouterr()
    assert printed.err == ""
    assert "CANARY" not in printed.out
    assert NUMBER not in printed.out
    assert "canary.example.net" not in printed.out


def test_bad_input_is_not_repeated(function: Function, capfd: pytest.CaptureFixture[str]) -> None:
    for fields in (
        {"phoneNumber": "CANARYnumber"},
        {"phoneNumber": NUMBER, "custSpaceId": "CANARY space"},
        {"phoneNumber": NUMBER, "unknown": "CANARYvalue"},
        {"phoneNumber": ["CANARYlist"]},
    ):
        for event in (fields, {"queries": [fields]}, {"specversion": "1.0", "data": fields}, {"Message": "CANARYtext"}):
            told = answer_of(function, event)
            assert "CANARY" not in told
            assert NUMBER not in told
    told = answer_of(function, b"CANARYbytes".decode())
    assert "CANARY" not in told
    assert "CANARY" not in capfd.readouterr().out
