"""An HTTP trigger's event, version v1; the cloud-native API gateway delivers the same.

Source: "Use an HTTP trigger to invoke a function" (request and response structs).
"""

from typing import Any
from urllib.parse import unquote

from cams_qr.events.call import Call
from cams_qr.events.http import request as http
from cams_qr.settings import Settings


def recognise(document: Any) -> bool:
    """Whether the event says v1 and has the HTTP part of a request context."""
    if not isinstance(document, dict) or document.get("version") != "v1":
        return False
    context = document.get("requestContext")
    return isinstance(context, dict) and isinstance(context.get("http"), dict)


def decode(document: Any, settings: Settings, request_id: str) -> Call:
    """Make a Call of the request; `rawPath` is percent-encoded, the query parameters are not."""
    raw_path = document.get("rawPath")
    request = http.Request(
        method=str(document["requestContext"]["http"].get("method", "")).upper(),
        path=unquote(raw_path) if isinstance(raw_path, str) else "",
        headers=http.lower_case_names(document.get("headers")),
        parameters=(http.parameters(document.get("queryParameters")),),
        body=document.get("body"),
        body_is_base64=http.is_true(document.get("isBase64Encoded")),
    )
    return http.decode("http_trigger", request, settings, request_id)
