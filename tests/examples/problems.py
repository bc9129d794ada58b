"""A request that produces each problem of the table, and the function behind the local gateway that answers it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from local.fc import starting
from local.gateway import gateway
from local.serve import serve
from tests.conftest import Function

_BROKEN = "15550000000"


class Asked(NamedTuple):
    """A route, and for POST the body and its type; the page's origin, if a page asks."""

    route: str
    body: str | None = None
    content_type: str = "application/json"
    origin: str | None = None


def _number(number: str) -> Asked:
    return Asked(f"qr-codes?phoneNumber={number}")


ASKED = {
    "invalid_request": _number("abc"),
    "not_allowed": _number("15559999999"),
    "origin_not_allowed": Asked("openapi.json", origin="https://elsewhere.example.com"),
    "not_subscribed": _number("15554000001"),
    "permission_denied": _number("15554030002"),
    "not_found": Asked("nowhere"),
    "not_owned": _number("4915112345678"),
    "method_not_allowed": Asked("openapi.json", "{}"),
    "payload_too_large": Asked("qr-codes", json.dumps({"phoneNumber": "1" * 65536})),
    "unsupported_media_type": Asked("qr-codes", "phoneNumber=1", "application/x-www-form-urlencoded"),
    "throttled": _number("15554000003"),
    "credentials_unavailable": _number("15554030012"),
    "internal_error": _number(_BROKEN),
    "upstream_error": _number("15554000029"),
    "upstream_invalid_response": _number("16660000011"),
    "upstream_unavailable": _number("16660000028"),
    "upstream_timeout": _number("16660000031"),
}


@contextmanager
def every_problem(function: Function) -> Iterator[str]:
    """The URL of a gateway; each request meets a fresh instance, so that no problem leads to another."""
    numbers = {code: asked.route.partition("=")[2] for code, asked in ASKED.items()}
    allowed = [number for code, number in numbers.items() if number.isdigit() and code != "not_allowed"]
    function.configure(ALLOWED_PHONE_NUMBERS=",".join(allowed), CAMS_MAX_WAIT_SECONDS="0")
    function.timeout = 3

    def handler(event: bytes, context: Any) -> Any:
        function.start()
        return function.raw(event, _Broken(context) if _BROKEN.encode() in event else context)

    with serve(gateway(handler, function.context)) as address:
        yield f"http://{address}"


@contextmanager
def noting(function: Function) -> Iterator[tuple[str, list[int]]]:
    """The URL of a gateway, and the statuses with which the function answers there."""
    statuses: list[int] = []

    def handler(event: bytes, context: Any) -> Any:
        answer = function.raw(event, context)
        statuses.append(answer["statusCode"])
        return answer

    with serve(gateway(handler, function.context)) as address:
        yield f"http://{address}", statuses


@contextmanager
def one_at_a_time(function: Function) -> Iterator[str]:
    """The URL of a gateway that refuses who comes while another is answered, which takes a while."""

    def handler(event: bytes, context: Any) -> Any:
        time.sleep(0.4)
        return function.raw(event, context)

    with serve(gateway(handler, function.context, reserved=True)) as address:
        yield f"http://{address}"


@contextmanager
def that_does_not_start(function: Function) -> Iterator[str]:
    """The URL of a gateway in front of a function whose settings are wrong until the third call."""
    rates = iter(["many", "many"])

    def initialize(context: Any) -> None:
        function.configure(CAMS_QPS=next(rates, "1000"))
        function.start().initialize(context)

    with serve(gateway(starting(initialize, function.raw), function.context)) as address:
        yield f"http://{address}"


class _Broken:
    """A context whose credentials raise, which no context should."""

    def __init__(self, context: Any) -> None:
        self.__dict__.update({name: value for name, value in vars(context).items() if name != "credentials"})

    @property
    def credentials(self) -> Any:
        raise LookupError
