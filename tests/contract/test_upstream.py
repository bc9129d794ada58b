"""Every answer and every failure of CAMS maps to one table of problems."""

import json
from typing import Any

import pytest

from local.sandbox import Sandbox
from local.traps import ERRORS, TRAPS
from tests.conftest import Function, further

STATUSES = {
    "not_subscribed": 403,
    "not_owned": 404,
    "permission_denied": 403,
    "credentials_unavailable": 500,
    "invalid_request": 400,
    "throttled": 429,
    "upstream_unavailable": 503,
    "upstream_error": 502,
}
# Problem -> upstream codes: the pages "ListPhoneMessageQrdl", "API error codes" and "Public error codes" of Chat App
# Message Service, the Error Center's product Public, and what programs that call CAMS or its gateway have met.
CODES = {
    "not_subscribed": "Product.Unsubscript Insufficient.Balance InsufficientBalance isv.OUT_OF_SERVICE",
    "not_owned": (
        "Unknown.ResourceOwnerId ERR-OPERATION-MAAP-0065 ERR-OPERATION-MAAP-0060 ERR-FB-001 PhoneNumberNotRegistered"
    ),
    "permission_denied": (
        "Ram.PermissionDeny Authentication.NoAuth Forbidden.RAM Forbidden.Unauthorized Forbidden.SubUser "
        "Forbidden.NotSupportRAM Forbidden NoPermission Forbidden.RiskControl Forbidden.UserVerification "
        "RealNameAuthenticationError"
    ),
    "credentials_unavailable": (
        "InvalidAccessKeyId.NotFound InvalidAccessKeyId.Inactive InvalidSecurityToken.Expired "
        "InvalidSecurityToken.Malformed InvalidSecurityToken.MismatchWithAccessKey MissingSecurityToken "
        "SignatureDoesNotMatch Forbidden.AccessKeyDisabled Forbidden.AccessKey NoEnabledAccessKey"
    ),
    "invalid_request": (
        "InvalidParameter InvalidParameter.PhoneNumberError InvalidParameter.FromOnlyNumeric "
        "InvalidParameter.FileUrlError InvalidParameter.Format InvalidParameter.Accept InvalidPhoneNumber "
        "InvalidCustSpaceId MissingParameter MissingPhoneNumber MissingCustSpaceId MissingType"
    ),
    "throttled": "System.LimitControl Throttling Throttling.User Throttling.Api",
    "upstream_unavailable": (
        "ServiceUnavailable ServiceUnavailable.RegionMaintaining InternalError UnknownError ERR-COMMON-001 999999 "
        "CHAT.APIError SignatureNonceUsed InvalidTimeStamp.Expired"
    ),
    "upstream_error": (
        "InvalidApi.NotFound InvalidAction.NotFound InvalidProduct.NotFound MissingSignatureNonce MissingSignature"
    ),
}
# The function has no row for these, so the HTTP status decides.
UNKNOWN = (
    "IncompleteSignature UnsupportedHTTPMethod InvalidTimeStamp.Format IllegalTimestamp InvalidSignatureMethod "
    "ContentMD5NotMatched ContentLengthDoesNotMatch UnsupportedOperation NoSuchVersion InvalidVersion "
    "InvalidAction ActionUnauthorized InvalidRegion.NotFound InvalidProtocol.NeedSsl InvalidOwnerId "
    "InvalidOwnerAccount InvalidParamater Rejected.Throttling LastTokenProcessing OperationConflict "
    "IdempotentParameterMismatch DetailError.TemplateNotExist ERR-OPERATION-MAAP-0085 Forbedden.NotSupportRAM "
    "Something.Unheard"
)
PROBLEMS = {code: problem for problem, codes in CODES.items() for code in codes.split()}
PROBLEMS |= dict.fromkeys(UNKNOWN.split(), "upstream_error")
# What the advice must speak of if it is not the same for all codes of a problem.
ADVICE = {
    "Product.Unsubscript": "Subscribe",
    "Insufficient.Balance": "Top up",
    "InsufficientBalance": "Top up",
    "isv.OUT_OF_SERVICE": "Top up",
    "Unknown.ResourceOwnerId": "belong to the function's account",
    "ERR-OPERATION-MAAP-0065": "belong to the function's account",
    "PhoneNumberNotRegistered": "belong to the function's account",
    "ERR-OPERATION-MAAP-0060": "Bind a WhatsApp Business account",
    "ERR-FB-001": "still bound",
    "Ram.PermissionDeny": "cams:ListPhoneMessageQrdl",
    "Forbidden.RAM": "cams:ListPhoneMessageQrdl",
    "Forbidden.RiskControl": "blocked",
    "Forbidden.UserVerification": "not verified",
    "RealNameAuthenticationError": "not verified",
    "Forbidden.AccessKeyDisabled": "access key",
    "InvalidSecurityToken.Expired": "token",
    "SignatureDoesNotMatch": "proxy",
    "MissingCustSpaceId": "give the number's custSpaceId",
    "InvalidCustSpaceId": "check phoneNumber and custSpaceId",
    "InvalidTimeStamp.Expired": "clock",
    "InvalidProduct.NotFound": "CAMS_ENDPOINT",
    "InvalidApi.NotFound": "CAMS_ENDPOINT",
    "InvalidAction.NotFound": "CAMS_ENDPOINT",
    "MissingSignatureNonce": "proxy",
    "Something.Unheard": "does not know",
}
ROW = {code: row for row, (code, _) in ERRORS.items()}
ATTEMPTS = {"throttled": 3, "upstream_unavailable": 3, "credentials_unavailable": 2}


@pytest.mark.parametrize("status", [200, 400, 503, *further(403, 404)])
@pytest.mark.parametrize("code", PROBLEMS)
def test_each_code_with_each_status(function: Function, sandbox: Sandbox, code: str, status: int) -> None:
    expected = PROBLEMS[code] if code not in UNKNOWN.split() or status < 500 else "upstream_unavailable"
    function.timeout = 3 if expected != "throttled" else 1
    answer = function.ask(f"1555{status}{ROW[code]:04}")
    problem = answer["problem"]
    assert problem["code"] == expected
    assert answer["status"] == problem["status"] == STATUSES[expected]
    assert problem["upstream"]["code"] == code
    assert len(problem["upstream"]["requestId"]) == 36
    assert problem["retryable"] is (expected in ("throttled", "upstream_unavailable"))
    assert ("retryAfter" in problem) is (expected in ("throttled", "upstream_unavailable"))
    if expected != "throttled":
        assert len(sandbox.arrivals) == ATTEMPTS.get(expected, 1)


@pytest.mark.parametrize("code", ADVICE)
def test_the_advice_fits_the_code(function: Function, code: str) -> None:
    detail = function.ask(f"1555400{ROW[code]:04}")["problem"]["detail"]
    assert ADVICE[code] in detail
    assert detail.endswith(".")


@pytest.mark.parametrize("code", ["Something.Unheard", "Rejected.Throttling", "ERR-OPERATION-MAAP-0085"])
def test_429_means_throttled_if_the_code_is_unknown(function: Function, code: str) -> None:
    function.timeout = 1
    problem = function.ask(f"1555429{ROW[code]:04}")["problem"]
    assert (problem["code"], problem["upstream"]["code"]) == ("throttled", code)


@pytest.mark.parametrize("code", ["Product.Unsubscript", "ERR-OPERATION-MAAP-0065", "InternalError"])
def test_429_changes_no_known_code(function: Function, code: str) -> None:
    assert function.ask(f"1555429{ROW[code]:04}")["problem"]["code"] == PROBLEMS[code]


def test_the_table_knows_every_row_of_the_sandbox() -> None:
    assert set(ROW) == set(PROBLEMS)
    assert len(PROBLEMS) == sum(len(codes.split()) for codes in CODES.values()) + len(UNKNOWN.split())


TRAP_PROBLEMS = {
    "`Data` is an object": "upstream_invalid_response",
    "`Data` is a string": "upstream_invalid_response",
    "`Data` holds strings": "upstream_invalid_response",
    "fields are objects": "upstream_invalid_response",
    "200 with an empty body": "upstream_invalid_response",
    "200 with HTML": "upstream_invalid_response",
    "200 with half a JSON text": "upstream_invalid_response",
    "200 with a JSON array": "upstream_invalid_response",
    "200 with no code": "upstream_invalid_response",
    "502 with HTML": "upstream_unavailable",
    "503 with an empty body": "upstream_unavailable",
    "400 with a JSON array": "upstream_invalid_response",
    "400 with a JSON string": "upstream_invalid_response",
    "400 with an empty object": "upstream_invalid_response",
    "400 whose code and request id are the text None": "upstream_invalid_response",
    "403 with a diagnosis in AccessDeniedDetail": "permission_denied",
    "400 in XML": "upstream_invalid_response",
    "throttled, x-acs-retry-after 300 ms": "throttled",
    "throttled inside a 200, x-acs-retry-after 300 ms": "throttled",
    "hangs up without an answer": "upstream_unavailable",
    "resets the connection before an answer": "upstream_unavailable",
    "resets the connection in the headers": "upstream_unavailable",
    "resets the connection in the body": "upstream_unavailable",
    "ends before its Content-Length": "upstream_invalid_response",
    "never answers": "upstream_timeout",
    "drips its headers": "upstream_timeout",
    "drips its body": "upstream_timeout",
    "redirects": "upstream_invalid_response",
    "a body of 20 MiB": "upstream_invalid_response",
    "a gzip bomb of 100 MiB": "upstream_invalid_response",
    "not HTTP": "upstream_invalid_response",
    "103 Early Hints, then a list": "upstream_invalid_response",
    "more than its Content-Length": "upstream_invalid_response",
    "a header of 100 KB": "upstream_invalid_response",
    "a body of 100 MiB in chunks": "upstream_invalid_response",
    "an unknown code, x-acs-retry-after 300 ms": "throttled",
    "an unknown code inside a 200, x-acs-retry-after 300 ms": "throttled",
    "an unknown code, x-acs-retry-after 11 days": "throttled",
    "429 with an empty object": "throttled",
    "503 ServiceUnavailable, x-acs-retry-after 3 s": "upstream_unavailable",
    "`Code` is 0000, `Data` is an object": "upstream_invalid_response",
    "400 whose code is OK": "upstream_error",
    "2.7 million empty objects": "upstream_invalid_response",
    "deeply nested arrays": "upstream_invalid_response",
    "10,001 codes": "upstream_invalid_response",
    "a negative chunk size": "upstream_invalid_response",
    "an unknown code, x-acs-retry-after of 400 digits": "throttled",
}
TRAP_LISTS: dict[str, list[Any]] = {
    "`Data` is null": [],
    "`Data` is absent": [],
    "`Data` holds nulls and empty objects": [("4O4YGZEG3RIVE1", None, "Hello")],
    "fields are numbers": [("29338838", "8613800001234", None)],
    "a list as text/html": [("4O4YGZEG3RIVE1", None, "Hello")],
    "100 Continue, then a list": [("4O4YGZEG3RIVE1", None, "Hello")],
    "two answers at once": [("4O4YGZEG3RIVE1", None, "Hello")],
    "`Code` is 0000": [("4O4YGZEG3RIVE1", None, "Hello")],
    "`Code` is SUCCESS": [("4O4YGZEG3RIVE1", None, "Hello")],
    "`Code` is the text 200": [("4O4YGZEG3RIVE1", None, "Hello")],
    "`Code` is the number 200": [("4O4YGZEG3RIVE1", None, "Hello")],
    "`Code` is SUCCESS, `Data` is absent": [],
    "`Code` is 0000, `Data` is null": [],
    "the request id is a phone number": [("4O4YGZEG3RIVE1", None, "Hello")],
    "2,000 codes": [("4O4YGZEG3RIVE1", None, "Hello")] * 2000,
    "a number as people write it": [("4O4YGZEG3RIVE1", "+60 1111 11111", "Hello")],
}
ONCE = ["4O4YGZEG3RIVE1", "WOMVT6TJ2BP7A1"]
ROWS = {trap.what: f"1666000{row:04}" for row, trap in TRAPS.items()}


def test_a_phone_number_is_no_request_id(function: Function, log: Any) -> None:
    """Since those are logged."""
    answer = function.ask(ROWS["the request id is a phone number"])
    assert answer["result"]["requestId"] is None
    assert "8613800005678" not in str(log())


def test_nobody_is_told_to_wait_for_days(function: Function) -> None:
    assert function.ask(ROWS["an unknown code, x-acs-retry-after 11 days"])["problem"]["retryAfter"] == 60


@pytest.mark.parametrize("trap", [trap for trap in ROWS if trap in TRAP_PROBLEMS])
def test_each_trap_is_a_problem(function: Function, trap: str) -> None:
    function.timeout = 1 if TRAP_PROBLEMS[trap] == "upstream_timeout" else 10
    answer = function.ask(ROWS[trap])
    assert answer["problem"]["code"] == TRAP_PROBLEMS[trap]
    text = json.dumps(answer)
    for inner in ("None", "diagnostic", "html", "Traceback", "http://", ROWS[trap]):
        assert inner not in text.replace('"upstream": {"code": "None"', "")


@pytest.mark.parametrize("trap", TRAP_LISTS)
def test_each_harmless_trap_is_a_list(function: Function, trap: str) -> None:
    codes = function.ask(ROWS[trap])["result"]["qrCodes"]
    assert [(c["code"], c["phoneNumber"], c["prefilledMessage"]) for c in codes] == TRAP_LISTS[trap]


@pytest.mark.parametrize("trap", [trap for trap in ROWS if trap.startswith("once:")])
def test_each_passing_trap_is_retried(function: Function, sandbox: Sandbox, trap: str) -> None:
    assert [c["code"] for c in function.ask(ROWS[trap])["result"]["qrCodes"]] == ONCE
    assert len(sandbox.arrivals) == 2


def test_every_trap_of_the_sandbox_is_tested() -> None:
    assert set(ROWS) == {*TRAP_PROBLEMS, *TRAP_LISTS, *(trap for trap in ROWS if trap.startswith("once:"))}


def test_retry_after_is_honoured(function: Function, sandbox: Sandbox) -> None:
    function.ask(ROWS["once: throttled, x-acs-retry-after 300 ms"])
    first, second = sandbox.arrivals
    assert second - first >= 0.3


def test_a_person_does_not_wait_for_cams_beyond_its_patience(function: Function, sandbox: Sandbox) -> None:
    function.configure(CAMS_MAX_WAIT_SECONDS="0.2")
    answer = function.http(parameters={"phoneNumber": ROWS["throttled, x-acs-retry-after 300 ms"]})
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert len(sandbox.arrivals) == 1


def test_a_known_code_keeps_its_meaning_whatever_wait_it_tells(function: Function, sandbox: Sandbox) -> None:
    function.timeout = 3
    problem = function.ask(ROWS["503 ServiceUnavailable, x-acs-retry-after 3 s"])["problem"]
    assert (problem["code"], problem["retryAfter"]) == ("upstream_unavailable", 3)
    assert len(sandbox.arrivals) == 1, "a retry would come too early"


@pytest.mark.parametrize("trap", ["once: 503 ServiceUnavailable", "once: hangs up without an answer"])
def test_a_retry_needs_no_patience(function: Function, trap: str) -> None:
    function.configure(CAMS_MAX_WAIT_SECONDS="0")
    assert function.http(parameters={"phoneNumber": ROWS[trap]}).status == 200


def test_retries_are_spent_after_three_calls(function: Function, sandbox: Sandbox) -> None:
    assert function.ask(ROWS["throttled, x-acs-retry-after 300 ms"])["problem"]["code"] == "throttled"
    assert len(sandbox.arrivals) == 3


@pytest.mark.parametrize("trap", ["redirects", "200 with HTML", "`Data` is an object"])
def test_what_will_not_get_better_is_not_retried(function: Function, sandbox: Sandbox, trap: str) -> None:
    function.ask(ROWS[trap])
    assert len(sandbox.arrivals) == 1


def test_a_masked_number_and_the_text_none_pass_through(function: Function) -> None:
    (code,) = function.ask("8613800000009")["result"]["qrCodes"]
    assert code["phoneNumber"] == "86138000000****"
    assert code["prefilledMessage"] == "None"


def test_the_space_is_asked_for(function: Function, sandbox: Sandbox) -> None:
    assert function.ask(custSpaceId="293483938849493")["result"]["custSpaceId"] == "293483938849493"
    assert sandbox.queries == [{"PhoneNumber": "8613800001234", "CustSpaceId": "293483938849493"}]


def test_a_number_or_a_space_that_is_not_the_accounts(function: Function) -> None:
    number = function.ask("4915112345678")["problem"]
    assert (number["code"], number["upstream"]["code"]) == ("not_owned", "ERR-OPERATION-MAAP-0065")
    space = function.ask(custSpaceId="someone-elses")["problem"]
    assert (space["code"], space["upstream"]["code"]) == ("not_owned", "ERR-OPERATION-MAAP-0060")


@pytest.mark.parametrize("trap", ["two answers at once", "103 Early Hints, then a list"])
def test_an_answer_left_over_is_nobodys(function: Function, trap: str) -> None:
    """It must not be taken for the answer to the next question."""
    function.ask(ROWS[trap])
    assert [c["code"] for c in function.ask("6281200001234")["result"]["qrCodes"]] == ["5QBPAD2DC6L5A1"]
