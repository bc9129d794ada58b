"""Who may call over HTTP: with `function`, whoever signs; with `jwt`, whoever has a token.

Sources: the pages "Configure signature authentication for HTTP triggers" and "Configure signature authentication for
custom domain names", with their samples; "Error codes"; for what a trigger accepts and refuses in practice,
cjd2015/bec-fc-agent; for `tokenLookup`, `kid` and `claimPassBy`, the specification of Serverless Devs' component fc3;
for a missing token, an answer captured in ap-southeast-1 in July 2026.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

import jwt
from aiohttp import web

from local.acs3 import AUTHORIZATION, MAX_SKEW_SECONDS, AccessKey, Refused, SignedRequest, sign
from local.beliefs import BELIEFS
from local.gateway import BODY, PASSED
from local.refusals import invalid_access_key_id, signature_not_match
from local.sandbox import DEMO_KEY, DEMO_KEY_ID

PERMANENT_KEY_ID = "LTAI.sandbox"
PERMANENT_KEY = AccessKey(secret="sandbox-permanent-secret")
# What becomes of a caller's own header that claimPassBy sets from a claim: the claim replaces it, but a token without
# the claim passes it on; it is dropped then, too; or it is passed on in any case. No page says which, neither for the
# trigger nor for the gateway: BELIEFS["claim_header"] and ["unclaimed_header"].
OwnHeader = Literal["replaced", "dropped", "passed on"]
_KEYS = {DEMO_KEY_ID: DEMO_KEY, PERMANENT_KEY_ID: PERMANENT_KEY}


def check_signature(request: web.Request) -> None:
    """The HTTP trigger's check: ACS3-HMAC-SHA256 over the headers that were signed. Raises Refused.

    The body is only signed by its hash, if x-acs-content-sha256 is sent, as the general signature (V3) has it.

    Preflights pass, because browsers do not sign them: BELIEFS["preflight"]. What no page or report tells is refused:
    an unsigned x-acs- header, and two parameters of one name, of which the vendor's samples sign different ones. The
    samples differ on paths with escapes too; here they are signed as sent, and the function has none.
    """
    if request.method == "OPTIONS":
        return
    headers = _headers(request)
    authorization = _authorization(headers)
    match = AUTHORIZATION.fullmatch(authorization)
    if not match:
        raise _invalid(authorization)
    key_id, names, signature = match.groups()
    signed = SignedRequest(request.method, request.rel_url.raw_path, _query(request), headers, b"")
    if not {name for name in headers if name.startswith("x-acs-")} <= set(names.split(";")):
        raise signature_not_match()
    _check_date(headers.get("x-acs-date", ""), lambda text: datetime.fromisoformat(text.replace("Z", "+00:00")))
    _check_proof(headers, key_id, signature, lambda secret: sign(secret, signed, names.split(";")))


def check_domain_signature(request: web.Request) -> None:
    """A custom domain's check, as its page documents it: `acs`, HMAC-SHA1 over the header Date. Raises Refused.

    No page tells its errors, which are here the trigger's. Preflights pass, as above.
    """
    if request.method == "OPTIONS":
        return
    headers = _headers(request)
    authorization = _authorization(headers)
    key_id, _, signature = authorization.removeprefix("acs ").partition(":")
    if not authorization.startswith("acs "):
        raise _invalid(authorization)
    text = string_to_sign(request.method, request.rel_url.raw_path, _query(request), headers)
    _check_date(headers.get("date", ""), parsedate_to_datetime)
    _check_proof(headers, key_id, signature, lambda secret: sign_acs(secret, text))


def string_to_sign(method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str]) -> str:
    """The text that a custom domain's scheme signs; header names are in lower case, the query is decoded."""
    first = (method, *(headers.get(name, "") for name in ("accept", "content-md5", "content-type", "date")), "")
    special = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-acs-"))
    parameters = "&".join(f"{name}={value}" if value else name for name, value in sorted(query))
    return "\n".join(first) + special + path + (f"?{parameters}" if parameters else "")


def sign_acs(secret: str, text: str) -> str:
    """The signature of a custom domain's scheme, in base64."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _query(request: web.Request) -> list[tuple[str, str]]:
    query = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
    if len(dict(query)) < len(query):
        raise signature_not_match()
    return query


def _authorization(headers: Mapping[str, str]) -> str:
    """The header Authorization. Raises Refused with what users report of calls that are not signed."""
    if not {"date", "x-acs-date"} & set(headers):
        raise Refused("MissingRequiredHeader", "required HTTP header Date was not specified", 400)
    if not headers.get("authorization"):
        raise _invalid("")
    return headers["authorization"]


def _invalid(authorization: str) -> Refused:
    """What 2.0's `FC key:signature` gets too."""
    return Refused("InvalidArgument", f"invalid authorization '{authorization}'", 400)


def _check_date(text: str, read: Callable[[str], datetime]) -> None:
    """The text of the error is in the page's FAQ; its code is not, nor what becomes of a date that cannot be read."""
    now = datetime.now(timezone.utc)
    try:
        sent = read(text).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise Refused("InvalidArgument", f"invalid date '{text}'", 400) from None
    if abs((now - sent).total_seconds()) > MAX_SKEW_SECONDS:
        times = (format_datetime(at, usegmt=True) for at in (sent, now))
        message = "the difference between the request time '{}' and the current time '{}' is too large"
        raise Refused(BELIEFS["expired_signature"].value, message.format(*times), 403)


def _check_proof(headers: Mapping[str, str], key_id: str, signature: str, signed: Callable[[str], str]) -> None:
    """A permanent key's token is empty or left out: the page's samples send the one, users the other."""
    key = _KEYS.get(key_id)
    if key is None:
        raise invalid_access_key_id(key_id)
    is_token = headers.get("x-acs-security-token", "") == (key.token or "")
    if not is_token or not hmac.compare_digest(signed(key.secret).encode(), signature.encode()):
        raise signature_not_match()


def check_token(config: str, own: OwnHeader = "replaced") -> Callable[[web.Request], None]:
    """A check for `authConfig`: JSON with `jwks`, `tokenLookup` and `claimPassBy`.

    The check raises Refused. It puts the headers that `claimPassBy` makes of claims into the request's `PASSED`, with
    None for one of the caller's `own` that is dropped.
    Preflights pass, because browsers send no token with them: BELIEFS["preflight"].
    """
    settings = json.loads(config)
    keys = jwt.PyJWKSet.from_dict(settings["jwks"]).keys
    places = settings["tokenLookup"].split(",")
    passed_by = settings["claimPassBy"]

    def check(request: web.Request) -> None:
        if request.method == "OPTIONS":
            return
        # The first token counts, wherever a better one might be.
        token = next(filter(None, (_token(request, place) for place in places)), None)
        if token is None:
            raise Refused("JWTTokenIsMissing", "the jwt token is missing", 403)
        found = [claims for key in keys if (claims := _claims(token, key)) is not None]
        if not found:
            # Nobody has reported its code and text.
            raise Refused("AccessDenied", "the jwt token is invalid or expired", int(BELIEFS["invalid_token"].value))
        request[PASSED] = _passed(passed_by, found[0], own, request.headers)

    return check


def _token(request: web.Request, place: str) -> str:
    """The token at `place`, such as `header:Authorization:Bearer `; empty if there is none."""
    position, name, prefix = (*place.split(":", 2), "")[:3]
    held = _held(request, position).get(name, "")
    return held[len(prefix) :] if held.startswith(prefix) else ""


def _held(request: web.Request, position: str) -> Mapping[str, str]:
    if position == "form":
        is_form = request.content_type == "application/x-www-form-urlencoded"
        return dict(parse_qsl(request[BODY].decode("utf-8", "replace"))) if is_form else {}
    places: dict[str, Mapping[str, str]] = {
        "header": request.headers,
        "cookie": request.cookies,
        "query": request.query,
    }
    return places[position]


def _claims(token: str, key: jwt.PyJWK) -> dict[str, Any] | None:
    """The claims, if this key, by its own algorithm, verifies the token; if the token names a key, only by that one."""
    try:
        if jwt.get_unverified_header(token).get("kid", key.key_id) != key.key_id:
            return None
        claims: dict[str, Any] = jwt.decode(token, key, [key.algorithm_name], options={"verify_aud": False})
    except jwt.InvalidTokenError:
        return None
    return claims


def _passed(
    claim_pass_by: str, claims: Mapping[str, Any], own: OwnHeader, headers: Mapping[str, str]
) -> dict[str, str | None]:
    """The headers of `header:claim:name,…` whose claims the token has; `query::` passes none."""
    parts = [part.split(":") for part in claim_pass_by.split(",")]
    claim_of = {part[2]: part[1] for part in parts if part[0] == "header"}
    passed: dict[str, str | None] = dict.fromkeys(claim_of) if own == "dropped" else {}
    passed |= {name: str(claims[claim]) for name, claim in claim_of.items() if claim in claims}
    return {name: value for name, value in passed.items() if own != "passed on" or name not in headers}
