"""Checks over the HTTP trigger."""

import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urljoin, urlsplit

from deploy.table import Finding, fine, unknown, wrong
from deploy.verify.client import Answer, ask
from deploy.verify.rows import Logged, Measured, Row, Seen, Target

_STRANGER = "https://verify.invalid"
_WARM_CALLS = 5
_OPERATIONS = "docs/operations.md says what to do"
_NEEDS_NUMBER = "make verify … NUMBER=…   # a number with QR codes"


def signed(target: Target) -> Iterator[Row]:
    """A signed GET is answered, at first and again; what its headers are."""
    if target.parameters["HttpAuth"] == "jwt" and not target.token:
        yield unknown("signed GET", "the trigger asks for a token (HttpAuth jwt)", "make verify … TOKEN=…")
        return
    first = ask(target, _path(target))
    yield _judged("signed GET", target, first)
    yield Logged("signed GET", first.request_id)
    yield Measured("headers of a signed GET", first.headers)
    yield Seen("header_name", next((n for n in first.headers if n.lower() == "x-request-id"), "none"))
    yield Seen("content_disposition", first.header("content-disposition") or "none")
    is_same = first.header("x-fc-request-id") == first.header("x-request-id")
    yield Seen("request_id", "the same" if is_same else "another")
    warm = statistics.median(ask(target, _path(target)).milliseconds for _ in range(_WARM_CALLS))
    yield Measured("milliseconds", {"first": first.milliseconds, "then": warm})
    yield fine("cold and warm", f"first {first.milliseconds:.0f} ms, then {warm:.0f} ms")


def unsigned(target: Target) -> Iterator[Row]:
    """A GET without a signature or token does not reach the function."""
    answer = ask(target, _path(target), signed=False)
    if target.parameters["HttpAuth"] == "function":
        yield Seen("unsigned", str(answer.status))
    if answer.status in (400, 401, 403) and not _is_ours(answer):
        yield fine("unsigned GET", f"refused with {answer.status} {answer.document.get('Code', '')}".rstrip())
        return
    yield wrong("unsigned GET", f"let in: {answer.status}", "deploy again; somebody changed the trigger's authType")


def preflight(target: Target) -> Iterator[Row]:
    """A browser may ask whether it may ask."""
    origin = _origins(target)[0]
    answer = ask(
        target,
        _path(target),
        "OPTIONS",
        signed=False,
        Origin=origin,
        Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="authorization",
    )
    yield Seen("preflight", str(answer.status))
    yield Measured("headers of a preflight", answer.headers)
    allowed = answer.header("access-control-allow-origin")
    if not target.parameters["AllowedOrigins"]:
        yield fine("preflight", f"{answer.status}; no origin is allowed, as AllowedOrigins says")
    elif answer.status == 204 and allowed in (origin, "*"):
        yield fine("preflight", f"204, Access-Control-Allow-Origin: {allowed}")
    else:
        found = f"{answer.status}, Access-Control-Allow-Origin: {allowed or 'none'}; browsers cannot call"
        yield wrong("preflight", found, "a gateway or a domain of your own in front: docs/deployment.md")


def cors(target: Target) -> Iterator[Row]:
    """An origin that is not allowed may not read answers."""
    if not _can_sign(target):
        return
    answer = ask(target, _path(target), Origin=_STRANGER)
    found = answer.header("access-control-allow-origin")
    is_anybody = target.parameters["AllowedOrigins"].strip() == "*"
    is_reflected = _STRANGER in found or answer.header("access-control-allow-credentials") == "true"
    yield Seen("cors", "Function Compute's too" if is_reflected or "," in found else "the function's alone")
    if is_reflected and not is_anybody:
        yield wrong("CORS", f"a strange origin is let in: {found}", "report it with the JSON file below")
    else:
        yield fine("CORS", f"a strange origin gets Access-Control-Allow-Origin: {found}")


def conditional(target: Target) -> Iterator[Row]:
    """What has not changed is not sent again."""
    if not _can_sign(target):
        return
    if not target.number or target.parameters["CacheTtlSeconds"] == "0":
        yield unknown("ETag", "no number with QR codes was given, or the cache is off", _NEEDS_NUMBER)
        return
    for _ in range(3):
        etag = ask(target, _path(target)).header("etag")
        again = ask(target, _path(target), If_None_Match=etag)
        if etag and again.status == 304 and not again.body:
            yield fine("ETag", "304 for what has not changed")
            return
    yield wrong("ETag", f"{again.status} for what has not changed, ETag {etag or 'none'}", _OPERATIONS)


def drawing(target: Target) -> Iterator[Row]:
    """A code is drawn, as text and as an image."""
    if not _can_sign(target):
        return
    codes = ask(target, _path(target)).document.get("qrCodes") or []
    relative = next((code["svgUrl"] for code in codes if code.get("svgUrl")), None)
    if relative is None:
        yield unknown("drawing", "no number with QR codes was given", _NEEDS_NUMBER)
        return
    svg = ask(target, urljoin("/qr-codes", relative))
    parts = urlsplit(urljoin("/qr-codes", relative))
    png = ask(target, f"{parts.path.removesuffix('.svg')}.png?{parts.query}")
    yield Measured("headers of a drawing", svg.headers)
    is_decoded = png.body.startswith(b"\x89PNG")
    yield Seen("png", "decoded" if is_decoded else "as text")
    if svg.status == 200 and b"<svg" in svg.body and is_decoded:
        yield fine("drawing", f"SVG of {len(svg.body)} bytes, PNG of {len(png.body)}")
    else:
        yield wrong("drawing", f"SVG {svg.status}, PNG {png.status}", _OPERATIONS)


def together(target: Target) -> Iterator[Row]:
    """Two calls at once are both answered, where there may be two instances."""
    if not _can_sign(target):
        return
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: ask(target, _path(target)), range(2)))
    refused = [answer for answer in answers if not _is_ours(answer)]
    instances = int(target.parameters["MaxInstances"])
    for answer in refused:
        yield Seen("over_cap", str(answer.status))
    found = " and ".join(f"{answer.status} in {answer.milliseconds:.0f} ms" for answer in answers)
    if not refused or (instances == 1 and all(answer.status == 429 for answer in refused)):
        yield fine("two at once", found)
    else:
        yield wrong("two at once", f"{found}, with MaxInstances {instances}", "make doctor   # concurrency")
    yield from (Logged("two at once", answer.request_id) for answer in answers if _is_ours(answer))


def _path(target: Target) -> str:
    return f"/qr-codes?phoneNumber={quote(target.asked)}"


def _can_sign(target: Target) -> bool:
    return target.parameters["HttpAuth"] == "function" or bool(target.token)


def _origins(target: Target) -> list[str]:
    origins = [origin.strip() for origin in target.parameters["AllowedOrigins"].split(",")]
    return [origin for origin in origins if origin.startswith("http")] or [_STRANGER]


def _is_ours(answer: Answer) -> bool:
    """Whether the function answered, and not the platform in its place."""
    return bool(answer.header("x-request-id"))


def _judged(what: str, target: Target, answer: Answer) -> Finding:
    if not _is_ours(answer):
        code = answer.document.get("Code") or answer.document.get("ErrorCode") or ""
        return wrong(what, f"Function Compute answered {answer.status} {code}", _OPERATIONS)
    return judged(what, target, answer.status, answer.document, answer.document)


def judged(what: str, target: Target, status: int, result: dict[str, object], problem: dict[str, object]) -> Finding:
    """The row for an answer to the number that was asked for; that nobody's is not owned is an answer too."""
    codes = result.get("qrCodes")
    if status == 200 and isinstance(codes, list):
        return fine(what, f"200, {len(codes)} QR codes")
    code = problem.get("code")
    if code == "not_owned" and not target.number:
        return fine(what, "404 not_owned, as it must be for the number that was asked for")
    return wrong(what, f"{status} {code}: {problem.get('detail')}", _OPERATIONS)
