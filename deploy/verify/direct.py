"""Checks with InvokeFunction."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from deploy.table import Finding, fine, wrong
from deploy.verify.answers import OPERATIONS, judged, not_started
from deploy.verify.client import Answer, invoke, json_object
from deploy.verify.rows import REPORT_IT, Logged, Row, Seen, Target

# The problems that CAMS's answer about a number can lead to; others concern the account or the call.
_ABOUT_NUMBER = ("not_owned", "invalid_request", "upstream_error")
_DAY_SECONDS = 86_400


def direct(target: Target) -> Iterator[Row]:
    """A query is answered."""
    answer = invoke(target, target.query)
    if _is_broken(answer):
        yield _broken("direct call", answer)
        return
    if "statusCode" in answer.document:
        yield wrong("direct call", f"answered as over HTTP: {answer.document['statusCode']}", REPORT_IT)
    else:
        yield _judged("direct call", target, answer.document)
        yield from _seen_of_cams(target, answer.document)
    yield Logged("direct call", answer.request_id, answer.document.get("status", 0))


def batch(target: Target) -> Iterator[Row]:
    """Queries are answered in order; the last is invalid, and the one before is about a space that nobody owns."""
    foreign = {"phoneNumber": target.asked, "custSpaceId": "verify-nobodys"}
    answer = invoke(target, {"queries": [target.query, foreign, {"phoneNumber": "1"}]})
    if _is_broken(answer):
        yield _broken("batch", answer)
        return
    results = answer.document.get("results") or [{}, {}, {}]
    code = results[-1].get("problem", {}).get("code")
    if answer.document.get("status") != 207 or code != "invalid_request":
        yield wrong("batch", f"{answer.document.get('status')}, an invalid query: {code}", REPORT_IT)
    else:
        first = _judged("batch", target, results[0])
        yield first._replace(found=f"207: {first.found}, 400 invalid_request")
        yield from _seen_of_foreign("foreign_space", results[1])
    yield Logged("batch", answer.request_id, max(result.get("status", 0) for result in results))


def bus(target: Target) -> Iterator[Row]:
    """A message that can never succeed raises, so that it reaches retries and the failure destination."""
    event = {"specversion": "1.0", "id": "verify", "source": "verify", "type": "verify", "data": {"phoneNumber": "1"}}
    answer = invoke(target, event)
    kind = answer.header("x-fc-error-type")
    code = json_object(str(answer.document.get("errorMessage"))).get("code")
    if kind and code is None:
        yield _broken("bus message", answer)
        return
    if kind and code == "invalid_request":
        yield fine("bus message", f"raises {answer.document.get('errorType')}, {kind}")
    else:
        yield wrong("bus message", f"an invalid message does not raise: {answer.status}", REPORT_IT)
    yield Logged("bus message", answer.request_id, 400)


def _judged(what: str, target: Target, answer: dict[str, Any]) -> Finding:
    return judged(what, target, answer.get("status", 0), answer.get("result", {}), answer.get("problem", {}))


def _seen_of_cams(target: Target, answer: dict[str, Any]) -> Iterator[Seen]:
    """How CAMS answers for a number that nobody owns; how long its image URLs work."""
    if not target.number:
        yield from _seen_of_foreign("foreign_number", answer)
    elif codes := answer.get("result", {}).get("qrCodes"):
        yield Seen("image_url", _image_lifetime(codes[0]["imageUrl"]))


def _seen_of_foreign(belief: str, answer: dict[str, Any]) -> Iterator[Seen]:
    problem = answer.get("problem", {})
    if problem.get("code") in _ABOUT_NUMBER and "upstream" in problem:
        yield Seen(belief, str(problem["upstream"]["code"]))
    elif "result" in answer:
        yield Seen(belief, "a list")


def _image_lifetime(url: str | None) -> str:
    if url is None:
        return "no image URL"
    try:
        (expiry,) = parse_qs(urlsplit(url).query)["oe"]
        seconds = int(expiry, 16) - time.time()
    except (KeyError, ValueError):
        return "no oe"
    return "for hours" if seconds < _DAY_SECONDS else "for days"


def _is_broken(answer: Answer) -> bool:
    """Whether Function Compute tells of a function that failed as a whole."""
    return bool(answer.header("x-fc-error-type"))


def _broken(what: str, answer: Answer) -> Finding:
    """The row for such a failure: what cannot be imported, or the setting that is wrong."""
    error = answer.document
    return not_started(what, answer) or wrong(
        what, f"raises {error.get('errorType')}: {error.get('errorMessage')}", OPERATIONS
    )
