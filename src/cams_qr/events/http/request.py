"""An HTTP request, whatever gateway it came through, and what it asks. `answer.py` has the way back."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from cams_qr import logs
from cams_qr.events.call import Question
from cams_qr.events.http.routes import CODE, DRAWING, LIST, OPENAPI, Route
from cams_qr.events.json_text import parse_json
from cams_qr.problems import Problem
from cams_qr.query import QUERY_FIELDS, QrQuery, invalid_field, parse_query
from cams_qr.settings import Settings

MAX_BODY_BYTES = 64 * 1024


class Request(NamedTuple):
    """One HTTP request: header names in lower case, raw body.

    `parameters` are those of the URL, decoded: of its query, and where the gateway has such, of its path.
    """

    method: str
    route: Route
    headers: Mapping[str, str]
    parameters: tuple[Mapping[str, Any], ...]
    body: Any
    body_is_base64: bool

    def name(self) -> str | None:
        """What the log calls it; nothing in it is the caller's."""
        template, methods = self.route.template, self.route.methods()
        return f"{self.method if self.method in methods else '?'} {template}" if template else None


def parameters(source: Any) -> dict[str, Any]:
    """The parameters a gateway passes on, where it passes any."""
    return source if isinstance(source, dict) else {}


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


def read_queries(request: Request, settings: Settings, request_id: str) -> tuple[Question, ...]:
    """What is asked: a query, the problem with the request, or nothing (a preflight, the description)."""
    try:
        _check_route(request)
        if request.method == "OPTIONS" or request.route.template == OPENAPI:
            return ()
        query = _query(request, settings)
        if request.route.template == DRAWING:
            _check_style(request)
        return (query,)
    except Problem as problem:
        return (problem,)
    except Exception as error:
        return (logs.internal_error(error, request_id),)


def _check_route(request: Request) -> None:
    if request.route.template is None:
        raise Problem("not_found", f"There is no such route; ask for {LIST}, {CODE}, {DRAWING} or {OPENAPI}.")
    if request.method not in request.route.methods():
        allowed = ", ".join(request.route.methods())
        raise Problem("method_not_allowed", f"This route takes {allowed}.", allow=allowed)


def _check_style(request: Request) -> None:
    # Imported only for drawings.
    from cams_qr.events.http.style import parse_style

    parse_style(*request.parameters)


def _query(request: Request, settings: Settings) -> QrQuery:
    body = (_json_body(request),) if request.method == "POST" else ()
    # Other parameters are ignored, as URLs gather them on their way.
    fields = [{k: v for k, v in source.items() if k in QUERY_FIELDS} for source in request.parameters]
    return query_in_own_space(parse_query(*fields, *body), request.headers, settings)


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


def query_in_own_space(query: QrQuery, headers: Mapping[str, str], settings: Settings) -> QrQuery:
    """The query, in the caller's own space where the gateway names that in a header, which is then the only one.

    Raises Problem `not_allowed` for another space, and where the header names none.
    """
    if settings.cust_space_header is None:
        return query
    own = headers.get(settings.cust_space_header.lower())
    if own is None or query.cust_space_id not in (None, own):
        raise Problem("not_allowed", "Only the caller's own custSpaceId may be asked for; leave custSpaceId out.")
    try:
        return parse_query({"phoneNumber": query.phone_number, "custSpaceId": own})
    except Problem:
        raise Problem("not_allowed", "The gateway named no single space for this caller.") from None
