"""Calls ListPhoneMessageQrdl through alibabacloud-tea-openapi; no other module knows Tea.

Source for the operation (2020-06-06, RPC, POST, parameters in the query, 5 calls a second per account):
"ListPhoneMessageQrdl" in the Chat App Message Service API reference.
"""

import logging
import os
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, NamedTuple

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_credentials_api import ICredentialsProvider
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.core import DEFAULT_POOL_MAXSIZE, DaraCore
from darabonba.exceptions import UnretryableException
from darabonba.runtime import RuntimeOptions
from requests import Session

from cams_qr.cams.transport import BoundedAdapter, TransportError, json_object, timed
from cams_qr.deadline import Deadline, Departure
from cams_qr.problems import Problem, Unreachable, from_upstream, is_identifier
from cams_qr.query import MAX_CODES, QrCode, QrCodeList, QrQuery

_OPERATION = Params(
    action="ListPhoneMessageQrdl",
    version="2020-06-06",
    protocol="HTTPS",
    pathname="/",
    method="POST",
    auth_type="AK",
    style="RPC",
    req_body_type="formData",
    body_type="byte",
)

_SDK_LOGGERS = ("alibabacloud-tea", "darabonba-core", "credentials", "urllib3")
# "ListPhoneMessageQrdl" has OK, "Public error codes" 0000; clients of CAMS also accept SUCCESS and 200.
_SUCCESSES = {"OK", "0000", "SUCCESS", "200"}
# Whatever x-acs-retry-after says, a caller asks again after this long.
_MAX_RETRY_AFTER_SECONDS = 60.0
_PLACEHOLDERS = {"", "None", "无"}
_ITEM_FIELDS = {
    "QrdlCode": "code",
    "PhoneNumber": "phone_number",
    "PrefilledMessage": "prefilled_message",
    "DeepLinkUrl": "deep_link_url",
    "QrImageUrl": "image_url",
    "GenerateQrImage": "image_format",
}
_TRANSPORT_PROBLEMS = {
    "timeout": ("upstream_timeout", "CAMS did not answer within this call's time limit."),
    "unfinished": ("upstream_timeout", "CAMS did not finish its answer within this call's time limit."),
    "dns": ("upstream_unavailable", "The name of the CAMS endpoint could not be resolved; retry later."),
    "tls": ("upstream_unavailable", "No trusted TLS connection to CAMS could be made; retry later."),
    "connect": ("upstream_unavailable", "No connection to CAMS could be made; retry later."),
    "reset": ("upstream_unavailable", "CAMS closed the connection without an answer; retry later."),
    "server_error": ("upstream_unavailable", "CAMS failed; retry later."),
    "truncated": ("upstream_invalid_response", "CAMS's answer was cut off; retry later."),
    "too_large": ("upstream_invalid_response", "CAMS's answer is larger than any list of QR codes can be."),
    "unexpected_status": (
        "upstream_invalid_response",
        "CAMS answered with a redirect or an unexpected HTTP status.",
    ),
    "malformed": ("upstream_invalid_response", "CAMS's answer is not HTTP."),
    "not_json": ("upstream_invalid_response", "CAMS's answer is not a JSON object."),
}

_UNREACHABLE = {"timeout", "dns", "tls", "connect"}


class Cams(NamedTuple):
    """CAMS, over one client and one kept-alive connection. Both functions wait until the deadline, and raise Problem.

    `prepare` sets up the connection, so that a call can leave on time; if its departure is missed anyway,
    `list_qr_codes` raises DepartureMissed, and nothing was sent.
    """

    prepare: Callable[[Deadline], None]
    list_qr_codes: Callable[[QrQuery, Departure, Deadline], QrCodeList]


def create_client(
    endpoint: str,
    protocol: str,
    credentials: ICredentialsProvider,
    answered: Callable[[float], None] = lambda seconds: None,
) -> Cams:
    """Create a client for the endpoint; nothing is sent yet.

    `answered` is called whenever CAMS answers, even with an error, with the seconds that it took.
    """
    _silence_sdk()
    adapter = _mount_adapter(endpoint, protocol, answered)
    client = Client(Config(credential=CredentialClient(provider=credentials), endpoint=endpoint, protocol=protocol))

    def prepare(deadline: Deadline) -> None:
        try:
            adapter.prepare(f"{protocol.lower()}://{endpoint}", deadline)
        except TransportError as error:
            raise _transport_problem(error.reason) from None

    def list_qr_codes(query: QrQuery, departure: Departure, deadline: Deadline) -> QrCodeList:
        if not deadline.remaining():
            raise _transport_problem("timeout")
        with timed(departure, deadline):
            answer = _call(client, query)
        body = json_object(answer["body"])
        if body is None:
            raise _transport_problem("not_json")
        return _parse(query, body, answer["statusCode"], answer["headers"])

    return Cams(prepare, list_qr_codes)


def _silence_sdk() -> None:
    """Stop the SDK's own output: its handlers on stderr, and requests with their signatures (DEBUG=sdk)."""
    for name in _SDK_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
    if os.environ.get("DEBUG", "").lower() == "sdk":
        del os.environ["DEBUG"]


def _mount_adapter(endpoint: str, protocol: str, answered: Callable[[float], None]) -> BoundedAdapter:
    """Give the SDK a session with our adapter, under the key that it will look up.

    The SDK has no public place for a transport (darabonba-core 1.0.9). If it looks up another key, its own adapter,
    which obeys HTTP_PROXY, takes over: `test_the_sdk_sends_through_our_adapter` fails.
    """
    scheme = protocol.lower()
    session, adapter = Session(), BoundedAdapter(scheme == "https", answered)
    session.mount(f"{scheme}://", adapter)
    DaraCore._sessions[f"{scheme}://{endpoint}:80:pool={DEFAULT_POOL_MAXSIZE}"] = session
    return adapter


def _call(client: Client, query: QrQuery) -> dict[str, Any]:
    parameters = {"PhoneNumber": query.phone_number}
    if query.cust_space_id is not None:
        parameters["CustSpaceId"] = query.cust_space_id
    try:
        answer: dict[str, Any] = client.call_api(_OPERATION, OpenApiRequest(query=parameters), RuntimeOptions())
        return answer
    except AlibabaCloudException as error:
        raise _answered_problem(error) from None
    except UnretryableException as error:
        raise _unanswered_problem(error.inner_exception) from None


def _answered_problem(error: AlibabaCloudException) -> Problem:
    # Not the exception's own code and request_id: the SDK turns missing ones into the text "None".
    body = error.data if isinstance(error.data, dict) else {}
    # Far more than anybody waits; a float has no room for some numbers.
    milliseconds = min(error.retry_after or 0, 10**9)
    return _failure(body, error.status_code or 0, milliseconds / 1000 if milliseconds else None)


def _unanswered_problem(cause: Exception) -> Exception:
    if isinstance(cause, TransportError):
        return _transport_problem(cause.reason)
    if isinstance(cause, CredentialException):
        return Problem("credentials_unavailable", "The function has no credentials; give it a role.")
    return cause


def _transport_problem(reason: str) -> Problem:
    code, detail = _TRANSPORT_PROBLEMS[reason]
    if reason in _UNREACHABLE:
        return Unreachable(code, detail, reason)
    return Problem(code, detail, retryable=True if reason == "truncated" else None)


def _parse(query: QrQuery, body: dict[str, Any], status: int, headers: dict[str, str]) -> QrCodeList:
    if _identifier(body.get("Code")) not in _SUCCESSES:
        raise _failure(body, status, _retry_after(headers))
    items = body.get("Data")
    if items is None:
        items = []
    if not isinstance(items, list):
        raise Problem("upstream_invalid_response", "CAMS's answer contains no list of QR codes.")
    if len(items) > MAX_CODES:
        raise _transport_problem("too_large")
    return QrCodeList(
        phone_number=query.phone_number,
        cust_space_id=query.cust_space_id,
        qr_codes=tuple(code for code in map(_qr_code, items) if code),
        request_id=_identifier(body.get("RequestId")),
        fetched_at=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _failure(body: dict[str, Any], status: int, retry_after: float | None) -> Problem:
    code = _identifier(body.get("Code") or body.get("code"))
    request_id = _identifier(body.get("RequestId") or body.get("requestId"))
    wait = retry_after and min(retry_after, _MAX_RETRY_AFTER_SECONDS)
    problem = from_upstream(code, request_id, status=status, retry_after=wait)
    if code is None and problem.code == "upstream_error":
        return Problem("upstream_invalid_response", "CAMS's answer contains neither a list nor an error code.")
    return problem


def _retry_after(headers: dict[str, str]) -> float | None:
    milliseconds = headers.get("x-acs-retry-after", "")
    return int(milliseconds) / 1000 if re.fullmatch("[0-9]{1,9}", milliseconds) else None


def _qr_code(item: Any) -> QrCode | None:
    """One item of Data; None for a null or empty one."""
    if item is None:
        return None
    if not isinstance(item, dict):
        raise Problem("upstream_invalid_response", "CAMS's list of QR codes has an item that is not an object.")
    fields = {ours: _text(item.get(theirs)) for theirs, ours in _ITEM_FIELDS.items()}
    if fields["image_format"]:
        fields["image_format"] = fields["image_format"].upper()
    given = {name: text for name, text in fields.items() if text or name == "prefilled_message"}
    return QrCode(**given) if any(text is not None for text in given.values()) else None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        # A lone surrogate is not a character: it can be neither shown nor encoded.
        return value if value is None else value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Problem("upstream_invalid_response", "A field of CAMS's list of QR codes is not text.")


def _identifier(value: Any) -> str | None:
    """A code or request ID that is safe to pass on; None for CAMS's placeholders."""
    text = str(value)
    return text if text not in _PLACEHOLDERS and is_identifier(text) else None
