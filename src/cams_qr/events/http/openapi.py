"""The OpenAPI 3.1 description of the HTTP contract, generated from the models, the routes and the problems."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

from cams_qr import __version__
from cams_qr.events.http.routes import CODE, CODE_PATTERN, DRAWING, LIST, MEDIA_TYPES, OPENAPI
from cams_qr.events.http.style_parameters import StyleParameters
from cams_qr.problems import KINDS
from cams_qr.query import QrCode, QrCodeList, QrQuery

Json = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_OF_A_BODY = ("payload_too_large", "unsupported_media_type")
_OF_ROUTING = ("not_found", "method_not_allowed", *_OF_A_BODY)
_OF_A_QUERY = tuple(code for code in KINDS if code not in _OF_ROUTING)
# Function Compute, its HTTP trigger or the gateway answers with these itself.
_REFUSALS = {
    "400": "the request is not signed, or too large",
    "401": "no token or key, or an invalid one, at the gateway",
    "403": "no token, or an invalid one, or a signature that does not match or has expired; at the gateway, the caller "
    "may not use this route",
    "429": "no instance is free, or the gateway limits the caller",
}


def document() -> Json:
    """The description. Its URLs are relative to its own; readers of a copy fill in the second server."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cams-qr",
            "version": __version__,
            "description": "Which WhatsApp QR codes does a business phone number have? The deployment decides how "
            "requests are authorised: by a signature, by a token, or by its own gateway. Unauthorised requests are "
            "rejected before the function runs, by Alibaba Cloud, without problem details. If the function does not "
            "start, Function Compute answers 200 with an error object (`errorMessage`) and X-Fc-Error-Type.",
        },
        "servers": [{"url": ".", "description": "The server of this description"}, _SERVER],
        "tags": [_LISTS, _DRAWINGS, _ITSELF],
        "security": [{name: []} for name in _SECURITY_SCHEMES],
        "paths": {
            LIST: {"get": _list_codes(), "post": _list_codes_by_post()},
            CODE: {"get": _show_code()},
            **{DRAWING.replace("{format}", kind): {"get": _draw_code(kind)} for kind in MEDIA_TYPES},
            OPENAPI: {"get": _describe()},
        },
        "components": {
            "schemas": _schemas(),
            "headers": _headers(),
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _list_codes() -> Json:
    return _operation(
        "listQrCodes",
        _LISTS,
        "The QR codes of a number",
        "From CAMS, or from the cache while fresh. `stale` is true if CAMS failed and an old list replaces its answer.",
        [*_query_parameters(), _IF_NONE_MATCH],
        {"200": _json_answer("The list", "QrCodeList"), "304": _NOT_MODIFIED, **_problems(_OF_A_QUERY)},
    )


def _list_codes_by_post() -> Json:
    asked = {"required": True, "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}QrQuery"}}}}
    answers = {"200": _json_answer("The list", "QrCodeList"), **_problems((*_OF_A_QUERY, *_OF_A_BODY))}
    operation = _operation(
        "listQrCodesByPost",
        _LISTS,
        "The QR codes of a number, by POST",
        "The same list; keeps the number out of URLs and access logs.",
        [],
        answers,
    )
    return {**operation, "requestBody": asked}


def _show_code() -> Json:
    return _operation(
        "showQrCode",
        _LISTS,
        "One QR code of a number",
        "One item of the list, by its code.",
        [_CODE_PARAMETER, *_query_parameters(), _IF_NONE_MATCH],
        {
            "200": _json_answer("The QR code", "QrCode"),
            "304": _NOT_MODIFIED,
            **_problems((*_OF_A_QUERY, "not_found")),
        },
    )


def _draw_code(kind: str) -> Json:
    image: Json = {"type": "string"} if kind == "svg" else {"type": "string", "contentMediaType": MEDIA_TYPES[kind]}
    drawn = {"description": "The image", "headers": _of_a_result(), "content": {MEDIA_TYPES[kind]: {"schema": image}}}
    return _operation(
        f"drawQrCodeAs{kind.title()}",
        _DRAWINGS,
        f"One QR code of a number, drawn as {kind.upper()}",
        "Drawn from the code's link. The contrast of `dark` and `light` must be at least 3.",
        [_CODE_PARAMETER, *_query_parameters(), *_style_parameters(), _IF_NONE_MATCH],
        {"200": drawn, "304": _NOT_MODIFIED, **_problems((*_OF_A_QUERY, "not_found"))},
    )


def _describe() -> Json:
    content = {"application/json": {"schema": {"type": "object"}}}
    answers = {"200": {"description": "This description", "headers": _of_a_result(), "content": content}}
    return _operation(
        "describe",
        _ITSELF,
        "This description",
        "This contract in OpenAPI 3.1.",
        [_IF_NONE_MATCH],
        {**answers, "304": _NOT_MODIFIED, **_problems(["origin_not_allowed", "internal_error"])},
    )


def _operation(name: str, tag: Json, summary: str, description: str, parameters: list[Json], responses: Json) -> Json:
    return {
        "operationId": name,
        "tags": [tag["name"]],
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "responses": _with_refusals(responses),
    }


def _with_refusals(responses: Json) -> Json:
    """The function's responses, plus those to requests that never reach the function."""
    refused = {status: _refusal(status, responses.get(status)) for status in _REFUSALS}
    return dict(sorted({**responses, **refused}.items()))


def _refusal(status: str, ours: Json | None) -> Json:
    answer: Json = {
        "description": f"Before the function runs: {_REFUSALS[status]}",
        "content": {
            "application/json": {"schema": {"$ref": f"{_SCHEMAS}Refusal"}},
            "text/plain": {"schema": {"type": "string"}},
        },
    }
    if ours is None:
        return answer
    # Only the function's own answers have its headers.
    headers = {name: {**_headers()[name], "required": False} for name in ours["headers"]}
    return {
        "description": f"{ours['description']}. {answer['description']}",
        "headers": headers,
        "content": {**ours["content"], **answer["content"]},
    }


def _json_answer(description: str, schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"{_SCHEMAS}{schema}"}}}
    return {"description": description, "headers": _of_a_result(), "content": content}


def _problems(codes: Iterable[str]) -> Json:
    """The responses for these problems: one per status, which lists its codes."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[KINDS[code].status].append(code)
    return {str(status): _problem_answer(by_status[status]) for status in sorted(by_status)}


def _problem_answer(codes: list[str]) -> Json:
    told = {"type": "object", "properties": {"code": {"enum": codes}}, "required": ["code"]}
    schema = {"allOf": [{"$ref": f"{_SCHEMAS}Problem"}, told]}
    names = ["X-Request-Id", *(["Retry-After"] if all(KINDS[code].retry_after for code in codes) else [])]
    return {
        "description": "; ".join(f"{code}: {KINDS[code].title}" for code in codes),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {"application/problem+json": {"schema": schema}},
    }


def _of_a_result() -> Json:
    names = ("X-Request-Id", "ETag", "Cache-Control", "Age", "Cache-Status", "Content-Encoding")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _headers() -> Json:
    text = {"type": "string"}
    return {
        "X-Request-Id": _header("Function Compute's ID of the request, as in its logs", text),
        "ETag": _header("The answer's strong entity tag", text),
        "Cache-Control": _header("How long the answer may be cached", text),
        "Age": _header("Seconds since CAMS answered", {"type": "integer", "minimum": 0}, required=False),
        "Cache-Status": _header("How the cache handled the request (RFC 9211)", text, required=False),
        "Content-Encoding": _header(
            "For long answers, if the request's Accept-Encoding allows it", {"enum": ["gzip"]}, required=False
        ),
        "Retry-After": _header("Seconds to wait before a retry", {"type": "integer", "minimum": 1}),
    }


def _header(description: str, schema: Json, required: bool = True) -> Json:
    return {"description": description, "required": required, "schema": schema}


def _query_parameters() -> list[Json]:
    return _parameters(_schema_of(QrQuery))


def _style_parameters() -> list[Json]:
    return _parameters(_schema_of(StyleParameters))


def _schema_of(model: type[QrQuery] | type[StyleParameters]) -> Json:
    return dict(_without_titles(model.model_json_schema()))


def _parameters(schema: Json) -> list[Json]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(field)}
        for name, field in schema["properties"].items()
    ]


def _without_null(field: Json) -> Json:
    """A field's schema without null: in a URL, a parameter is left out instead."""
    given: Json = next((kind for kind in field.get("anyOf", []) if kind.get("type") != "null"), {})
    return {**{k: v for k, v in field.items() if k != "anyOf" and v is not None}, **given}


def _schemas() -> Json:
    _, made = models_json_schema(
        [(QrQuery, "validation"), (QrCode, "serialization"), (QrCodeList, "serialization")],
        ref_template=f"{_SCHEMAS}{{model}}",
    )
    schemas: Json = _without_titles(made["$defs"])
    for name in ("QrCode", "QrCodeList"):
        # Answers may gain keys; clients should not reject them.
        del schemas[name]["additionalProperties"]
    return {**schemas, "Problem": _problem_schema(), "Refusal": _refusal_schema()}


def _problem_schema() -> Json:
    text = {"type": "string"}
    properties: Json = {
        "type": {"type": "string", "pattern": "^urn:cams-qr:problem:[a-z_]+$"},
        "title": text,
        "status": {"type": "integer", "enum": sorted({kind.status for kind in KINDS.values()})},
        "code": {"enum": list(KINDS)},
        "detail": {"type": "string", "description": "one sentence a caller can act on"},
        "requestId": {"type": "string", "description": "Function Compute's ID of the request, as in its logs"},
        "traceId": {
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "the ID of the trace: from the request's traceparent, or Function Compute's own",
        },
        "retryable": {"type": "boolean"},
        "retryAfter": {"type": "integer", "minimum": 1, "description": "seconds"},
        "upstream": {
            "type": "object",
            "description": "CAMS's own error code and request ID",
            "properties": {"code": {"type": ["string", "null"]}, "requestId": {"type": ["string", "null"]}},
            "required": ["code", "requestId"],
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": text, "message": text},
                "required": ["field", "message"],
            },
        },
    }
    optional = ("traceId", "retryAfter", "upstream", "errors")
    return {
        "type": "object",
        "description": "Problem details (RFC 9457)",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def _refusal_schema() -> Json:
    names = ("RequestId", "Code", "Message")
    return {
        "type": "object",
        "description": "Alibaba Cloud's answer to a request that it rejects before the function; no problem details. "
        "Its Content-Type need not say that it is JSON",
        "properties": {name: {"type": "string"} for name in names},
    }


def _without_titles(schema: Any) -> Any:
    """The schema without pydantic's generated titles, which only repeat the names."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: _without_titles(v) for k, v in schema.items() if not (k == "title" and isinstance(v, str))}


_LISTS: Json = {"name": "Lists", "description": "Which codes a number has"}
_DRAWINGS: Json = {"name": "Drawings", "description": "A code as an image"}
_ITSELF: Json = {"name": "Description", "description": "How to ask"}
_SERVER: Json = {
    "url": "https://{address}",
    "description": "A deployment",
    "variables": {
        "address": {
            "default": "your-function.ap-southeast-1.fcapp.run",
            "description": "the host in the stack's output Url or DomainUrl, or the gateway's host and route prefix",
        }
    },
}
_SECURITY_SCHEMES: Json = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "If the template's HttpAuth is `jwt`, or behind the gateway if GatewayAuth is `Jwt`. In this "
        "header, unless the deployment's tokenLookup names another place.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "Alibaba Cloud's signature, if HttpAuth is `function`: `ACS3-HMAC-SHA256 Credential=…,"
        "SignedHeaders=…,Signature=…`, with the headers x-acs-date and, for temporary credentials, "
        "x-acs-security-token; alibabacloud-openapi-util and @alicloud/openapi-util create it. For a custom domain the "
        "documentation has another: `acs <access key id>:<signature>`, with the header Date. Not for browsers, which "
        "would have to hold the secret.",
    },
    "gatewayKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The API key of a consumer of the gateway, if GatewayAuth is `Apikey`; the consumer's "
        "credential source may name another header.",
    },
    "gatewaySignature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Ca-Signature",
        "description": "A consumer's HMAC signature, if GatewayAuth is `AkSk`, with the headers X-Ca-Key and "
        "X-Ca-Signature-Headers.",
    },
}
_CODE_PARAMETER: Json = {
    "name": "code",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": f"^{CODE_PATTERN}$"},
}
_IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "the entity tags that the caller holds",
    "schema": {"type": "string"},
}
_NOT_MODIFIED: Json = {
    "description": "The caller already holds this answer",
    "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", "ETag")},
}
