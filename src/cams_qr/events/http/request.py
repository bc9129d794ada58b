"""An HTTP request, whichever gateway it came through, and its query. `answer.py` builds the response."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from cams_qr import logs
from cams_qr.events.call import QueryOrProblem
from cams_qr.events.http.routes import CODE, DRAWING, LIST, OPENAPI, Route
from cams_qr.events.http.style import Style
from cams_qr.events.json_text import parse_strictly
from cams_qr.problems import Problem
from cams_qr.query import QUERY_FIELDS, QrQuery, invalid_field, parse_query
from cams_qr.settings import Settings

MAX_BODY_BYTES = 64 * 1024
# What the answer depends on, besides CUST_SPACE_HEADER, whose reader expects exactly one value, too.
_DECISIVE_HEADERS = ("origin", "host", "content-type", "if-none-match", "accept-encoding")


class Request(NamedTuple):
    """One HTTP request, with the headers as `single_headers` reads them and the raw body.

    `parameters` are decoded: those of the URL's query and, if the gateway has any, of its path. `domain` is the host
    that the platform names, or empty.
    """

    method: str
    route: Route
    headers: Mapping[str, str | None]
    parameters: tuple[Mapping[str, Any], ...]
    body: Any
    body_is_base64: bool
    domain: str = ""

    def name(self) -> str | None:
        """Its name in the log, which contains nothing that the caller sent."""
        template, methods = self.route.template, self.route.methods()
        return f"{self.method if self.method in methods else '?'} {template}" if template else None


def parameters(source: Any) -> dict[str, Any]:
    """The parameters from the gateway, or none."""
    return source if isinstance(source, dict) else {}


def is_true(flag: Any) -> bool:
    """Whether a flag from the gateway is true, as JSON or as text."""
    return flag is True or (isinstance(flag, str) and flag.lower() == "true")


def single_headers(headers: Any) -> dict[str, str | None]:
    """Headers by lower-case name; None stands for one that is given in two spellings, or is not one string.

    Those that are no object, nor empty, may be any that decide something.
    """
    if headers and not isinstance(headers, dict):
        return dict.fromkeys(_DECISIVE_HEADERS)
    single: dict[str, str | None] = {}
    for name, value in (headers or {}).items():
        key = name.lower()
        single[key] = value if isinstance(value, str) and key not in single else None
    return single


class Selection(NamedTuple):
    """What a request asks for: its query, or the problem with it; and for a drawing, its style.

    A preflight and the description have no query.
    """

    queries: tuple[QueryOrProblem, ...]
    style: Style | None = None


def select(request: Request, settings: Settings, request_id: str) -> Selection:
    """What the request asks for. Raises nothing."""
    try:
        _check_origin(request, settings)
        _check_headers(request)
        _check_route(request)
        if request.method == "OPTIONS" or request.route.template == OPENAPI:
            return Selection(())
        return Selection((_query(request, settings),), _style(request))
    except Problem as problem:
        return Selection((problem,))
    except Exception as error:
        return Selection((logs.internal_error(error, request_id),))


def _check_headers(request: Request) -> None:
    """Raise Problem `invalid_request` for an ambiguous header: whoever passed it on may have gone by another value."""
    for name in _DECISIVE_HEADERS:
        if name in request.headers and request.headers[name] is None:
            raise invalid_field(name, "is not one value; the gateway must pass on this header once, as a string")


def _check_origin(request: Request, settings: Settings) -> None:
    """Raise Problem `origin_not_allowed` for a page from elsewhere, unless it is allowed.

    What a browser lets the page read is no defence: on its default domain Function Compute lets every page read.
    """
    if "origin" not in request.headers:
        return
    origin = request.headers["origin"]
    if not settings.allowed_origins.isdisjoint((origin, "*")):
        return
    # Browsers send Origin to the page's own host, too, except with GET. The scheme is not known here.
    for host in filter(None, (request.headers.get("host"), request.domain)):
        own = host.lower().removesuffix(":443").removesuffix(":80")
        if origin in (f"https://{own}", f"http://{own}"):
            return
    raise Problem("origin_not_allowed", "Call from a page whose origin is in ALLOWED_ORIGINS, or from a server.")


def _check_route(request: Request) -> None:
    if request.route.template is None:
        raise Problem("not_found", f"There is no such route; use {LIST}, {CODE}, {DRAWING} or {OPENAPI}.")
    if request.method not in request.route.methods():
        raise Problem("method_not_allowed", f"This route accepts {request.route.allow()}.")


def _query(request: Request, settings: Settings) -> QrQuery:
    # Other parameters are ignored: proxies and trackers add them to URLs.
    fields = [field for source in request.parameters for field in source.items() if field[0] in QUERY_FIELDS]
    if request.method == "POST":
        fields += _json_body(request).items()
    return query_in_own_space(parse_query(fields), request.headers, settings)


def _style(request: Request) -> Style | None:
    if request.route.template != DRAWING:
        return None
    # If a parameter is in several sources, the first counts.
    given = {k: v for source in reversed(request.parameters) for k, v in source.items() if k in Style._fields}
    if not given:
        return Style()
    # Only styles other than the default need it.
    from cams_qr.events.http.style_parameters import parse_style

    return parse_style(given)


def _json_body(request: Request) -> dict[str, Any]:
    media_type = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise Problem("unsupported_media_type", "Send the body as JSON, with Content-Type: application/json.")
    fields = parse_strictly(_body(request), "body")
    if not isinstance(fields, dict):
        raise invalid_field("body", 'is not a JSON object; send one like {"phoneNumber": "8613800001234"}')
    return fields


def _body(request: Request) -> bytes:
    # Base64 is a third longer than what it encodes; checked first, so that nothing huge is decoded.
    if isinstance(request.body, str) and len(request.body) > MAX_BODY_BYTES * 4 // 3 + 4:
        raise _too_large()
    body = body_bytes(request.body, request.body_is_base64)
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


def body_bytes(body: Any, is_base64: bool) -> bytes:
    """The bytes of a body as an event holds it. Raises Problem `invalid_request` if it is not text, or not base64."""
    if body is None:
        return b""
    if not isinstance(body, str):
        raise invalid_field("body", "is not a string; the gateway must pass on the request's body unchanged")
    try:
        return base64.b64decode(body, validate=True) if is_base64 else body.encode()
    except ValueError:
        raise invalid_field("body", "is not valid; it must be text, or base64 if isBase64Encoded is true") from None


def _too_large() -> Problem:
    return Problem("payload_too_large", f"Send a body of at most {MAX_BODY_BYTES} bytes.")


def query_in_own_space(query: QrQuery, headers: Mapping[str, str | None], settings: Settings) -> QrQuery:
    """The query, restricted to the space in CUST_SPACE_HEADER if that is set; any other space is off limits.

    Raises Problem `not_allowed` for another space, and if the header does not name exactly one.
    """
    if settings.cust_space_header is None:
        return query
    own = headers.get(settings.cust_space_header.lower())
    if own is None:
        raise Problem(
            "not_allowed", "The gateway did not name one custSpaceId for this caller; its token must hold one."
        )
    if query.cust_space_id not in (None, own):
        raise Problem("not_allowed", "Callers may only query their own custSpaceId; leave custSpaceId out.")
    try:
        return parse_query((("phoneNumber", query.phone_number), ("custSpaceId", own)))
    except Problem:
        raise Problem("not_allowed", "The gateway did not name exactly one valid space for this caller.") from None
