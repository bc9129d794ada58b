"""A local gateway: turns HTTP requests into Function Compute events, and the function's answers into HTTP.

There are two shapes: `v1`, the HTTP trigger and the cloud-native gateway; and `classic`, the classic API Gateway. The
path of InvokeFunction accepts bare events, like Function Compute's own endpoint (`invocations.py`).

Sources: "HTTP triggers overview", "Use an HTTP trigger to invoke a function", "Configure an API Gateway trigger". What
no page says comes from users' reports, which are named where they matter.
"""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal
from urllib.parse import parse_qsl

from aiohttp import web

from local.acs3 import Refused, Verifier
from local.beliefs import BELIEFS
from local.fc import INITIALIZATION_ERROR, Handler, Invoked, invoke, make_request_id
from local.invocations import PATH, bare, invocations
from local.refusals import refusal
from local.sandbox import DEMO_KEY, DEMO_KEY_ID

Shape = Literal["v1", "classic"]
Domain = Literal["default", "custom"]
DEFAULT_DOMAIN = "cams-qr-abcdefghij.ap-southeast-1.fcapp.run"
# The request's body, for its check; and the headers that the check makes of a token's claims, None for one to drop.
BODY = web.RequestKey("body", bytes)
PASSED = web.RequestKey("passed", dict[str, str | None])

_TEXT_TYPES = ("text/", "application/json", "application/x-www-form-urlencoded", "application/xml")
_MAX_HEADER_BYTES = 8 * 1024
_MAX_TARGET_BYTES = 4 * 1024
_MAX_BODY_BYTES = 32 * 1024 * 1024
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_UNSENDABLE = re.compile(r"[\x00\r\n]")
_OF_PREFLIGHTS = {
    "Access-Control-Request-Method": "Access-Control-Allow-Methods",
    "Access-Control-Request-Headers": "Access-Control-Allow-Headers",
}
_NOT_SETTABLE = {"connection", "content-length", "date", "keep-alive", "server", "upgrade"}


def gateway(
    handler: Handler,
    make_context: Callable[[], Any],
    shape: Shape = "v1",
    reserved: bool = False,
    check: Callable[[web.Request], None] = lambda request: None,
    wrapping: bool = False,
    domain: Domain = "default",
    replacing: bool = False,
) -> web.Application:
    """An application in front of the handler. Like an instance of a built-in runtime, it serves one request at a time.

    Others wait or, with a `reserved` concurrency of 1, are rejected, as in Function Compute. `check` raises Refused for
    requests that the trigger rejects. With `wrapping`, InvokeFunction's payload arrives in an HTTP trigger's event, as
    once captured; according to the documentation it arrives bare. Only on its default `domain` does the trigger change
    answers; there, its CORS headers come beside the function's or, with `replacing`, only if the function sends none
    (see BELIEFS["cors"]).
    """
    instance = ThreadPoolExecutor(max_workers=1, thread_name_prefix="instance")
    one_at_a_time = asyncio.Lock()

    async def answer(request: web.Request) -> web.Response:
        context = make_context()
        body = request[BODY] = await request.read()
        if refused := _over_limits(request, context.request_id) or _refused(check, request, context.request_id):
            return refused
        name = DEFAULT_DOMAIN if domain == "default" else request.host
        event = _v1_event(request, body, context.request_id, name) if shape == "v1" else _classic_event(request, body)
        data = json.dumps(event).encode()
        if reserved and one_at_a_time.locked():
            response = _resource_exhausted(context.request_id)
        else:
            async with one_at_a_time:
                loop = asyncio.get_running_loop()
                invoked = await loop.run_in_executor(instance, invoke, handler, data, context)
            response = _v1_answer(invoked) if shape == "v1" else _classic_answer(invoked)
        if shape == "v1" and domain == "default":
            return _on_default_domain(response, request, context.request_id, replacing)
        return response

    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    verifier = Verifier({DEMO_KEY_ID: DEMO_KEY})
    app.router.add_post(PATH, invocations(handler, make_context, instance, verifier, _wrapped if wrapping else bare))
    app.router.add_route("*", "/{path:.*}", answer)
    return app


def _over_limits(request: web.Request, request_id: str) -> web.Response | None:
    headers = sum(len(name) + len(value) for name, value in request.headers.items())
    if headers > _MAX_HEADER_BYTES or len(request.raw_path) > _MAX_TARGET_BYTES:
        return refusal(Refused("InvalidArgument", "request too large", 400), request_id)
    return None


def _refused(check: Callable[[web.Request], None], request: web.Request, request_id: str) -> web.Response | None:
    """As captured where a token was missing, not declared as JSON."""
    try:
        check(request)
    except Refused as refused:
        return refusal(refused, request_id, "text/plain")
    return None


def _v1_event(request: web.Request, body: bytes, request_id: str, domain_name: str) -> dict[str, Any]:
    text, is_base64 = _body(body, request.content_type)
    return {
        "version": "v1",
        "rawPath": request.rel_url.raw_path,
        "body": text,
        "isBase64Encoded": is_base64,
        "headers": _headers(request),
        "queryParameters": _joined(parse_qsl(request.query_string, keep_blank_values=True)),
        "requestContext": {
            "accountId": "123456789",
            "domainName": domain_name,
            "domainPrefix": domain_name.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.remote or "",
                "userAgent": request.headers.get("User-Agent", ""),
            },
            "requestId": request_id,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "timeEpoch": str(int(time.time() * 1000)),
        },
    }


def _headers(request: web.Request) -> dict[str, str]:
    """The caller's own, and those that the check of its token makes, or drops."""
    passed = {name.title(): value for name, value in request.get(PASSED, {}).items()}
    headers = _joined([(name.title(), value) for name, value in request.headers.items()]) | passed
    return {name: value for name, value in headers.items() if value is not None}


def _wrapped(request: web.Request, payload: bytes) -> bytes:
    """As captured by devsapp/fc3 (`event-template/http.json`): the API's path and domain, the payload as the body."""
    event = _v1_event(request, b"", make_request_id(), "123456789.ap-southeast-1.fc.aliyuncs.com")
    event["body"], event["isBase64Encoded"] = _body(payload, "text/plain")
    return json.dumps(event).encode()


def _classic_event(request: web.Request, body: bytes) -> dict[str, Any]:
    if request.content_type == "application/x-www-form-urlencoded" and body:
        text, is_base64 = json.dumps(dict(parse_qsl(body.decode("utf-8", "replace")))), False
    else:
        text, is_base64 = base64.b64encode(body).decode(), bool(body)
    return {
        "path": request.path,
        "httpMethod": request.method,
        "headers": _joined([(name.lower(), value) for name, value in request.headers.items()]),
        "queryParameters": _joined(parse_qsl(request.query_string, keep_blank_values=True)),
        "pathParameters": {},
        "body": text,
        "isBase64Encoded": is_base64,
    }


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    """The body as text, or in base64 if it is binary or not valid text."""
    if not body or content_type.startswith(_TEXT_TYPES):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _v1_answer(invoked: Invoked) -> web.Response:
    """The HTTP trigger's mapping: 502 for an exception or an invalid struct, 200 for a value that is not a struct.

    A function that does not start is a 200 too (fc.py). For exceptions, 502 is from the FAQ of 2.0.
    """
    struct = _struct(invoked.body)
    if invoked.error_type:
        status = 200 if invoked.error_type == INITIALIZATION_ERROR else 502
        response = web.Response(status=status, body=invoked.body, content_type="application/json")
        response.headers["X-Fc-Error-Type"] = invoked.error_type
    elif struct is None:
        response = web.Response(body=invoked.body, content_type="application/json")
    elif struct.get("isBase64Encoded") and not struct.get("body"):
        # A user's report (sherkevin/quiet-river, relay-fc), which has only the status.
        response = refusal(Refused("BadResponse", "invalid response", 400), invoked.request_id)
    else:
        sent = _to_response(_with_arrays_as_text(struct))
        response = sent or refusal(Refused("BadResponse", "invalid response", 502), invoked.request_id)
    response.headers["X-Fc-Request-Id"] = invoked.request_id
    return response


def _classic_answer(invoked: Invoked) -> web.Response:
    """The classic gateway's mapping: 503 for anything that is not the documented struct."""
    struct = None if invoked.error_type else _struct(invoked.body)
    response = _to_response(struct) if struct else None
    return response or web.Response(status=503, text="Service Unavailable")


def _struct(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "statusCode" in value else None


def _to_response(struct: Mapping[str, Any]) -> web.Response | None:
    status, headers, body = struct["statusCode"], struct.get("headers", {}), struct.get("body", "")
    if not isinstance(status, int) or not 100 <= status <= 599 or not isinstance(body, str):
        return None
    if not isinstance(headers, dict) or not all(_is_header(name, value) for name, value in headers.items()):
        return None
    if sum(len(name) + len(value) for name, value in headers.items()) > _MAX_HEADER_BYTES:
        return None
    try:
        data = base64.b64decode(body, validate=True) if struct.get("isBase64Encoded") else body.encode()
    except ValueError:
        return None
    settable = {
        n: v for n, v in headers.items() if n.lower() not in _NOT_SETTABLE and not n.lower().startswith("x-fc-")
    }
    return web.Response(status=status, headers=settable, body=data)


def _is_header(name: str, value: Any) -> bool:
    return bool(_HEADER_NAME.fullmatch(name)) and isinstance(value, str) and not _UNSENDABLE.search(value)


def _with_arrays_as_text(struct: Mapping[str, Any]) -> Mapping[str, Any]:
    """A header's array is sent as JSON text (a user's report: sherkevin/quiet-river, relay-fc)."""
    headers = struct.get("headers", {})
    if not isinstance(headers, dict):
        return struct
    texts = {n: json.dumps(v, separators=(",", ":")) if isinstance(v, list) else v for n, v in headers.items()}
    return {**struct, "headers": texts}


def _resource_exhausted(request_id: str) -> web.Response:
    return refusal(Refused("ResourceExhausted", "too many requests", int(BELIEFS["over_cap"].value)), request_id)


def _on_default_domain(response: web.Response, request: web.Request, request_id: str, replacing: bool) -> web.Response:
    """What only the default domain does: no redirects, forced downloads, and CORS headers for any origin.

    Sources: "HTTP triggers overview"; users' reports of redirects (sherkevin/quiet-river, different-ai-studio/teamclu),
    of Access-Control-Expose-Headers without an origin (September 2026), and of custom domains, which have no CORS
    headers (kejiweixun.com, January 2024). Which of them a preflight gets is the page's list; that they come beside the
    function's there, too, is inferred.
    """
    if 300 <= response.status < 400 and "Location" in response.headers:
        response = refusal(Refused("ExternalRedirectForbidden", "redirects are forbidden", 400), request_id)
    response.headers.setdefault("Content-Disposition", "attachment")
    added = {"Access-Control-Expose-Headers": "Date,x-fc-request-id"}
    if "Origin" in request.headers:
        added |= {"Access-Control-Allow-Origin": request.headers["Origin"], "Access-Control-Allow-Credentials": "true"}
    for asked, allowed in _OF_PREFLIGHTS.items():
        if asked in request.headers:
            added[allowed] = request.headers[asked]
    if not (replacing and any(name.lower().startswith("access-control-") for name in response.headers)):
        response.headers.extend(added)
    return response
