"""What cams-qr answers, as types of docs/openapi.json: a list, or a problem that is told from others by its code."""

from typing import Literal, TypedDict, final


class QrCode(TypedDict):
    """One QR code; `svgUrl` is None for callers that do not come over HTTP."""

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
    """What CAMS said."""

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
class ComeBack(_Details):
    """Ask again after `retryAfter` seconds."""

    code: Literal["throttled", "upstream_unavailable"]
    retryAfter: int


@final
class AskAgain(_Details):
    """Asking again may help; nobody knows when."""

    code: Literal["upstream_timeout"]


@final
class MendTheRequest(_Details):
    """The caller's to mend."""

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
class TellTheOperator(_Details):
    """The operator's to mend; `requestId` finds it in the log."""

    code: Literal[
        "not_subscribed",
        "permission_denied",
        "credentials_unavailable",
        "internal_error",
        "upstream_error",
        "upstream_invalid_response",
    ]


@final
class Refused(TypedDict):
    """Said over HTTP before the function ran, by the trigger, the gateway or Function Compute."""

    code: Literal["refused"]
    status: int
    detail: str


Problem = ComeBack | AskAgain | MendTheRequest | TellTheOperator | Refused


@final
class Found(TypedDict):
    """The list."""

    status: Literal[200]
    result: QrCodeList


@final
class Failed(TypedDict):
    """Why there is none."""

    status: int
    problem: Problem


Answer = Found | Failed
