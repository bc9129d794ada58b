"""An event from the classic API Gateway.

JSON bodies arrive in base64, header names in any case; a request mapping drops the content type.
Source: "Use Function Compute as the backend service of an API operation" (event and response format).
"""

from typing import Any

from cams_qr.events.http.request import Request, is_true, parameters, single_headers
from cams_qr.events.http.routes import find_route


def recognise(document: Any) -> bool:
    """Whether the event has a method and a path at its top level, and no version."""
    if not isinstance(document, dict):
        return False
    return "httpMethod" in document and "path" in document and "version" not in document


def read(document: Any) -> Request:
    """The request; path parameters count as query parameters."""
    path = document["path"]
    return Request(
        method=str(document["httpMethod"]).upper(),
        route=find_route(path if isinstance(path, str) else ""),
        headers=single_headers(document.get("headers")),
        parameters=(
            parameters(document.get("queryParameters")),
            parameters(document.get("pathParameters")),
        ),
        body=document.get("body"),
        body_is_base64=is_true(document.get("isBase64Encoded")),
    )
