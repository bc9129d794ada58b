"""An event from an HTTP trigger, version v1; the cloud-native API gateway delivers the same format.

Source: "Use an HTTP trigger to invoke a function" (request and response structs).
"""

from typing import Any
from urllib.parse import unquote

from cams_qr.events.http.request import Request, is_true, parameters, single_headers
from cams_qr.events.http.routes import find_route


def recognise(document: Any) -> bool:
    """Whether the event has version v1 and a request context with `http`."""
    if not isinstance(document, dict) or document.get("version") != "v1":
        return False
    context = document.get("requestContext")
    return isinstance(context, dict) and isinstance(context.get("http"), dict)


def read(document: Any) -> Request:
    """The request; `rawPath` is percent-encoded, query parameters are not."""
    raw_path, context = document.get("rawPath"), document["requestContext"]
    domain = context.get("domainName")
    return Request(
        method=str(context["http"].get("method", "")).upper(),
        route=find_route(unquote(raw_path) if isinstance(raw_path, str) else ""),
        headers=single_headers(document.get("headers")),
        parameters=(parameters(document.get("queryParameters")),),
        body=document.get("body"),
        body_is_base64=is_true(document.get("isBase64Encoded")),
        domain=domain.lower().partition(":")[0].rstrip(".") if isinstance(domain, str) else "",
    )
