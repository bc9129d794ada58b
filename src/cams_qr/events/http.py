"""The HTTP contract, whatever gateway the request came through: routes, bodies, headers, CORS."""

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cams_qr import logs
from cams_qr.events.call import Call, parse_json
from cams_qr.outcome import CacheUse, Outcome
from cams_qr.problems import Problem
from cams_qr.query import QUERY_FIELDS, QrQuery, invalid_field, parse_query
from cams_qr.settings import Settings

MAX_BODY_BYTES = 64 * 1024

_METHODS = {"qr-codes": ("GET", "POST", "OPTIONS")}

# Function Compute reflects any origin, with credentials, where a function sets no CORS headers. So the function
# always sets them; this origin belongs to nobody.
_NO_ORIGIN = "https://not-allowed.invalid"


@dataclass(frozen=True)
class Request:
    """One HTTP request: percent-decoded path, header names in lower case, raw body.

    `parameters` are those of the URL, decoded: of its query, and where the gateway has such, of its path.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: tuple[Mapping[str, Any], ...]
    body: Any
    body_is_base64: bool


def query_fields(parameters: Any) -> dict[str, Any]:
    """The parameters that are fields of a query; others are ignored."""
    return {k: v for k, v in parameters.items() if k in QUERY_FIELDS} if isinstance(parameters, dict) else {}


def is_true(flag: Any) -> bool:
    """Whether a gateway's flag is set, as JSON or as text."""
    return flag is True or (isinstance(flag, str) and flag.lower() == "true")


def lower_case_names(headers: Any) -> dict[str, str]:
    """Headers by lower-case name; one that came twice under different case is comma-joined, as gateways do."""
    merged: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if not isinstance(value, str):
            continue
        key = name.lower()
        merged[key] = f"{merged[key]},{value}" if key in merged else value
    return merged


def decode(trigger: str, request: Request, settings: Settings, request_id: str) -> Call:
    """Make a Call of the request: one query, one problem, or nothing to ask (a preflight)."""
    route = _route(request.path)
    headers = _headers(request, settings, request_id)
    queries: tuple[QrQuery | Problem, ...]
    try:
        query = _query(route, request, settings)
        queries = () if query is None else (query,)
    except Problem as problem:
        queries = (problem,)
    except Exception as error:
        queries = (logs.internal_error(error, request_id),)
    return Call(
        trigger,
        queries,
        lambda outcomes: _encode(outcomes, request, headers, request_id, settings.cust_space_header is not None),
        route=route and f"{request.method if request.method in _METHODS[route] else '?'} /{route}",
        interactive=True,
    )


def _route(path: str) -> str | None:
    """The route's name: the last segment of the path, under whatever prefix a gateway put it."""
    if path in ("", "/"):
        return "qr-codes"
    name = path.rstrip("/").rpartition("/")[2]
    return name if name in _METHODS else None


def _query(route: str | None, request: Request, settings: Settings) -> QrQuery | None:
    if route is None:
        raise Problem("not_found", "There is no such route; ask for /qr-codes.")
    if request.method not in _METHODS[route]:
        allowed = ", ".join(_METHODS[route])
        raise Problem("method_not_allowed", f"This route takes {allowed}.", allow=allowed)
    if request.method == "OPTIONS":
        return None
    body = (_json_body(request),) if request.method == "POST" else ()
    return _within_own_space(parse_query(*request.parameters, *body), request, settings)


def _json_body(request: Request) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise Problem("unsupported_media_type", "Send the body as JSON, with Content-Type: application/json.")
    fields = parse_json(_body(request), "body")
    if not isinstance(fields, dict):
        raise invalid_field("body", 'is not a JSON object; send one like {"phoneNumber": "8613800001234"}')
    return fields


def _body(request: Request) -> bytes:
    if request.body is None:
        return b""
    if not isinstance(request.body, str):
        raise invalid_field("body", "is not a string; the gateway must pass the request's body as it is")
    # Base64 is a third longer than what it holds; checked first, so that nothing huge is decoded.
    if len(request.body) > MAX_BODY_BYTES * 4 // 3 + 4:
        raise _too_large()
    try:
        if request.body_is_base64:
            body = base64.b64decode(request.body, validate=True)
        else:
            body = request.body.encode()
    except (binascii.Error, ValueError):
        raise invalid_field("body", "is not valid; it must be text, or base64 where isBase64Encoded is true") from None
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


def _too_large() -> Problem:
    return Problem("payload_too_large", f"Send at most {MAX_BODY_BYTES} bytes.")


def _within_own_space(query: QrQuery, request: Request, settings: Settings) -> QrQuery:
    """Where the gateway names the caller's space in a header of its own, that is the only one."""
    if settings.cust_space_header is None:
        return query
    own = request.headers.get(settings.cust_space_header.lower())
    if own is None or query.cust_space_id not in (None, own):
        raise Problem("not_allowed", "Only the caller's own custSpaceId may be asked for; leave custSpaceId out.")
    try:
        return parse_query({"phoneNumber": query.phone_number, "custSpaceId": own})
    except Problem:
        raise Problem("not_allowed", "The gateway named no single space for this caller.") from None


def _headers(request: Request, settings: Settings, request_id: str) -> dict[str, str]:
    origin, allowed = request.headers.get("origin"), settings.allowed_origins
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
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-None-Match"
        headers["Access-Control-Max-Age"] = "600"
    return headers


def _encode(
    outcomes: Sequence[Outcome], request: Request, headers: Mapping[str, str], request_id: str, own_space: bool
) -> dict[str, Any]:
    """One outcome, or none for a preflight, in the response struct of both gateways."""
    if not outcomes:
        return _response(204, headers, "text/plain; charset=utf-8", "")
    result, cache = outcomes[0].result, outcomes[0].cache
    if isinstance(result, Problem):
        body = json.dumps(result.to_dict(request_id))
        return _response(
            result.status, {**headers, **_problem_headers(result)}, "application/problem+json; charset=utf-8", body
        )
    body = result.model_dump_json(by_alias=True)
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {**headers, "ETag": etag, **(_cache_headers(cache, own_space) if cache else {})}
    if request.method == "GET" and _matches(request.headers.get("if-none-match", ""), etag):
        return _response(304, headers, "application/json; charset=utf-8", "")
    return _response(200, headers, "application/json; charset=utf-8", body)


def _problem_headers(problem: Problem) -> dict[str, str]:
    headers = {}
    if (retry_after := problem.retry_after_seconds()) is not None:
        headers["Retry-After"] = str(retry_after)
    if problem.allow is not None:
        headers["Allow"] = problem.allow
    return headers


def _cache_headers(cache: CacheUse, own_space: bool) -> dict[str, str]:
    """Cache-Control and Age (RFC 9111), Cache-Status (RFC 9211)."""
    age, left = int(cache.age), math.floor(cache.ttl)
    return {
        # Where the answer depends on who asks, a browser must ask whether it may show it to the next one.
        "Cache-Control": "private, no-cache" if own_space else f"private, max-age={max(0, left)}",
        "Age": str(age),
        "Cache-Status": {
            "hit": f"cams-qr; hit; ttl={left}",
            "miss": "cams-qr; fwd=miss",
            "expired": "cams-qr; fwd=stale",
            "collapsed": "cams-qr; fwd=miss; collapsed",
            "stale": f"cams-qr; hit; ttl={left}; detail={cache.reason}",
        }[cache.status],
    }


def _matches(if_none_match: str, etag: str) -> bool:
    """Whether the condition names this entity tag; compared weakly, as RFC 9110 asks for If-None-Match."""
    candidates = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return etag in candidates or candidates == ["*"]


def _response(status: int, headers: Mapping[str, str], content_type: str, body: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": content_type, **headers},
        "isBase64Encoded": False,
        "body": body,
    }
