"""The way back over HTTP: what each route shows of a list, and the headers for browsers and caches."""

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic import BaseModel

from cams_qr import logs
from cams_qr.events.http.request import Request
from cams_qr.events.http.routes import CODE, CODE_PATTERN, LIST
from cams_qr.outcome import CacheUse, Outcome
from cams_qr.problems import Problem
from cams_qr.query import QrCode, QrCodeList
from cams_qr.settings import Settings

# Function Compute reflects any origin, with credentials, where a function sets no CORS headers. So the function
# always sets them; this origin belongs to nobody.
_NO_ORIGIN = "https://not-allowed.invalid"
_JSON = "application/json; charset=utf-8"
_DRAWING_SECONDS = 24 * 60 * 60
_NAME = re.compile(CODE_PATTERN)


class Representation(NamedTuple):
    """What a route shows, and for how many seconds it stays so whatever happens to the list."""

    content_type: str
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})
    stable_seconds: int | None = None


def encode(request: Request, settings: Settings, outcomes: Sequence[Outcome], request_id: str) -> dict[str, Any]:
    """The response struct of both gateways. Raises nothing."""
    headers = _common_headers(request, settings, request_id)
    result, cache_use = (outcomes[0].result, outcomes[0].cache) if outcomes else (None, None)
    if isinstance(result, Problem):
        return _encode_problem(result, headers, request_id)
    if request.method == "OPTIONS":
        return _response(204, headers, "text/plain; charset=utf-8", b"")
    try:
        return _encode_representation(_represent(request, result), cache_use, headers, request, settings)
    except Problem as problem:
        return _encode_problem(problem, headers, request_id)
    except Exception as error:
        return _encode_problem(logs.internal_error(error, request_id), headers, request_id)


def _encode_problem(problem: Problem, headers: dict[str, str], request_id: str) -> dict[str, Any]:
    if (retry_after := problem.retry_after_seconds()) is not None:
        headers["Retry-After"] = str(retry_after)
    if problem.allow is not None:
        headers["Allow"] = problem.allow
    body = json.dumps(problem.to_dict(request_id)).encode()
    return _response(problem.status, headers, "application/problem+json; charset=utf-8", body)


def _encode_representation(
    shown: Representation, cache_use: CacheUse | None, headers: dict[str, str], request: Request, settings: Settings
) -> dict[str, Any]:
    etag = f'"{hashlib.sha256(shown.body).hexdigest()[:32]}"'
    headers = {**headers, "ETag": etag, **shown.headers}
    if cache_use is not None:
        headers |= _cache_headers(cache_use)
    if shown.stable_seconds is not None:
        headers["Cache-Control"] = f"private, max-age={shown.stable_seconds}"
        headers.pop("Age", None)
    # Where the answer depends on who asks, a browser must ask whether it may show it to the next one.
    if settings.cust_space_header is not None and headers["Cache-Control"] != "no-store":
        headers["Cache-Control"] = "private, no-cache"
    if request.method == "GET" and _matches(request.headers.get("if-none-match", ""), etag):
        return _response(304, headers, shown.content_type, b"")
    return _response(200, headers, shown.content_type, shown.body)


def _represent(request: Request, found: QrCodeList | None) -> Representation:
    """What the request's route shows of the list that was found. Raises Problem."""
    route = request.route
    if found is None:
        return Representation(_JSON, _description(), stable_seconds=60)
    if route.template == LIST:
        drawn = tuple(_with_drawing(code, route.codes, found) for code in found.qr_codes)
        return _json(found.model_copy(update={"qr_codes": drawn}))
    code = _pick(found, route.code)
    if route.template == CODE:
        return _json(_with_drawing(code, route.codes, found))
    return _draw(code, request)


def _json(model: BaseModel) -> Representation:
    return Representation(_JSON, model.model_dump_json(by_alias=True).encode())


def _draw(code: QrCode, request: Request) -> Representation:
    # Imported by who draws alone.
    from cams_qr.events.http import drawing

    link, image_format = code.link_to_draw(), request.route.image_format
    if link is None:
        raise Problem("not_found", "This QR code has no link that could be drawn.")
    headers = {
        "Content-Disposition": f'inline; filename="{code.code}.{image_format}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    body = drawing.draw(link, image_format, drawing.parse_style(*request.parameters))
    return Representation(drawing.MEDIA_TYPES[image_format], body, headers, _DRAWING_SECONDS)


@cache
def _description() -> bytes:
    from cams_qr.events.http.openapi import document

    return json.dumps(document(), ensure_ascii=False).encode()


def _common_headers(request: Request, settings: Settings, request_id: str) -> dict[str, str]:
    """The headers of every answer."""
    allowed, origin = settings.allowed_origins, request.headers.get("origin")
    if "*" in allowed:
        answer = "*"
    else:
        answer = origin if origin in allowed and origin is not None else _NO_ORIGIN
    headers = {
        "X-Request-Id": request_id,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": answer,
        "Access-Control-Allow-Credentials": "false",
        "Access-Control-Expose-Headers": "ETag, Retry-After, X-Request-Id, Cache-Status",
        "Vary": "Origin, Authorization",
    }
    if request.route.template and request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = ", ".join(request.route.methods())
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-None-Match"
        headers["Access-Control-Max-Age"] = "600"
    return headers


def _pick(found: QrCodeList, name: str) -> QrCode:
    for code in found.qr_codes:
        if code.code == name:
            return code
    raise Problem("not_found", "This number has no such QR code; ask for the list to see those it has.")


def _with_drawing(code: QrCode, codes: str, found: QrCodeList) -> QrCode:
    if code.link_to_draw() is None or not code.code or not _NAME.fullmatch(code.code):
        return code
    query = {"phoneNumber": found.phone_number}
    if found.cust_space_id is not None:
        query["custSpaceId"] = found.cust_space_id
    return code.model_copy(update={"svg_url": f"{codes}{code.code}.svg?{urlencode(query)}"})


def _cache_headers(cache_use: CacheUse) -> dict[str, str]:
    """Cache-Control and Age (RFC 9111), Cache-Status (RFC 9211)."""
    age, left = int(cache_use.age), math.floor(cache_use.ttl)
    return {
        "Cache-Control": f"private, max-age={max(0, left)}",
        "Age": str(age),
        "Cache-Status": {
            "hit": f"cams-qr; hit; ttl={left}",
            "miss": "cams-qr; fwd=miss",
            "expired": "cams-qr; fwd=stale",
            "collapsed": "cams-qr; fwd=miss; collapsed",
            "stale": f"cams-qr; hit; ttl={left}; detail={cache_use.reason}",
        }[cache_use.status],
    }


def _matches(if_none_match: str, etag: str) -> bool:
    """Whether the condition names this entity tag; compared weakly, as RFC 9110 asks for If-None-Match."""
    candidates = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return etag in candidates or candidates == ["*"]


def _response(status: int, headers: Mapping[str, str], content_type: str, body: bytes) -> dict[str, Any]:
    is_text = content_type.endswith("charset=utf-8") or content_type == "image/svg+xml"
    return {
        "statusCode": status,
        "headers": {"Content-Type": content_type, **headers},
        "isBase64Encoded": not is_text,
        "body": body.decode() if is_text else base64.b64encode(body).decode(),
    }
