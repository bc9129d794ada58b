"""Function Compute's own errors: what it answers instead of the function.

Sources: "Error codes" for statuses, codes and messages; for the body, answers that users captured from HTTP triggers of
3.0 (`RequestId`, `Code`, `Message`). The page still prints `errorCode` and `errorMessage`, as 2.0 did.
"""

import json

from aiohttp import web

from local.acs3 import Refused


def refusal(refused: Refused, request_id: str, content_type: str = "application/json") -> web.Response:
    """The answer to a request that is rejected."""
    error = {"RequestId": request_id, "Code": refused.code, "Message": refused.message}
    headers = {"X-Fc-Request-Id": request_id}
    return web.Response(text=json.dumps(error), status=refused.status, content_type=content_type, headers=headers)


def signature_not_match() -> Refused:
    """The signature is another than that of the request."""
    message = "The request signature we calculated does not match the signature you provided. Check your access key"
    return Refused("SignatureNotMatch", f"{message} and signing method.", 403)


def invalid_access_key_id(key_id: str) -> Refused:
    """Nobody has this access key."""
    return Refused("InvalidAccessKeyID", f"invalid access key ID '{key_id}'", 403)
