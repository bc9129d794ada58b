"""Checks over the HTTP trigger."""

import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin, urlsplit

from deploy.doctor.services import FC_CONSOLE
from deploy.table import Finding, fine, unknown, wrong
from deploy.verify.answers import (
    NEEDS_NUMBER,
    OPERATIONS,
    elsewhere,
    first_wrong,
    is_kept_out,
    is_ours,
    is_refused,
    judged_answer,
    list_path,
    logged,
    not_started,
)
from deploy.verify.client import Answer, ask
from deploy.verify.rows import REPORT_IT, Check, Logged, Measured, Row, Seen, Target

_STRANGER = "https://verify.invalid"
# What a preflight asks for, and what of the function's answer allows it.
_ASKED = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
_ALLOWING = {"Access-Control-Allow-Methods": "get", "Access-Control-Allow-Headers": "authorization"}
# What the function answers to an origin that is not allowed.
_NO_ORIGIN = "https://not-allowed.invalid"
_WARM_CALLS = 5


def _signing(*rows: str) -> Callable[[Check], Check]:
    """A check with credentials; its rows are unknown if the trigger requires a token and none was given."""

    def decorate(check: Check) -> Check:
        def checked(target: Target) -> Iterator[Row]:
            if target.parameters["HttpAuth"] == "function" or target.token:
                yield from check(target)
            else:
                for row in rows:
                    yield unknown(row, "the trigger requires a token (HttpAuth jwt)", "make verify … TOKEN=…")

        return checked

    return decorate


@_signing("signed GET", "cold and warm")
def signed(target: Target) -> Iterator[Row]:
    """A signed GET is answered, the first time and again; records its headers."""
    first = ask(target, list_path(target))
    yield judged_answer("signed GET", target, first)
    yield Measured("headers of a signed GET", first.headers)
    if is_ours(first):
        yield Logged("signed GET", first.request_id, first.status)
        yield Seen("header_name", next((n for n in first.headers if n.lower() == "x-request-id"), "none"))
        yield Seen("content_disposition", first.header("content-disposition") or "none")
        is_same = first.header("x-fc-request-id") == first.header("x-request-id")
        yield Seen("request_id", "the same" if is_same else "another")
    answers = [ask(target, list_path(target)) for _ in range(_WARM_CALLS)]
    warm = statistics.median(answer.milliseconds for answer in answers)
    yield Measured("milliseconds", {"first": first.milliseconds, "then": warm})
    figures = f"first {first.milliseconds:.0f} ms, then {warm:.0f} ms"
    yield first_wrong("cold and warm", target, answers) or fine("cold and warm", figures)
    yield from logged("cold and warm", answers)


def unsigned(target: Target) -> Iterator[Row]:
    """A GET without a signature or token, or with a token that is none, does not reach the function."""
    yield _kept_out("unsigned GET", target, ask(target, list_path(target), signed=False))
    if target.parameters["HttpAuth"] == "jwt":
        headers = {"Authorization": "Bearer e30.e30.e30"}
        answer = ask(target, list_path(target), headers=headers, signed=False)
        # If tokens are not looked for in this header, none was found.
        if is_refused(answer) and answer.document.get("Code") != "JWTTokenIsMissing":
            yield Seen("invalid_token", str(answer.status))
        yield _kept_out("invalid token", target, answer)


def _kept_out(what: str, target: Target, answer: Answer) -> Finding:
    if is_refused(answer):
        return fine(what, f"refused with {answer.status} {answer.document.get('Code', '')}".rstrip())
    if is_ours(answer):
        auth = target.parameters["HttpAuth"]
        fix = f"{FC_CONSOLE}   # set the authentication of {target.function}'s trigger to {auth}"
        return wrong(what, f"let in: {answer.status}", fix)
    return wrong(what, f"answered {answer.status}, not by the function", OPERATIONS)


def preflight(target: Target) -> Iterator[Row]:
    """A browser's preflight is answered."""
    origin = (_named_origins(target) or [_STRANGER])[0]
    answer = ask(target, list_path(target), "OPTIONS", _ASKED | {"Origin": origin}, signed=False)
    yield Measured("headers of a preflight", answer.headers)
    allowed = answer.header("access-control-allow-origin")
    # Function Compute may answer preflights itself; it adds the header to errors, too.
    is_answered = is_refused(answer) or (answer.status < 400 and bool(allowed))
    if not is_answered and (found := elsewhere("preflight", answer)):
        yield found
        return
    yield Seen("preflight", str(answer.status))
    yield from logged("preflight", [answer])
    told = f"{answer.status}, Access-Control-Allow-Origin: {allowed or 'none'}"
    is_let_in = allowed in (origin, "*")
    if not _origins(target) and is_let_in:
        yield wrong("preflight", f"{told}, though AllowedOrigins is empty", REPORT_IT)
    elif is_ours(answer) and (lost := _lost(answer)):
        yield wrong("preflight", f"{told}, {', '.join(lost)}: not what the function answers", REPORT_IT)
    elif not _origins(target) or (answer.status == 204 and is_let_in):
        yield fine("preflight", told)
    else:
        fix = "a gateway or a domain of your own in front: docs/deployment.md"
        yield wrong("preflight", f"{told}; browsers cannot call it", fix)


def _lost(answer: Answer) -> list[str]:
    """The headers of a preflight's answer that do not allow what was asked for."""
    return [
        f"{name}: {answer.header(name) or 'none'}"
        for name, wanted in _ALLOWING.items()
        if wanted not in answer.header(name).lower().replace(" ", "").split(",")
    ]


@_signing("CORS")
def cors(target: Target) -> Iterator[Row]:
    """Only allowed origins may read answers."""
    origins = (_STRANGER, *_named_origins(target)[:1])
    answers = {origin: ask(target, list_path(target), headers={"Origin": origin}) for origin in origins}
    yield from logged("CORS", answers.values())
    yield from (Measured(f"headers for {origin}", answer.headers) for origin, answer in answers.items())
    others = [row for answer in answers.values() if (row := elsewhere("CORS", answer))]
    if others:
        yield others[0]
        return
    strange = _cors_of(answers[_STRANGER])
    is_theirs = _STRANGER in strange or "," in strange or "credentials" in strange
    yield Seen("cors", "Function Compute's too" if is_theirs else "the function's alone")
    for origin, answer in answers.items():
        found, expected = _cors_of(answer), _expected_cors(target, origin)
        if found != expected:
            yield wrong("CORS", f"{origin} gets Access-Control-Allow-Origin: {found}, not {expected}", REPORT_IT)
            return
    yield fine("CORS", "; ".join(f"{_cors_of(answer)} for {origin}" for origin, answer in answers.items()))


def _cors_of(answer: Answer) -> str:
    with_credentials = answer.header("access-control-allow-credentials") == "true"
    return (answer.header("access-control-allow-origin") or "none") + (" with credentials" if with_credentials else "")


def _expected_cors(target: Target, origin: str) -> str:
    origins = _origins(target)
    if "*" in origins:
        return "*"
    return origin if origin in origins else _NO_ORIGIN


@_signing("ETag")
def conditional(target: Target) -> Iterator[Row]:
    """An unchanged list is not sent again."""
    if not target.number or target.parameters["CacheTtlSeconds"] == "0":
        yield unknown("ETag", "no number with QR codes was given, or the cache is off", NEEDS_NUMBER)
        return
    for _ in range(3):
        first = ask(target, list_path(target))
        if found := elsewhere("ETag", first):
            yield found
            return
        if is_kept_out(target, first):
            yield unknown("ETag", "403 not_allowed has none")
            return
        etag = first.header("etag")
        again = ask(target, list_path(target), headers={"If-None-Match": etag})
        yield from logged("ETag", [first, again])
        if etag and again.status == 304 and not again.body:
            yield fine("ETag", "304 for an unchanged list")
            return
    yield wrong("ETag", f"{again.status} for an unchanged list, ETag {etag or 'none'}", OPERATIONS)


@_signing("drawing")
def drawing(target: Target) -> Iterator[Row]:
    """A code is drawn, as text and as an image."""
    answer = ask(target, list_path(target))
    if found := elsewhere("drawing", answer):
        yield found
        return
    codes = answer.document.get("qrCodes") or []
    relative = next((code["svgUrl"] for code in codes if code.get("svgUrl")), None)
    if relative is None:
        yield unknown("drawing", "no number with QR codes was given", NEEDS_NUMBER)
        return
    path = urljoin("/qr-codes", relative)
    parts = urlsplit(path)
    svg = ask(target, path)
    png = ask(target, f"{parts.path.removesuffix('.svg')}.png?{parts.query}")
    yield Measured("headers of a drawing", svg.headers)
    yield from logged("drawing", [svg, png])
    is_decoded = png.body.startswith(b"\x89PNG")
    yield Seen("png", "decoded" if is_decoded else "as text")
    yield Seen("gzip", svg.header("content-encoding") or "none")
    if svg.status == 200 and b"<svg" in svg.body and is_decoded:
        yield fine("drawing", f"SVG of {len(svg.body)} bytes, PNG of {len(png.body)}")
    else:
        yield wrong("drawing", f"SVG {svg.status}, PNG {png.status}", OPERATIONS)


@_signing("two at once")
def together(target: Target) -> Iterator[Row]:
    """Two concurrent calls are both answered, if there may be two instances."""
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: ask(target, list_path(target)), range(2)))
    refused = [answer for answer in answers if not is_ours(answer)]
    instances = int(target.parameters["MaxInstances"])
    if instances == len(refused) == 1:
        yield Seen("over_cap", str(refused[0].status))
    found = " and ".join(f"{answer.status} in {answer.milliseconds:.0f} ms" for answer in answers)
    if not refused or (instances == 1 and [answer.status for answer in refused] == [429]):
        answered = [answer for answer in answers if is_ours(answer)]
        yield first_wrong("two at once", target, answered) or fine("two at once", found)
    else:
        fix = "make doctor   # concurrency" if any(answer.status == 429 for answer in refused) else OPERATIONS
        failed = not_started("two at once", refused[0])
        yield failed or wrong("two at once", f"{found}, with MaxInstances {instances}", fix)
    yield from logged("two at once", answers)


def _origins(target: Target) -> list[str]:
    return [origin.strip() for origin in target.parameters["AllowedOrigins"].split(",") if origin.strip()]


def _named_origins(target: Target) -> list[str]:
    return [origin for origin in _origins(target) if origin != "*"]
