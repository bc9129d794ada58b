"""An HTTP trigger's authentication: with `function`, Function Compute's signature; with `jwt`, a token.

Sources: "Configure signature authentication for HTTP triggers"; alibabacloud-gateway-fc-util, which creates such
signatures; "Configure JWT authentication for an HTTP trigger".
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.parse import unquote

import jwt
from aiohttp import web

from local.acs3 import MAX_SKEW_SECONDS, Refused
from local.beliefs import BELIEFS
from local.gateway import PASSED
from local.sandbox import DEMO_KEY, DEMO_KEY_ID


def check_signature(request: web.Request) -> None:
    """Raises Refused for an invalid signature. Preflights pass, because browsers do not sign them."""
    if request.method == "OPTIONS":
        return
    headers = {name.lower(): value for name, value in request.headers.items()}
    status = int(BELIEFS["unsigned"].value)
    if "date" not in headers:
        raise Refused("MissingRequiredHeader", "required HTTP header Date was not specified", status)
    if not headers.get("authorization"):
        raise Refused("InvalidArgument", "invalid authorization ''", status)
    if abs(time() - parsedate_to_datetime(headers["date"]).timestamp()) > MAX_SKEW_SECONDS:
        raise Refused("AccessDenied", "the difference between the request time and the current time is too large", 403)
    is_token = headers.get("x-fc-security-token") == DEMO_KEY.token
    if not is_token or not hmac.compare_digest(headers["authorization"], _authorization(request, headers)):
        raise Refused("SignatureNotMatch", "signature does not match", 403)


def _authorization(request: web.Request, headers: dict[str, str]) -> str:
    signed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-fc-"))
    query = "\n".join(unquote(request.rel_url.raw_query_string).split("&"))
    first = (request.method, headers.get("content-md5", ""), headers.get("content-type", ""), headers["date"])
    text = "\n".join((*first, f"{signed}{unquote(request.rel_url.raw_path)}\n{query}"))
    digest = hmac.new(DEMO_KEY.secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"FC {DEMO_KEY_ID}:{base64.b64encode(digest).decode()}"


def check_token(config: str) -> Callable[[web.Request], None]:
    """A check for `authConfig`: JSON with the public keys (`jwks`) and the places of a token (`tokenLookup`).

    The check raises Refused. It puts the headers that `claimPassBy` makes of claims into the request's `PASSED`.
    Preflights pass, because browsers send no token with them.
    """
    settings = json.loads(config)
    keys = jwt.PyJWKSet.from_dict(settings["jwks"]).keys
    places = settings["tokenLookup"].split(",")

    def check(request: web.Request) -> None:
        tokens = [_token(request, place) for place in places]
        good = [claims for token in tokens for key in keys if (claims := _claims(token, key)) is not None]
        if request.method != "OPTIONS" and not good:
            raise Refused("AccessDenied", "the token is missing, invalid or expired", int(BELIEFS["no_token"].value))
        request[PASSED] = _passed(settings.get("claimPassBy", ""), good[0]) if good else {}

    return check


def _token(request: web.Request, place: str) -> str:
    """The token at `place`, such as `header:Authorization:Bearer `; empty if there is none."""
    position, name, prefix = (*place.split(":", 2), "")[:3]
    held = {"header": request.headers, "cookie": request.cookies, "query": request.query}[position].get(name, "")
    return held[len(prefix) :] if held.startswith(prefix) else ""


def _claims(token: str, key: jwt.PyJWK) -> dict[str, Any] | None:
    try:
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False})
    except jwt.InvalidTokenError:
        return None
    return claims


def _passed(claim_pass_by: str, claims: Mapping[str, Any]) -> dict[str, str]:
    """The headers of `header:claim:name,…` whose claims the token has."""
    parts = [part.split(":") for part in claim_pass_by.split(",")]
    return {part[2]: str(claims[part[1]]) for part in parts if part[0] == "header" and part[1] in claims}
