"""ACS3-HMAC-SHA256 on the server's side: the signature, and how OpenAPI services verify it, its age and its nonce.

Source: "Request syntax and signature method V3" (Alibaba Cloud SDK reference). An HTTP trigger verifies the same
signature by rules of its own (`trigger_auth.py`).
"""

import hashlib
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"
MAX_SKEW_SECONDS = 15 * 60

AUTHORIZATION = re.compile(rf"{ALGORITHM} Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{{64}})")


class Refused(Exception):
    """The request is rejected; `code` is the gateway's error code."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class SignedRequest:
    """The parts of a request that are signed, with header names in lower case and the query decoded."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class AccessKey:
    """One access key of the account: permanent (no token), or temporary."""

    secret: str
    token: str | None = None
    expired: bool = False
    active: bool = True


@dataclass
class Verifier:
    """Checks signatures against access keys, and remembers nonces."""

    keys: dict[str, AccessKey]
    nonces: dict[str, float] = field(default_factory=dict)

    def verify(self, request: SignedRequest) -> str:
        """The ID of the access key that signed the request. Raises Refused."""
        match = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if not match:
            raise Refused("IncompleteSignature", "The Authorization header is missing or incomplete.")
        key_id, signed_headers, signature = match.groups()
        key = self._key(key_id)
        self._check_content(request)
        self._check_signed_headers(request, signed_headers.split(";"))
        if not hmac.compare_digest(sign(key.secret, request, signed_headers.split(";")), signature):
            raise Refused("SignatureDoesNotMatch", "The specified signature does not match our calculation.", 403)
        self._check_date(request.headers.get("x-acs-date", ""))
        self._check_token(key, request.headers.get("x-acs-security-token"))
        self._check_nonce(request.headers.get("x-acs-signature-nonce", ""))
        return key_id

    def _key(self, key_id: str) -> AccessKey:
        key = self.keys.get(key_id)
        if key is None:
            raise Refused("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        if not key.active:
            raise Refused("InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
        return key

    def _check_content(self, request: SignedRequest) -> None:
        if request.headers.get("x-acs-content-sha256") != hashlib.sha256(request.body).hexdigest():
            raise Refused("SignatureDoesNotMatch", "x-acs-content-sha256 is not the hash of the body.", 403)

    def _check_signed_headers(self, request: SignedRequest, signed: Sequence[str]) -> None:
        must = {n for n in request.headers if n.startswith("x-acs-") or n in ("host", "content-type")}
        if not must <= set(signed):
            raise Refused("IncompleteSignature", "host, content-type and all x-acs- headers must be signed.")

    def _check_date(self, date: str) -> None:
        try:
            sent = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
        except ValueError:
            raise Refused("InvalidTimeStamp.Format", "Specified time stamp is not in ISO 8601 UTC.") from None
        if abs(time.time() - sent) > MAX_SKEW_SECONDS:
            raise Refused("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")

    def _check_token(self, key: AccessKey, token: str | None) -> None:
        if key.token is None:
            if token is not None:
                raise Refused("InvalidSecurityToken.MismatchWithAccessKey", "The access key has no security token.")
            return
        if token is None:
            raise Refused("MissingSecurityToken", "SecurityToken is mandatory for this action.")
        if token != key.token:
            raise Refused("InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.")
        if key.expired:
            raise Refused("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")

    def _check_nonce(self, nonce: str) -> None:
        now = time.time()
        for seen in [n for n, at in self.nonces.items() if now - at > 2 * MAX_SKEW_SECONDS]:
            del self.nonces[seen]
        if not nonce:
            raise Refused("MissingSignatureNonce", "x-acs-signature-nonce is mandatory for this action.")
        if nonce in self.nonces:
            raise Refused("SignatureNonceUsed", "Specified signature nonce was used already.")
        self.nonces[nonce] = now


def canonical_request(request: SignedRequest, signed_headers: Sequence[str]) -> str:
    """The text that is hashed and signed; its last line is the hash of the body that the headers give, or empty."""
    query = "&".join(f"{_encode(k)}={_encode(v)}" for k, v in sorted(request.query))
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in sorted(signed_headers))
    content = request.headers.get("x-acs-content-sha256", "")
    return "\n".join((request.method, request.path, query, headers, ";".join(sorted(signed_headers)), content))


def sign(secret: str, request: SignedRequest, signed_headers: Sequence[str]) -> str:
    """The signature in lower-case hex."""
    hashed = hashlib.sha256(canonical_request(request, signed_headers).encode()).hexdigest()
    return hmac.new(secret.encode(), f"{ALGORITHM}\n{hashed}".encode(), hashlib.sha256).hexdigest()


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
