"""What can go wrong between a caller and CAMS: its documented error codes, and traps that nobody documents."""

import asyncio
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Row -> code, message. Phone number 1555SSSNNNN gets row NNNN with HTTP status SSS (200: inside a success); rows are
# only ever added at the end.
ERRORS = dict(
    enumerate(
        [
            ("Product.Unsubscript", "You have not subscribed to the specified product."),
            ("Ram.PermissionDeny", "You are not authorized to perform the operation."),
            ("System.LimitControl", "The system is under flow control."),
            ("Unknown.ResourceOwnerId", "The resource does not belong to the current user."),
            ("Authentication.NoAuth", "No authority."),
            ("InvalidParameter.PhoneNumberError", "The phone number is abnormal."),
            ("Throttling", "Request was denied due to request throttling."),
            ("Throttling.User", "Request was denied due to user flow control."),
            ("Throttling.Api", "Request was denied due to api flow control."),
            ("ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
            ("InternalError", "The request processing has failed due to some unknown error."),
            ("InvalidAccessKeyId.NotFound", "Specified access key is not found."),
            ("InvalidAccessKeyId.Inactive", "Specified access key is disabled."),
            ("SignatureDoesNotMatch", "The specified signature does not match our calculation."),
            ("IncompleteSignature", "The request signature does not conform to Aliyun standards."),
            ("SignatureNonceUsed", "Specified signature nonce was used already."),
            ("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."),
            ("InvalidSecurityToken.Expired", "Specified SecurityToken is expired."),
            ("InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed."),
            ("InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey."),
            ("MissingSecurityToken", "SecurityToken is mandatory for this action."),
            ("Forbidden.RAM", "User not authorized to operate on the specified resource."),
            ("Forbidden", "You are not authorized to operate on the specified resource."),
            ("NoPermission", "You are not authorized to do this action."),
            ("MissingParameter", "A required parameter is missing."),
            ("InvalidParameter", "A parameter is not valid."),
            ("UnsupportedHTTPMethod", "This http method is not supported."),
            ("InvalidApi.NotFound", "Specified api is not found."),
            ("Something.Unheard", "A code of tomorrow."),
        ],
        start=1,
    )
)


@dataclass(frozen=True)
class Trap:
    """One trap; with `once`, every second request for its number gets a list instead."""

    what: str
    answer: Answer
    once: bool = False


def error_body(code: str, message: str, **more: Any) -> dict[str, Any]:
    """An error object as CAMS's gateway writes it."""
    return {
        "RequestId": str(uuid4()).upper(),
        "HostId": "cams.ap-southeast-1.aliyuncs.com",
        "Code": code,
        "Message": message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={code}",
        **more,
    }


def _success(**fields: Any) -> Answer:
    return _json({"RequestId": "90E63D28-E31D-1EB2-8939-A94866411B2O", "Code": "OK", "Message": "无", **fields})


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return _text(json.dumps(body), status, "application/json", headers)


def _text(body: str, status: int, content_type: str, headers: dict[str, str] | None = None) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=body, status=status, content_type=content_type, headers=headers)

    return answer


async def _huge(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b" " * (20 << 20))


@cache
def _squeezed() -> bytes:
    squeeze = zlib.compressobj(wbits=31)
    return b"".join(squeeze.compress(b" " * (1 << 20)) for _ in range(100)) + squeeze.flush()


async def _bomb(request: web.Request) -> web.StreamResponse:
    # In a thread, because other calls arrive in the meantime.
    return web.Response(body=await asyncio.to_thread(_squeezed), headers={"Content-Encoding": "gzip"})


def _raw(data: bytes, pause: float = 0.0, reset: bool = False) -> Answer:
    """Write bytes directly to the socket, one by one if there is a `pause` between them, and hang up."""

    async def answer(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        for piece in [data[i : i + 1] for i in range(len(data))] if pause else [data]:
            if transport.is_closing():
                break
            transport.write(piece)
            if pause:
                await asyncio.sleep(pause)
        if reset:
            # Lingering for 0 seconds makes the kernel send a reset.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.sleep(0.02)
        transport.close()
        return web.Response()

    return answer


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    # Nobody reads to the end.
    with suppress(ConnectionError):
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" " * (1 << 20))
    return response


async def _silence(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    return web.Response()


async def _diagnosis(request: web.Request) -> web.StreamResponse:
    detail = {
        "PolicyType": "AccountLevelIdentityBasedPolicy",
        "AuthPrincipalOwnerId": "1234567890123456",
        "EncodedDiagnosticMessage": "AQEAAAAAdiagnostic" * 100,
        "NoPermissionType": "ImplicitDeny",
        "AuthAction": "cams:ListPhoneMessageQrdl",
    }
    return web.json_response(error_body("Forbidden.RAM", "Not authorized.", AccessDeniedDetail=detail), status=403)


def _throttled(status: int = 400) -> Answer:
    headers = {"x-acs-retry-after": "300"}
    return _json(error_body("Throttling.User", "Request was denied due to user flow control."), status, headers)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_ITEM = {"QrdlCode": "4O4YGZEG3RIVE1", "PrefilledMessage": "Hello"}
_LIST = json.dumps({"RequestId": "R-1", "Code": "OK", "Data": [_ITEM]})
_LIST_ANSWER = _HEAD + b"Content-Length: %d\r\n\r\n" % len(_LIST) + _LIST.encode()

# Row -> trap. Phone number 1666000NNNN gets row NNNN.
TRAPS = dict(
    enumerate(
        [
            Trap("`Data` is null", _success(Data=None)),
            Trap("`Data` is absent", _success()),
            Trap("`Data` is an object", _success(Data=_ITEM)),
            Trap("`Data` is a string", _success(Data="none")),
            Trap("`Data` holds nulls and empty objects", _success(Data=[None, _ITEM, {}, {"QrdlCode": None}])),
            Trap("`Data` holds strings", _success(Data=["4O4YGZEG3RIVE1"])),
            Trap("fields are numbers", _success(Data=[{"QrdlCode": 29338838, "PhoneNumber": 8613800001234}])),
            Trap("fields are objects", _success(Data=[{"QrdlCode": {"value": "4O4YGZEG3RIVE1"}}])),
            Trap("200 with an empty body", _text("", 200, "application/json")),
            Trap("200 with HTML", _text("<html>Hello</html>", 200, "text/html")),
            Trap("200 with half a JSON text", _text('{"Code":"OK","Data":[{"Qrdl', 200, "application/json")),
            Trap("200 with a JSON array", _json([])),
            Trap("200 with no code", _json({"RequestId": "R-1", "Data": [_ITEM]})),
            Trap("502 with HTML", _text("<html>Bad gateway</html>", 502, "text/html")),
            Trap("503 with an empty body", _text("", 503, "text/plain")),
            Trap("400 with a JSON array", _json([1], 400)),
            Trap("400 with a JSON string", _json("no", 400)),
            Trap("400 with an empty object", _json({}, 400)),
            Trap("400 whose code and request id are the text None", _json({"Code": "None", "RequestId": "None"}, 400)),
            Trap("403 with a diagnosis in AccessDeniedDetail", _diagnosis),
            Trap("400 in XML", _text("<Error><Code>Forbidden</Code></Error>", 400, "text/xml")),
            Trap("throttled, x-acs-retry-after 300 ms", _throttled()),
            Trap("throttled inside a 200, x-acs-retry-after 300 ms", _throttled(200)),
            Trap("once: throttled, x-acs-retry-after 300 ms", _throttled(), once=True),
            Trap("once: 503 ServiceUnavailable", _json(error_body("ServiceUnavailable", "Wait."), 503), once=True),
            Trap(
                "once: the token has expired", _json(error_body("InvalidSecurityToken.Expired", "E."), 403), once=True
            ),
            Trap("once: hangs up without an answer", _raw(b""), once=True),
            Trap("hangs up without an answer", _raw(b"")),
            Trap("resets the connection in the headers", _raw(_HEAD, reset=True)),
            Trap("ends before its Content-Length", _raw(_HEAD + b'Content-Length: 500\r\n\r\n{"Code":"OK"')),
            Trap("never answers", _silence),
            Trap("drips its headers", _raw(_HEAD * 100, pause=0.05)),
            Trap("drips its body", _raw(_HEAD + b"Content-Length: 2000\r\n\r\n" + b" " * 2000, pause=0.05)),
            Trap("redirects", _text("", 302, "text/plain", {"Location": "/elsewhere"})),
            Trap("a body of 20 MiB", _huge),
            Trap("a gzip bomb of 100 MiB", _bomb),
            Trap("not HTTP", _raw(b"220 smtp.example.net ready\r\n")),
            Trap("a list as text/html", _text(_LIST, 200, "text/html")),
            Trap("100 Continue, then a list", _raw(b"HTTP/1.1 100 Continue\r\n\r\n" + _LIST_ANSWER)),
            Trap("103 Early Hints, then a list", _raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" + _LIST_ANSWER)),
            Trap("two answers at once", _raw(_LIST_ANSWER + _LIST_ANSWER.replace(b"4O4Y", b"EVIL"))),
            Trap("more than its Content-Length", _raw(_HEAD + b"Content-Length: 20\r\n\r\n" + _LIST.encode())),
            Trap("a header of 100 KB", _raw(_HEAD + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n")),
            Trap("a body of 100 MiB in chunks", _endless),
            Trap("resets the connection before an answer", _raw(b"", reset=True)),
            Trap("resets the connection in the body", _raw(_HEAD + b'Content-Length: 500\r\n\r\n{"Code"', reset=True)),
        ],
        start=1,
    )
)
