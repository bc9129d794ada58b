"""Checks over the HTTP trigger."""

import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from urllib.parse import urljoin, urlsplit

from alibabacloud_credentials.client import Client as CredentialClient

from cams_qr.origins import normalise_origin
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
from deploy.verify.client import Answer, Way, ask, trigger
from deploy.verify.rows import REPORT_IT, Check, Logged, Measured, Row, Seen, Target
from examples.signature import sign_for_trigger

_STRANGER = "https://verify.invalid"
# What a preflight asks for, and what of the function's answer allows it.
_ASKED = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
_ALLOWING = {"Access-Control-Allow-Methods": "get", "Access-Control-Allow-Headers": "authorization"}
_ALLOW_ORIGIN = "Access-Control-Allow-Origin"
_WARM_CALLS = 5


def _signing(*rows: str) -> Callable[[Check], Check]:
    """A check with credentials; its rows are unknown if the trigger requires a token and none was given."""

    def decorate(check: Check) -> Check:
        def checked(target: Target) -> Iterator[Row]:
            if target.parameters["HttpAuth"] == "function" or target.token:
                yield from check(target)
            else:
                for row in rows:
                    yield unknown(row, "the trigger requires a token (HttpAuth jwt)", "TOKEN=… make verify …")

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
        yield Seen("header_name", next((n for n, _ in first.headers if n.lower() == "x-request-id"), "none"))
    answers = [ask(target, list_path(target)) for _ in range(_WARM_CALLS)]
    warm = statistics.median(answer.milliseconds for answer in answers)
    yield Measured("milliseconds", {"first": first.milliseconds, "then": warm})
    figures = f"first {first.milliseconds:.0f} ms, then {warm:.0f} ms"
    yield first_wrong("cold and warm", target, answers) or fine("cold and warm", figures)
    yield from logged("cold and warm", answers)


def unsigned(target: Target) -> Iterator[Row]:
    """A GET without a signature or token, or with one that has expired or is none, does not reach the function."""
    yield _kept_out("unsigned GET", target, ask(target, list_path(target), signed=False))
    if target.parameters["HttpAuth"] == "function":
        an_hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
        url = trigger(target).address + list_path(target)
        expired = sign_for_trigger(CredentialClient(), "GET", url, an_hour_ago)
        answer = ask(target, list_path(target), headers=expired, signed=False)
        # If the signature itself is refused, its age says nothing.
        if is_refused(answer) and answer.document.get("Code") != "SignatureNotMatch":
            yield Seen("expired_signature", str(answer.document.get("Code")))
        yield _kept_out("expired signature", target, answer)
    else:
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
    """A browser's preflight is answered: from a named origin or, if there is none, from the function's own host."""
    origin = (_named_origins(target) or [_own_origin(target)])[0]
    answer = ask(target, list_path(target), "OPTIONS", _ASKED | {"Origin": origin}, signed=False)
    yield Measured("headers of a preflight", answer.headers)
    if found := not_started("preflight", answer):
        yield found
        return
    allowed = answer.values(_ALLOW_ORIGIN)
    # Function Compute may answer preflights itself; it adds the header to errors, too.
    is_answered = is_refused(answer) or (answer.status < 400 and bool(allowed))
    if not is_answered and (found := elsewhere("preflight", answer)):
        yield found
        return
    yield Seen("preflight", str(answer.status))
    yield from logged("preflight", [answer])
    told = f"{answer.status}, {_ALLOW_ORIGIN}: {', '.join(allowed) or 'none'}"
    if len(allowed) > 1:
        yield wrong("preflight", f"{told}; browsers refuse more than one", REPORT_IT)
    elif is_ours(answer) and (lost := _lost(answer)):
        yield wrong("preflight", f"{told}, {', '.join(lost)}: not what the function answers", REPORT_IT)
    elif not _origins(target) or (answer.status < 300 and allowed in ([origin], ["*"]) and not _lost(answer)):
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
    """Pages of allowed origins may read answers, and no others get any; records whose headers a preflight has."""
    yield from pages("CORS", target, trigger(target))
    own = ask(target, list_path(target), "OPTIONS", _ASKED | {"Origin": _own_origin(target)})
    yield from logged("CORS", [own])
    if is_ours(own) and not _lost(own):
        yield Seen("cors", "appended" if own.values(_ALLOW_ORIGIN) else "replaced")


def pages(what: str, target: Target, way: Way) -> Iterator[Row]:
    """The row for what pages of an allowed and of a foreign origin get this way."""
    origins = (_STRANGER, *_named_origins(target)[:1])
    answers = {origin: ask(target, list_path(target), headers={"Origin": origin}, way=way) for origin in origins}
    yield from logged(what, answers.values())
    yield from (Measured(f"{what}: headers for {origin}", answer.headers) for origin, answer in answers.items())
    wrongs = [row for origin in answers if (row := _wrong_page(what, target, origin, answers[origin]))]
    told = "; ".join(f"{origin} {'may call' if _may_call(target, origin) else 'is refused'}" for origin in answers)
    yield wrongs[0] if wrongs else fine(what, told)


def _wrong_page(what: str, target: Target, origin: str, answer: Answer) -> Finding | None:
    """The row for a page's answer that is not as AllowedOrigins says."""
    if found := elsewhere(what, answer):
        return found
    allowed = answer.values(_ALLOW_ORIGIN)
    is_let_in = answer.document.get("code") != "origin_not_allowed"
    told = f"{origin} gets {answer.status} with {_ALLOW_ORIGIN}: {', '.join(allowed) or 'none'}"
    if len(allowed) > 1:
        return wrong(what, f"{told}; browsers refuse more than one", REPORT_IT)
    if is_let_in != _may_call(target, origin):
        return wrong(what, f"{told}, though AllowedOrigins {'does not allow' if is_let_in else 'allows'} it", REPORT_IT)
    if is_let_in and allowed not in ([origin], ["*"]):
        return wrong(what, f"{told}; browsers refuse it", REPORT_IT)
    return None


def _may_call(target: Target, origin: str) -> bool:
    return not {origin, "*"}.isdisjoint(_origins(target))


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
        if etag and (again.status == 304 or is_refused(again)):
            yield Seen("not_modified", str(again.status))
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
    """AllowedOrigins, as browsers write them."""
    origins = [origin.strip() for origin in target.parameters["AllowedOrigins"].split(",")]
    return [origin if origin == "*" else normalise_origin(origin) for origin in origins if origin]


def _named_origins(target: Target) -> list[str]:
    return [origin for origin in _origins(target) if origin != "*"]


def _own_origin(target: Target) -> str:
    parts = urlsplit(trigger(target).address)
    return f"{parts.scheme}://{parts.netloc}"
