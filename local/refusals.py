"""Function Compute's own errors: what it answers instead of the function.

Sources: "Error codes" for statuses, codes and messages; for the body, answers that users captured from HTTP triggers of
3.0 (`RequestId`, `Code`, `Message`). The page still prints `errorCode` and `errorMessage`, as 2.0 did.
"""

import json
import time
from uuid import uuid4

from aiohttp import web

from local.acs3 import Refused


def refusal(refused: Refused, content_type: str = "application/json") -> web.Response:
    """The answer to a request that is rejected."""
    request_id = f"1-{int(time.time()):08x}-{uuid4().hex[:8]}-{uuid4().hex[:12]}"
    error = {"RequestId": request_id, "Code": refused.code, "Message": refused.message}
    return web.Response(text=json.dumps(error), status=refused.status, content_type=content_type)


def signature_not_match() -> Refused:
    """The signature is another than that of the request."""
    message = "The request signature we calculated does not match the signature you provided. Check your access key"
    return Refused("SignatureNotMatch", f"{message} and signing method.", 403)


def invalid_access_key_id(key_id: str) -> Refused:
    """Nobody has this access key."""
    return Refused("InvalidAccessKeyID", f"invalid access key ID '{key_id}'", 403)
