"""Every way to fail: a table of problems, and a table that maps upstream codes to problems.

A Problem can be raised anywhere and is answered as RFC 9457 problem details. Callers see nothing but its contents.
"""

import math
import re
from typing import Any, NamedTuple

from cams_qr import trace


class Kind(NamedTuple):
    """What all problems of one code share; `retry_after` is the default in seconds, if its answers have one."""

    status: int
    title: str
    retryable: bool = False
    retry_after: float | None = None


KINDS = {
    "invalid_request": Kind(400, "Invalid request"),
    "not_allowed": Kind(403, "Not allowed in this deployment"),
    "origin_not_allowed": Kind(403, "Web page not allowed in this deployment"),
    "not_subscribed": Kind(403, "Chat App Message Service is not subscribed"),
    "permission_denied": Kind(403, "Permission denied"),
    "not_found": Kind(404, "Not found"),
    "not_owned": Kind(404, "No such phone number in this account"),
    "method_not_allowed": Kind(405, "Method not allowed"),
    "payload_too_large": Kind(413, "Payload too large"),
    "unsupported_media_type": Kind(415, "Unsupported media type"),
    "throttled": Kind(429, "Too many requests", retryable=True, retry_after=1.0),
    "credentials_unavailable": Kind(500, "No valid credentials"),
    "internal_error": Kind(500, "Internal error"),
    "upstream_error": Kind(502, "Chat App Message Service answered with an error"),
    "upstream_invalid_response": Kind(502, "Chat App Message Service sent an invalid answer"),
    "upstream_unavailable": Kind(503, "Chat App Message Service is unavailable", retryable=True, retry_after=1.0),
    "upstream_timeout": Kind(504, "Chat App Message Service did not answer in time", retryable=True),
}

_ARREARS = "Top up the account, which seems to be in arrears."
_FOREIGN = "Query a phone number and custSpaceId that belong to the function's account."
_GRANT = "Grant the function's role cams:ListPhoneMessageQrdl."
_BLOCKED = "The account is blocked or not verified; see its console."
_KEY = "CAMS rejected the function's access key; check its role."
_QUOTA = "The account's calls to CAMS exceed its quota; retry later."
_FAILED = "CAMS failed internally; retry later."
_PARAMETER = "CAMS rejected a parameter; check phoneNumber and custSpaceId."
_NOT_CAMS = "The endpoint does not know this operation; check CAMS_ENDPOINT."

# Upstream code -> (problem, what the caller can do). A trailing * matches any ending; the first match counts.
# Sources: "ListPhoneMessageQrdl", "API error codes" and "Public error codes" of Chat App Message Service; for the
# gateway in front of it, the Error Center's product Public, and the error codes of ECS, DNS and PolarDB.
UPSTREAM_CODES = {
    "Product.Unsubscript": ("not_subscribed", "Subscribe the account to Chat App Message Service."),
    "Insufficient.Balance": ("not_subscribed", _ARREARS),
    "InsufficientBalance": ("not_subscribed", _ARREARS),
    "isv.OUT_OF_SERVICE": ("not_subscribed", _ARREARS),
    "ERR-OPERATION-MAAP-0065": ("not_owned", _FOREIGN),
    "PhoneNumberNotRegistered": ("not_owned", _FOREIGN),
    "Unknown.ResourceOwnerId": ("not_owned", _FOREIGN),
    "ERR-OPERATION-MAAP-0060": ("not_owned", "Bind a WhatsApp Business account to this custSpaceId, or query another."),
    # The text is WhatsApp's own.
    "ERR-FB-001": ("not_owned", "Check that the number exists and that its WhatsApp Business account is still bound."),
    "Forbidden.AccessKey*": ("credentials_unavailable", _KEY),
    "NoEnabledAccessKey": ("credentials_unavailable", _KEY),
    "InvalidAccessKeyId*": ("credentials_unavailable", _KEY),
    "InvalidSecurityToken*": ("credentials_unavailable", "CAMS rejected the function's token; check its role."),
    "MissingSecurityToken": ("credentials_unavailable", "The function's credentials have no token; check its role."),
    "SignatureDoesNotMatch": (
        "credentials_unavailable",
        "CAMS rejected the function's signature; check its role, and that no proxy changes its requests.",
    ),
    "Forbidden.RiskControl": ("permission_denied", _BLOCKED),
    "Forbidden.UserVerification": ("permission_denied", _BLOCKED),
    "RealNameAuthenticationError": ("permission_denied", _BLOCKED),
    "Ram.PermissionDeny": ("permission_denied", _GRANT),
    "Forbidden*": ("permission_denied", _GRANT),
    "NoPermission*": ("permission_denied", _GRANT),
    "Authentication.NoAuth": ("permission_denied", _GRANT),
    "System.LimitControl": ("throttled", _QUOTA),
    "Throttling*": ("throttled", _QUOTA),
    "ServiceUnavailable*": ("upstream_unavailable", "CAMS is unavailable; retry later."),
    "InternalError*": ("upstream_unavailable", _FAILED),
    "UnknownError": ("upstream_unavailable", _FAILED),
    "ERR-COMMON-001": ("upstream_unavailable", _FAILED),
    "999999": ("upstream_unavailable", _FAILED),
    "CHAT.APIError": ("upstream_unavailable", _FAILED),
    # Each retry has its own signature, nonce and time.
    "SignatureNonceUsed": ("upstream_unavailable", "CAMS took the request for a repeated one; retry."),
    "InvalidTimeStamp.Expired": (
        "upstream_unavailable",
        "The request reached CAMS too late, or the function's clock is wrong; retry.",
    ),
    "InvalidApi.NotFound": ("upstream_error", _NOT_CAMS),
    "InvalidAction.NotFound": ("upstream_error", _NOT_CAMS),
    "InvalidProduct.NotFound": ("upstream_error", _NOT_CAMS),
    "MissingSignature*": ("upstream_error", "A part of the signature was lost; check that no proxy changes requests."),
    "MissingCustSpaceId*": ("invalid_request", "CAMS needs a space here; give the number's custSpaceId."),
    "Missing*": ("invalid_request", "CAMS reports a missing parameter; check phoneNumber and custSpaceId."),
    "InvalidParameter*": ("invalid_request", _PARAMETER),
    "InvalidPhoneNumber*": ("invalid_request", _PARAMETER),
    "InvalidCustSpaceId*": ("invalid_request", _PARAMETER),
}


class FieldError(NamedTuple):
    """What is wrong with one field of a request, and how to fix it."""

    field: str
    message: str


class Upstream(NamedTuple):
    """CAMS's error code and request ID for a failure, both identifiers."""

    code: str | None
    request_id: str | None


class Problem(Exception):
    """A failure as callers see it. `detail` is one sentence.

    `retry_after` is how many seconds to wait before a retry can help, if known. Raises KeyError for a code that is not
    in KINDS.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        retry_after: float | None = None,
        retryable: bool | None = None,
        upstream: Upstream | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(code, detail)
        kind = KINDS[code]
        self.code = code
        self.status = kind.status
        self.title = kind.title
        self.detail = detail
        self.retryable = kind.retryable if retryable is None else retryable
        self.retry_after = retry_after
        self._default_retry_after = kind.retry_after
        self.upstream = upstream
        self.errors = errors

    def is_without_permit(self) -> bool:
        """Whether it is `throttled` because no permit was due in time, rather than by CAMS."""
        return self.code == "throttled" and self.upstream is None

    def retry_after_seconds(self) -> int | None:
        """The value of Retry-After: whole seconds, rounded up, at least 1; None for problems without the header."""
        if self._default_retry_after is None:
            return None
        return max(1, math.ceil(self.retry_after or self._default_retry_after))

    def to_dict(self, request_id: str) -> dict[str, Any]:
        """The problem details object (RFC 9457), with Function Compute's request ID and the invocation's trace ID."""
        details: dict[str, Any] = {
            "type": f"urn:cams-qr:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "requestId": request_id,
            "retryable": self.retryable,
        }
        if (trace_id := trace.current()) is not None:
            details["traceId"] = trace_id
        if (retry_after := self.retry_after_seconds()) is not None:
            details["retryAfter"] = retry_after
        if self.upstream:
            details["upstream"] = {"code": self.upstream.code, "requestId": self.upstream.request_id}
        if self.errors:
            details["errors"] = [{"field": e.field, "message": e.message} for e in self.errors]
        return details


class Unreachable(Problem):
    """CAMS gave no answer at all: the connection failed, or CAMS was silent. `reason` is the transport's."""

    def __init__(self, code: str, detail: str, reason: str) -> None:
        super().__init__(code, detail)
        self.reason = reason


_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,128}")
_UUID = re.compile(r"[A-Za-z0-9]{8}(-[A-Za-z0-9]{4}){3}-[A-Za-z0-9]{12}")
_PHONE_NUMBER = re.compile(r"[0-9]([._-]*[0-9]){6}")


def is_identifier(text: str) -> bool:
    """Whether it is a code or request ID that may be passed on and logged: no phone number, no other character."""
    if not _IDENTIFIER.fullmatch(text):
        return False
    is_uuid = _UUID.fullmatch(text) and not text.replace("-", "").isdigit()
    return bool(is_uuid) or _PHONE_NUMBER.search(text) is None


def from_upstream(code: str | None, request_id: str | None, *, status: int, retry_after: float | None) -> Problem:
    """The problem for a code in CAMS's answer; the HTTP status counts only for unknown codes.

    `retry_after` is in seconds.
    """
    upstream = Upstream(code, request_id)
    for pattern, (problem, detail) in UPSTREAM_CODES.items():
        if _matches(pattern, code or ""):
            return Problem(problem, detail, retry_after=retry_after, upstream=upstream)
    # Like the vendor's SDK (alibabacloud-tea-openapi 0.4.6), which takes any answer with a wait for a throttled one.
    if retry_after or status == 429:
        return Problem("throttled", _QUOTA, retry_after=retry_after, upstream=upstream)
    if status >= 500:
        return Problem("upstream_unavailable", "CAMS failed; retry later.", retry_after=retry_after, upstream=upstream)
    return Problem("upstream_error", "CAMS answered with a code that this function does not know.", upstream=upstream)


def _matches(pattern: str, code: str) -> bool:
    return code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern
