"""How an HTTP request is answered: the Call, and the response with its headers for gateways, browsers and caches."""

import json
import math
from collections.abc import Sequence
from functools import partial

from cams_qr import logs
from cams_qr.events.call import Answer, Call, compact_json
from cams_qr.events.http.representation import Representation, represent
from cams_qr.events.http.request import Request, select
from cams_qr.events.http.routes import Route
from cams_qr.events.http.style import Style
from cams_qr.outcome import CacheUse, Outcome
from cams_qr.problems import Problem
from cams_qr.settings import Settings

_COMMON_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Origin, Authorization, Accept-Encoding",
}
_UNREADABLE = Request("", Route(None), {}, (), None, False)
_DEFAULT_DOMAIN = ".fcapp.run"
_CACHE_STATUS = {
    "hit": "hit; ttl={ttl}",
    "miss": "fwd=miss",
    "expired": "fwd=stale",
    "collapsed": "fwd=miss; collapsed",
    "stale": "hit; ttl={ttl}; detail={reason}",
}


def http_call(trigger: str, asked: Request | Problem, settings: Settings, request_id: str) -> Call:
    """The Call of an HTTP request, or of an event that is none because of a problem: failures are responses, too."""
    request = _UNREADABLE if isinstance(asked, Problem) else asked
    queries, style = ((asked,), None) if isinstance(asked, Problem) else select(asked, settings, request_id)
    return Call(trigger, queries, partial(_encode, request, style, settings), request.name(), interactive=True)


def _encode(
    request: Request, style: Style | None, settings: Settings, outcomes: Sequence[Outcome], request_id: str
) -> Answer:
    """The response struct of both gateways. Raises nothing."""
    headers = _common_headers(request, settings, request_id)
    result, cache_use = (outcomes[0].result, outcomes[0].cache) if outcomes else (None, None)
    if isinstance(result, Problem):
        return _encode_problem(result, request, headers, request_id)
    if request.method == "OPTIONS":
        return _response(204, headers, "text/plain; charset=utf-8")
    try:
        shown = represent(request, style, result, cache_use)
    except Problem as problem:
        return _encode_problem(problem, request, headers, request_id)
    except Exception as error:
        return _encode_problem(logs.internal_error(error, request_id), request, headers, request_id)
    return _encode_representation(shown, cache_use, headers, request, settings)


def _encode_problem(problem: Problem, request: Request, headers: dict[str, str], request_id: str) -> Answer:
    if (retry_after := problem.retry_after_seconds()) is not None:
        headers["Retry-After"] = str(retry_after)
    if problem.code == "method_not_allowed":
        headers["Allow"] = request.route.allow()
    body = compact_json(json.dumps(problem.to_dict(request_id)))
    return _response(problem.status, headers, "application/problem+json; charset=utf-8", body)


def _encode_representation(
    shown: Representation, cache_use: CacheUse | None, headers: dict[str, str], request: Request, settings: Settings
) -> Answer:
    headers["ETag"] = shown.etag
    if cache_use is not None:
        headers |= _cache_headers(cache_use)
    if shown.stable_seconds is not None:
        headers["Cache-Control"] = f"private, max-age={shown.stable_seconds}"
        headers.pop("Age", None)
    # If the answer depends on the caller, a browser must revalidate it before it shows it to another user.
    if settings.cust_space_header is not None and headers["Cache-Control"] != "no-store":
        headers["Cache-Control"] = "private, no-cache"
    condition = request.headers.get("if-none-match")
    if condition is not None and request.method == "GET" and _matches(condition, shown.etag):
        return _response(304, headers, shown.content_type)
    headers.update(shown.headers)
    return _response(200, headers, shown.content_type, shown.body, shown.is_base64)


def _common_headers(request: Request, settings: Settings, request_id: str) -> dict[str, str]:
    """The headers of every answer."""
    headers = {"X-Request-Id": request_id, **_COMMON_HEADERS}
    if request.method == "OPTIONS" and request.route.template:
        headers["Access-Control-Allow-Methods"] = request.route.allow()
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-None-Match"
        headers["Access-Control-Max-Age"] = "600"
    return headers if request.domain.endswith(_DEFAULT_DOMAIN) else headers | _cors_headers(request, settings)


def _cors_headers(request: Request, settings: Settings) -> dict[str, str]:
    """What lets the pages of allowed origins read the answer, where Function Compute does not do so itself.

    On its default domain it adds these headers, for any origin ("HTTP triggers overview"). Beside the function's they
    would be there twice, and browsers refuse an answer with two Access-Control-Allow-Origin (a user's report:
    sherkevin/quiet-river). The page can also be read so that any of the function's replace all of the platform's.
    Sending none there works in both cases. On a custom domain it adds none (kejiweixun.com, 2024).
    """
    origin, allowed = request.headers.get("origin"), settings.allowed_origins
    headers = {
        "Access-Control-Allow-Credentials": "false",
        "Access-Control-Expose-Headers": "ETag, Retry-After, X-Request-Id, Cache-Status",
    }
    if "*" in allowed:
        headers["Access-Control-Allow-Origin"] = "*"
    elif origin in allowed and origin is not None:
        headers["Access-Control-Allow-Origin"] = origin
    return headers


def _cache_headers(cache_use: CacheUse) -> dict[str, str]:
    """Cache-Control and Age (RFC 9111), Cache-Status (RFC 9211).

    Caches reuse an answer for `max-age` less `Age`, so `max-age` contains the time that has passed.
    """
    age, left = int(cache_use.age), math.floor(cache_use.ttl)
    return {
        "Cache-Control": f"private, max-age={age + left if left > 0 else 0}",
        "Age": str(age),
        "Cache-Status": "cams-qr; " + _CACHE_STATUS[cache_use.status].format(ttl=left, reason=cache_use.reason),
    }


def _matches(if_none_match: str, etag: str) -> bool:
    """Whether the condition names this entity tag; the comparison is weak, as RFC 9110 requires for If-None-Match."""
    candidates = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return etag in candidates or candidates == ["*"]


def _response(
    status: int, headers: dict[str, str], content_type: str, body: bytes = b'""', is_base64: bool = False
) -> Answer:
    """The response struct; `body` is a JSON string already, since that of a long list takes a while to write."""
    headers["Content-Type"] = content_type
    struct = compact_json({"statusCode": status, "headers": headers, "isBase64Encoded": is_base64})
    return Answer(status, struct[:-1] + b',"body":' + body + b"}")
