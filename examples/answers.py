"""The answers of cams-qr as types, like those of docs/openapi.json: a list, or a problem; `code` narrows its type."""

from typing import Literal, TypedDict, final


class QrCode(TypedDict):
    """One QR code; `svgUrl` is None except over HTTP."""

    code: str | None
    phoneNumber: str | None
    prefilledMessage: str | None
    deepLinkUrl: str | None
    imageUrl: str | None
    imageFormat: str | None
    svgUrl: str | None


class QrCodeList(TypedDict):
    """The QR codes of a number."""

    phoneNumber: str
    custSpaceId: str | None
    qrCodes: list[QrCode]
    requestId: str | None
    fetchedAt: str
    stale: bool


class Upstream(TypedDict):
    """CAMS's own error code and request ID."""

    code: str | None
    requestId: str | None


class FieldError(TypedDict):
    """What is wrong with one field of a query."""

    field: str
    message: str


class _MayHave(TypedDict, total=False):
    traceId: str
    upstream: Upstream
    errors: list[FieldError]


class _Details(_MayHave):
    type: str
    title: str
    status: int
    detail: str
    requestId: str
    retryable: bool


@final
class RetryLater(_Details):
    """Retry after `retryAfter` seconds."""

    code: Literal["throttled", "upstream_unavailable"]
    retryAfter: int


@final
class MayRetry(_Details):
    """A retry may help, at any time."""

    code: Literal["upstream_timeout"]


@final
class FixRequest(_Details):
    """The caller can fix the request; `detail` and `errors` say how."""

    code: Literal[
        "invalid_request",
        "not_allowed",
        "not_found",
        "not_owned",
        "method_not_allowed",
        "payload_too_large",
        "unsupported_media_type",
    ]


@final
class ContactOperator(_Details):
    """Only the operator can fix it; `requestId` is in the log."""

    code: Literal[
        "origin_not_allowed",
        "not_subscribed",
        "permission_denied",
        "credentials_unavailable",
        "internal_error",
        "upstream_error",
        "upstream_invalid_response",
    ]


@final
class Refused(TypedDict):
    """Over HTTP, the trigger, the gateway or Function Compute answered, and the function did not run.

    It rejected the request; or, with status 200, the function does not start, and `detail` has the `errorMessage`.
    """

    code: Literal["refused"]
    status: int
    detail: str


Problem = RetryLater | MayRetry | FixRequest | ContactOperator | Refused


@final
class Found(TypedDict):
    """The list."""

    status: Literal[200]
    result: QrCodeList


@final
class Failed(TypedDict):
    """The problem that prevented it."""

    status: int
    problem: Problem


Answer = Found | Failed
