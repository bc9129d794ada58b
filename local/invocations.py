"""The part of Function Compute's own API that calls functions: InvokeFunction, sync and async, signed.

Sources: "InvokeFunction"; "Error codes"; "Error handling" (200 if the function raised; a failed async invocation is
retried three times).
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from local.acs3 import Refused, SignedRequest, Verifier
from local.fc import Handler, Invoked, invoke, make_request_id
from local.refusals import invalid_access_key_id, refusal, signature_not_match

PATH = "/2023-03-30/functions/{name}/invocations"
FUNCTION_NAME = "cams-qr"

_MAX_ASYNC_BYTES = 128 * 1024
_MAX_ASYNC_RETRIES = 3


def invocations(
    handler: Handler,
    make_context: Callable[[], Any],
    instance: ThreadPoolExecutor,
    verifier: Verifier,
    to_event: Callable[[web.Request, bytes], bytes],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The route's handler. The answer to an async invocation is discarded, because there are no destinations here.

    `to_event` makes an event from the request and its payload.
    """
    under_way: set[asyncio.Future[Any]] = set()

    async def answer(request: web.Request) -> web.Response:
        payload = await request.read()
        try:
            _check(request, payload, verifier)
        except Refused as refused:
            return refusal(refused, make_request_id())
        event = to_event(request, payload)
        loop = asyncio.get_running_loop()
        if request.headers.get("x-fc-invocation-type", "Sync") == "Sync":
            return _to_response(await loop.run_in_executor(instance, invoke, handler, event, make_context()))
        context = make_context()
        invocation = loop.run_in_executor(instance, _invoke_with_retries, handler, event, context)
        under_way.add(invocation)
        invocation.add_done_callback(under_way.discard)
        task_id = request.headers.get("x-fc-async-task-id", context.request_id)
        return web.Response(status=202, headers={"X-Fc-Request-Id": context.request_id, "X-Fc-Async-Task-Id": task_id})

    return answer


def bare(_: web.Request, payload: bytes) -> bytes:
    """The event according to the documentation: the bare payload."""
    return payload


def _check(request: web.Request, event: bytes, verifier: Verifier) -> None:
    """Raises Refused with the code and status of Function Compute."""
    query = parse_qsl(request.query_string, keep_blank_values=True)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        verifier.verify(SignedRequest(request.method, request.path, query, headers, event))
    except Refused as refused:
        raise _translated(refused, headers.get("authorization", "")) from None
    if request.match_info["name"] != FUNCTION_NAME:
        raise Refused("FunctionNotFound", f"function {request.match_info['name']} does not exist", 404)
    kind = headers.get("x-fc-invocation-type", "Sync")
    if kind not in ("Sync", "Async"):
        raise Refused("InvalidArgument", "x-fc-invocation-type is neither Sync nor Async", 400)
    if kind == "Async" and len(event) > _MAX_ASYNC_BYTES:
        raise Refused("EntityTooLarge", "the event of an async invocation is over 128 KB", 400)


def _translated(refused: Refused, authorization: str) -> Refused:
    """Function Compute's own code for what OpenAPI services refuse. "Error codes" lists the first two."""
    if refused.code == "SignatureDoesNotMatch":
        return signature_not_match()
    if refused.code == "InvalidAccessKeyId.NotFound":
        return invalid_access_key_id(authorization.partition("Credential=")[2].partition(",")[0])
    return Refused("AccessDenied", refused.message, 403)


def _invoke_with_retries(handler: Handler, event: bytes, context: Any) -> None:
    for _ in range(1 + _MAX_ASYNC_RETRIES):
        if not invoke(handler, event, context).error_type:
            return


def _to_response(invoked: Invoked) -> web.Response:
    """200 even if the function raised or did not start: only the error type shows it."""
    headers = {"X-Fc-Request-Id": invoked.request_id}
    if invoked.error_type:
        headers["X-Fc-Error-Type"] = invoked.error_type
    return web.Response(body=invoked.body, headers=headers, content_type="application/octet-stream")
