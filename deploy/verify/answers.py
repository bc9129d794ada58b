"""What an HTTP answer says about the deployment."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

from deploy.table import Finding, fine, unknown, wrong
from deploy.verify.client import Answer
from deploy.verify.rows import Logged, Target

OPERATIONS = "docs/operations.md says what to do"
NEEDS_NUMBER = "make verify … NUMBER=…   # a number with QR codes"
_PROBLEM = "urn:cams-qr:problem:"
_REFUSALS = (400, 401, 403)


def list_path(target: Target) -> str:
    """The path and query of the list to request."""
    # If the token names the caller's space, no other may be queried.
    query = {"phoneNumber": target.asked} if target.parameters["CustSpaceHeader"] else target.query
    return f"/qr-codes?{urlencode(query)}"


def is_ours(answer: Answer) -> bool:
    """Whether the function answered, rather than the platform, whose answers have request ids and JSON too."""
    is_bare = answer.status in (204, 304) or answer.header("content-type").startswith("image/")
    return _is_problem(answer) or "qrCodes" in answer.document or (is_bare and bool(answer.header("x-request-id")))


def is_refused(answer: Answer) -> bool:
    """Whether the platform rejected the request before the function."""
    return answer.status in _REFUSALS and not _is_problem(answer)


def _is_problem(answer: Answer) -> bool:
    return str(answer.document.get("type")).startswith(_PROBLEM)


def is_kept_out(target: Target, answer: Answer) -> bool:
    """Whether the function rejected the caller because no header names its space."""
    return bool(target.parameters["CustSpaceHeader"]) and answer.document.get("code") == "not_allowed"


def logged(what: str, answers: Iterable[Answer]) -> Iterator[Logged]:
    """The answers of the function itself, each of which has a line in the log store."""
    return (Logged(what, answer.request_id, answer.status) for answer in answers if is_ours(answer))


def elsewhere(what: str, answer: Answer, asked: str = "Function Compute") -> Finding | None:
    """The row for an answer of somebody else, who was `asked` for the function; None where it is the function's."""
    if is_ours(answer):
        return None
    if failed := not_started(what, answer):
        return failed
    code = answer.document.get("Code") or answer.document.get("ErrorCode") or ""
    return wrong(what, f"{asked} answered {answer.status} {code}".rstrip(), OPERATIONS)


def not_started(what: str, answer: Answer) -> Finding | None:
    """The row if the function's initializer failed, which Function Compute answers with 200; None if it did not."""
    if answer.header("x-fc-error-type") != "InitializationError":
        return None
    return wrong(what, f"the function does not start: {answer.document.get('errorMessage')}", OPERATIONS)


def judged_answer(what: str, target: Target, answer: Answer, asked: str = "Function Compute") -> Finding:
    """The row for an answer to the list's path; `asked` is who answers if the function does not."""
    if found := elsewhere(what, answer, asked):
        return found
    if is_kept_out(target, answer):
        return unknown(
            what,
            f"403 not_allowed: no claim of the token sets {target.parameters['CustSpaceHeader']}",
            "TOKEN=… make verify …   # with the claim that claimPassBy names",
        )
    return judged(what, target, answer.status, answer.document, answer.document)


def judged(what: str, target: Target, status: int, result: dict[str, object], problem: dict[str, object]) -> Finding:
    """The row for an answer about the number; for the test number, `not_owned` is the right answer."""
    codes = result.get("qrCodes")
    if status == 200 and isinstance(codes, list):
        return fine(what, f"200, {len(codes)} QR codes")
    code = problem.get("code")
    if code == "not_owned" and not target.number:
        return fine(what, "404 not_owned, as expected for a test number that nobody owns")
    return wrong(what, f"{status} {code}: {problem.get('detail')}", OPERATIONS)


def first_wrong(what: str, target: Target, answers: list[Answer]) -> Finding | None:
    """The first row that failed, if any."""
    rows = (judged_answer(what, target, answer) for answer in answers)
    return next((row for row in rows if row.mark == "✗"), None)
