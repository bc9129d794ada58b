"""An HTTP request, whatever gateway it came through: its route, its query, its body. `http_answer` has the way back."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from cams_qr import logs
from cams_qr.events.call import Call, Question
from cams_qr.events.http.answer import Render, Reply, common_headers, show_code, show_document, show_drawing, show_list
from cams_qr.events.http.routes import CODE, DRAWING, LIST, OPENAPI, Route, find_route
from cams_qr.events.json_text import parse_json
from cams_qr.problems import Problem
from cams_qr.query import QUERY_FIELDS, QrQuery, invalid_field, parse_query
from cams_qr.settings import Settings

MAX_BODY_BYTES = 64 * 1024


class Request(NamedTuple):
    """One HTTP request: percent-decoded path, header names in lower case, raw body.

    `parameters` are those of the URL, decoded: of its query, and where the gateway has such, of its path.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: tuple[Mapping[str, Any], ...]
    body: Any
    body_is_base64: bool


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


def decode(trigger: str, request: Request, settings: Settings, request_id: str) -> Call:
    """Make a Call of the request: one query, one problem, or nothing to ask (a preflight, the description)."""
    route = find_route(request.path)
    question, render = _read(route, request, settings, request_id)
    reply = Reply(
        request_id,
        common_headers(route, request.method, request.headers.get("origin"), settings, request_id),
        render,
        if_none_match=request.headers.get("if-none-match", "") if request.method == "GET" else "",
        own_space=settings.cust_space_header is not None,
    )
    queries = () if question is None else (question,)
    return Call(trigger, queries, reply.encode, route=_name(route, request.method), interactive=True)


def _name(route: Route | None, method: str) -> str | None:
    """What the log calls it; nothing in it is the caller's."""
    return f"{method if method in route.methods() else '?'} {route.template}" if route else None


def _read(
    route: Route | None, request: Request, settings: Settings, request_id: str
) -> tuple[Question | None, Render | None]:
    """What is asked, and what of the answer is to be shown."""
    try:
        found = _checked(route, request.method)
        if request.method == "OPTIONS":
            return None, None
        if found.template == OPENAPI:
            return None, show_document
        return _query(request, settings), _render(found, request)
    except Problem as problem:
        return problem, None
    except Exception as error:
        return logs.internal_error(error, request_id), None


def _checked(route: Route | None, method: str) -> Route:
    if route is None:
        raise Problem("not_found", f"There is no such route; ask for {LIST}, {CODE}, {DRAWING} or {OPENAPI}.")
    if method not in route.methods():
        allowed = ", ".join(route.methods())
        raise Problem("method_not_allowed", f"This route takes {allowed}.", allow=allowed)
    return route


def _query(request: Request, settings: Settings) -> QrQuery:
    body = (_json_body(request),) if request.method == "POST" else ()
    # Other parameters are ignored, as URLs gather them on their way.
    fields = [{k: v for k, v in source.items() if k in QUERY_FIELDS} for source in request.parameters]
    return within_own_space(parse_query(*fields, *body), request.headers, settings)


def _render(route: Route, request: Request) -> Render:
    if route.template == LIST:
        return show_list(route.codes)
    if route.template == CODE:
        return show_code(route.codes, route.code)
    return show_drawing(route.code, route.image_format, *request.parameters)


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


def within_own_space(query: QrQuery, headers: Mapping[str, str], settings: Settings) -> QrQuery:
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
