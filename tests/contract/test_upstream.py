"""Every answer and every failure of CAMS maps to one table of problems."""

import json
from typing import Any

import pytest

from local.sandbox import Sandbox
from local.traps import ERRORS, TRAPS
from tests.conftest import Function

PROBLEMS = {
    "Product.Unsubscript": ("not_subscribed", 403),
    "Ram.PermissionDeny": ("permission_denied", 403),
    "Authentication.NoAuth": ("permission_denied", 403),
    "Forbidden.RAM": ("permission_denied", 403),
    "Forbidden": ("permission_denied", 403),
    "NoPermission": ("permission_denied", 403),
    "Unknown.ResourceOwnerId": ("not_owned", 404),
    "System.LimitControl": ("throttled", 429),
    "Throttling": ("throttled", 429),
    "Throttling.User": ("throttled", 429),
    "Throttling.Api": ("throttled", 429),
    "ServiceUnavailable": ("upstream_unavailable", 503),
    "InternalError": ("upstream_unavailable", 503),
    "InvalidAccessKeyId.NotFound": ("credentials_unavailable", 500),
    "InvalidAccessKeyId.Inactive": ("credentials_unavailable", 500),
    "InvalidSecurityToken.Expired": ("credentials_unavailable", 500),
    "InvalidSecurityToken.Malformed": ("credentials_unavailable", 500),
    "InvalidSecurityToken.MismatchWithAccessKey": ("credentials_unavailable", 500),
    "MissingSecurityToken": ("credentials_unavailable", 500),
    "SignatureDoesNotMatch": ("credentials_unavailable", 500),
    "InvalidParameter": ("invalid_request", 400),
    "InvalidParameter.PhoneNumberError": ("invalid_request", 400),
    "MissingParameter": ("invalid_request", 400),
    "IncompleteSignature": ("upstream_error", 502),
    "SignatureNonceUsed": ("upstream_error", 502),
    "InvalidTimeStamp.Expired": ("upstream_error", 502),
    "UnsupportedHTTPMethod": ("upstream_error", 502),
    "InvalidApi.NotFound": ("upstream_error", 502),
    "Something.Unheard": ("upstream_error", 502),
}
ATTEMPTS = {"throttled": 3, "upstream_unavailable": 3, "credentials_unavailable": 2}


@pytest.mark.parametrize("status", [200, 400, 403, 404, 503])
@pytest.mark.parametrize("row", ERRORS)
def test_each_code_with_each_status(function: Function, sandbox: Sandbox, row: int, status: int) -> None:
    code = ERRORS[row][0]
    expected, answer_status = PROBLEMS[code]
    if expected == "upstream_error" and status >= 500:
        expected, answer_status = "upstream_unavailable", 503
    function.timeout = 3 if expected != "throttled" else 1
    answer = function.ask(f"1555{status}{row:04}")
    problem = answer["problem"]
    assert (problem["code"], problem["status"]) == (expected, answer_status)
    assert answer["status"] == answer_status
    assert problem["upstream"]["code"] == code
    assert len(problem["upstream"]["requestId"]) == 36
    assert problem["retryable"] is (expected in ("throttled", "upstream_unavailable"))
    assert ("retryAfter" in problem) is (expected in ("throttled", "upstream_unavailable"))
    if expected != "throttled":
        assert len(sandbox.arrivals) == ATTEMPTS.get(expected, 1)


def test_the_table_knows_every_row_of_the_sandbox() -> None:
    assert {code for code, _ in ERRORS.values()} == set(PROBLEMS)


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
}
TRAP_LISTS: dict[str, list[Any]] = {
    "`Data` is null": [],
    "`Data` is absent": [],
    "`Data` holds nulls and empty objects": [("4O4YGZEG3RIVE1", None, "Hello")],
    "fields are numbers": [("29338838", "8613800001234", None)],
    "a list as text/html": [("4O4YGZEG3RIVE1", None, "Hello")],
    "100 Continue, then a list": [("4O4YGZEG3RIVE1", None, "Hello")],
    "two answers at once": [("4O4YGZEG3RIVE1", None, "Hello")],
}
ONCE = ["4O4YGZEG3RIVE1", "WOMVT6TJ2BP7A1"]
ROWS = {trap.what: f"1666000{row:04}" for row, trap in TRAPS.items()}


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
    assert function.ask(custSpaceId="someone-elses")["problem"]["code"] == "not_owned"


@pytest.mark.parametrize("trap", ["two answers at once", "103 Early Hints, then a list"])
def test_an_answer_left_over_is_nobodys(function: Function, trap: str) -> None:
    """It must not be taken for the answer to the next question."""
    function.ask(ROWS[trap])
    assert [c["code"] for c in function.ask("6281200001234")["result"]["qrCodes"]] == ["5QBPAD2DC6L5A1"]
