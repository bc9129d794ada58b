"""What can go wrong between a caller and CAMS: its documented error codes, and traps that nobody documents.

Sources for the codes: "ListPhoneMessageQrdl", "API error codes" and "Public error codes" of Chat App Message Service;
for the gateway in front of it, the Error Center's product Public, and the error codes of ECS, DNS and PolarDB. Failures
of sibling operations were captured as HTTP 400 with the code in the body: `ERR-COMMON-001` in sen975/CRMforLogistics,
`MissingType` in superSparsh/wapapp2.
"""

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
# only ever added at the end. The function reads no message; not all of them are as CAMS words them.
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
            ("ERR-OPERATION-MAAP-0065", "The phoneCode is not bind to the subscriber."),
            ("ERR-OPERATION-MAAP-0060", "The subscriber has not bind WABA."),
            ("ERR-OPERATION-MAAP-0085", "The website url must start with http or https."),
            ("ERR-FB-001", "Unsupported get request."),
            ("ERR-COMMON-001", "System error"),
            ("999999", "System Exception."),
            ("CHAT.APIError", "You are not authorized to do this operation."),
            ("DetailError.TemplateNotExist", "The template is not exist."),
            ("PhoneNumberNotRegistered", "The sender is not registered."),
            ("InvalidParameter.FileUrlError", "The file can not download."),
            ("InvalidParameter.FromOnlyNumeric", "Only digits are allowed."),
            ("InvalidParameter.Format", "The format of a parameter is not valid."),
            ("InvalidParameter.Accept", "The Accept header is not valid."),
            ("MissingType", "Type is mandatory for this action."),
            ("MissingPhoneNumber", "PhoneNumber is mandatory for this action."),
            ("MissingCustSpaceId", "CustSpaceId is mandatory for this action."),
            ("InvalidPhoneNumber", "The specified PhoneNumber is not valid."),
            ("InvalidCustSpaceId", "The specified CustSpaceId is not valid."),
            ("ServiceUnavailable.RegionMaintaining", "The region is being maintained."),
            ("UnknownError", "The request processing has failed due to some unknown error."),
            ("Forbidden.Unauthorized", "You are not authorized to operate on the specified resource."),
            ("Forbidden.SubUser", "A RAM user may not do this."),
            ("Forbidden.NotSupportRAM", "This operation does not support RAM."),
            ("Forbedden.NotSupportRAM", "This operation does not support RAM."),
            ("Forbidden.AccessKeyDisabled", "The access key is disabled."),
            ("Forbidden.AccessKey", "The access key may not do this."),
            ("NoEnabledAccessKey", "The account has no enabled access key."),
            ("Forbidden.RiskControl", "The account is under risk control."),
            ("Forbidden.UserVerification", "The account is not verified."),
            ("RealNameAuthenticationError", "The account is not verified."),
            ("Insufficient.Balance", "The balance does not suffice."),
            ("InsufficientBalance", "The balance does not suffice."),
            ("isv.OUT_OF_SERVICE", "The service is suspended."),
            ("InvalidTimeStamp.Format", "Specified time stamp is not in ISO 8601 UTC."),
            ("IllegalTimestamp", "The time stamp is not valid."),
            ("MissingSignature", "Signature is mandatory for this action."),
            ("MissingSignatureNonce", "x-acs-signature-nonce is mandatory for this action."),
            ("InvalidSignatureMethod", "The signature method is not valid."),
            ("ContentMD5NotMatched", "The body does not match its MD5."),
            ("ContentLengthDoesNotMatch", "The body does not match its length."),
            ("UnsupportedOperation", "The operation is not supported."),
            ("NoSuchVersion", "The specified version does not exist."),
            ("InvalidVersion", "The specified version is not valid."),
            ("InvalidAction", "The specified action is not valid."),
            ("InvalidAction.NotFound", "Specified api is not found."),
            ("ActionUnauthorized", "The action is not authorized."),
            ("InvalidProduct.NotFound", "Cannot find a product of this domain."),
            ("InvalidRegion.NotFound", "The specified region is not found."),
            ("InvalidProtocol.NeedSsl", "Use HTTPS."),
            ("InvalidOwnerId", "The specified OwnerId is not valid."),
            ("InvalidOwnerAccount", "The specified OwnerAccount is not valid."),
            ("InvalidParamater", "A parameter is not valid."),
            ("Rejected.Throttling", "Request was denied due to throttling."),
            ("LastTokenProcessing", "The last request with this token is being processed."),
            ("OperationConflict", "Another operation is under way."),
            ("IdempotentParameterMismatch", "The same token came with other parameters."),
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


def _success(code: str | int = "OK", **fields: Any) -> Answer:
    return _json({"RequestId": "90E63D28-E31D-1EB2-8939-A94866411B2O", "Code": code, "Message": "无", **fields})


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


def _told_to_wait(code: str, status: int = 400, milliseconds: int = 300) -> Answer:
    return _json(error_body(code, "Wait."), status, {"x-acs-retry-after": str(milliseconds)})


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_ITEM = {"QrdlCode": "4O4YGZEG3RIVE1", "PrefilledMessage": "Hello"}
_LIST = json.dumps({"RequestId": "R-1", "Code": "OK", "Data": [_ITEM]})
_MANY = '{"Code":"OK","Data":[%s]}'
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
            Trap("throttled, x-acs-retry-after 300 ms", _told_to_wait("Throttling.User")),
            Trap("throttled inside a 200, x-acs-retry-after 300 ms", _told_to_wait("Throttling.User", 200)),
            Trap("once: throttled, x-acs-retry-after 300 ms", _told_to_wait("Throttling.User"), once=True),
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
            Trap("an unknown code, x-acs-retry-after 300 ms", _told_to_wait("Something.Unheard")),
            Trap("an unknown code inside a 200, x-acs-retry-after 300 ms", _told_to_wait("Something.Unheard", 200)),
            Trap("429 with an empty object", _json({}, 429)),
            Trap(
                "503 ServiceUnavailable, x-acs-retry-after 3 s",
                _told_to_wait("ServiceUnavailable", 503, milliseconds=3000),
            ),
            Trap("`Code` is 0000", _success("0000", Data=[_ITEM])),
            Trap("`Code` is SUCCESS", _success("SUCCESS", Data=[_ITEM])),
            Trap("`Code` is the text 200", _success("200", Data=[_ITEM])),
            Trap("`Code` is the number 200", _success(200, Data=[_ITEM])),
            Trap("`Code` is SUCCESS, `Data` is absent", _success("SUCCESS")),
            Trap("`Code` is 0000, `Data` is null", _success("0000", Data=None)),
            Trap("`Code` is 0000, `Data` is an object", _success("0000", Data=_ITEM)),
            Trap("400 whose code is OK", _json({"RequestId": "R-1", "Code": "OK", "Data": [_ITEM]}, 400)),
            Trap("a number as people write it", _success(Data=[{**_ITEM, "PhoneNumber": "+60 1111 11111"}])),
            Trap(
                "an unknown code, x-acs-retry-after 11 days",
                _told_to_wait("Something.Unheard", milliseconds=999_999_999),
            ),
            Trap("the request id is a phone number", _success(RequestId="8613800005678", Data=[_ITEM])),
            Trap("2.7 million empty objects", _text(_MANY % ",".join(["{}"] * 2_700_000), 200, "application/json")),
            Trap("deeply nested arrays", _text(_MANY % ("[" * 4_000_000), 200, "application/json")),
            Trap("10,001 codes", _success(Data=[_ITEM] * 10_001)),
            Trap("a negative chunk size", _raw(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + b" " * 100_000)),
            Trap(
                "an unknown code, x-acs-retry-after of 400 digits",
                _told_to_wait("Something.Unheard", milliseconds=10**400),
            ),
            Trap("2,000 codes", _success(Data=[_ITEM] * 2_000)),
        ],
        start=1,
    )
)
