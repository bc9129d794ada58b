"""The way back over HTTP: what each route shows of a list, and the headers for browsers and caches."""

import base64
import hashlib
import json
import math
import re
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode

from cams_qr import logs
from cams_qr.events.http.routes import CODE_PATTERN, Route
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


# Takes the list, or None where nothing was asked; raises Problem.
Render = Callable[[Any], Representation]


class Reply(NamedTuple):
    """How one request is answered; without a `render`, it is a preflight."""

    request_id: str
    headers: Mapping[str, str]
    render: Render | None
    if_none_match: str
    own_space: bool

    def encode(self, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """The response struct of both gateways. Raises nothing."""
        result, cache_use = (outcomes[0].result, outcomes[0].cache) if outcomes else (None, None)
        if isinstance(result, Problem):
            return self._problem(result)
        if self.render is None:
            return _response(204, self.headers, "text/plain; charset=utf-8", b"")
        try:
            return self._shown(self.render(result), cache_use)
        except Problem as problem:
            return self._problem(problem)
        except Exception as error:
            return self._problem(logs.internal_error(error, self.request_id))

    def _shown(self, shown: Representation, cache_use: CacheUse | None) -> dict[str, Any]:
        etag = f'"{hashlib.sha256(shown.body).hexdigest()[:32]}"'
        headers = {**self.headers, "ETag": etag, **shown.headers}
        if cache_use is not None:
            headers |= _cache_headers(cache_use)
        if shown.stable_seconds is not None:
            headers["Cache-Control"] = f"private, max-age={shown.stable_seconds}"
            headers.pop("Age", None)
        # Where the answer depends on who asks, a browser must ask whether it may show it to the next one.
        if self.own_space and headers["Cache-Control"] != "no-store":
            headers["Cache-Control"] = "private, no-cache"
        if _matches(self.if_none_match, etag):
            return _response(304, headers, shown.content_type, b"")
        return _response(200, headers, shown.content_type, shown.body)

    def _problem(self, problem: Problem) -> dict[str, Any]:
        headers = dict(self.headers)
        if (retry_after := problem.retry_after_seconds()) is not None:
            headers["Retry-After"] = str(retry_after)
        if problem.allow is not None:
            headers["Allow"] = problem.allow
        body = json.dumps(problem.to_dict(self.request_id)).encode()
        return _response(problem.status, headers, "application/problem+json; charset=utf-8", body)


def show_list(codes: str) -> Render:
    """The whole list; `codes` is the folder of the drawings, relative to the request's URL."""

    def render(found: QrCodeList) -> Representation:
        drawn = tuple(_with_drawing(code, codes, found) for code in found.qr_codes)
        return Representation(
            _JSON, found.model_copy(update={"qr_codes": drawn}).model_dump_json(by_alias=True).encode()
        )

    return render


def show_code(codes: str, name: str) -> Render:
    """One code of the list."""

    def render(found: QrCodeList) -> Representation:
        code = _with_drawing(_pick(found, name), codes, found)
        return Representation(_JSON, code.model_dump_json(by_alias=True).encode())

    return render


def show_drawing(name: str, image_format: str, *parameters: Mapping[str, Any]) -> Render:
    """One code of the list as an image. Raises Problem for parameters that make no style."""
    # It takes 40 ms to import, and few ask for it.
    from cams_qr.events.http import drawing

    style = drawing.parse_style(ChainMap(*(dict(source) for source in parameters)))

    def render(found: QrCodeList) -> Representation:
        link = _pick(found, name).link_to_draw()
        if link is None:
            raise Problem("not_found", "This QR code has no link that could be drawn.")
        headers = {
            "Content-Disposition": f'inline; filename="{name}.{image_format}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        body = drawing.draw(link, image_format, style)
        return Representation(drawing.MEDIA_TYPES[image_format], body, headers, _DRAWING_SECONDS)

    return render


def show_document(_: None) -> Representation:
    """The OpenAPI description of all this."""
    return Representation(_JSON, _document(), stable_seconds=60)


@cache
def _document() -> bytes:
    from cams_qr.events.http.openapi import document

    return json.dumps(document(), ensure_ascii=False).encode()


def common_headers(
    route: Route | None, method: str, origin: str | None, settings: Settings, request_id: str
) -> dict[str, str]:
    """The headers of every answer."""
    allowed = settings.allowed_origins
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
    if route and method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = ", ".join(route.methods())
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
