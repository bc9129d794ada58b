"""Checks every way in, with credentials and without: only authorised callers get in.

The trigger has its own checks (`web.py`). These are for a custom domain, the gateway, and callers that set the space's
header themselves.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import requests

from deploy import gateway as apig
from deploy.doctor.services import FC_CONSOLE
from deploy.parameters import first_of
from deploy.table import Finding, fine, unknown, wrong
from deploy.verify.answers import OPERATIONS, is_kept_out, is_ours, is_refused, judged_answer, list_path, logged
from deploy.verify.client import Answer, Proof, Way, ask, trigger
from deploy.verify.rows import Row, Seen, Target
from deploy.verify.web import pages

_GIVE_TOKEN = "TOKEN=… make verify …"
_NOBODYS = "verify-nobodys"
_MUST_BE_A_CLAIM = "docs/security.md: it must be a claim's"
_CONSUMER = f"{_GIVE_TOKEN}   # of a consumer that may use the API: docs/deployment.md"


class _Door(NamedTuple):
    """A way in. `lacking` is its row if there are no credentials for it; `judge` makes the row from an answer.

    `proofs` are tried in order, until one is accepted. `unreached` is the fix if nothing answers, `open_to_all` if
    everybody gets in.
    """

    name: str
    address: str
    proofs: tuple[Proof, ...]
    lacking: Finding | None
    judge: Callable[[Target, Answer], Finding]
    unreached: str
    open_to_all: str


def space(target: Target) -> Iterator[Row]:
    """Through the trigger, the space comes from the token, whatever header the caller sends."""
    if not target.parameters["CustSpaceHeader"]:
        return
    way = trigger(target)
    lacking = unknown("space", "the trigger requires a token (HttpAuth jwt)", _GIVE_TOKEN)
    is_lacking = way.proof == "token" and not target.token
    found = _forged("space", target, way, lacking if is_lacking else None)
    yield found
    if found.mark != "?" and not is_lacking:
        is_used = found.mark == "✗"
        if is_kept_out(target, ask(target, list_path(target), way=way)):
            yield Seen("unclaimed_header", "the caller's" if is_used else "dropped")
        else:
            yield Seen("claim_header", "the caller's" if is_used else "the claim's")


def domain(target: Target) -> Iterator[Row]:
    """A custom domain admits the same callers as the trigger, and does not make browsers download what they open.

    Which signature it accepts is a belief, so both are tried.
    """
    if not target.parameters["DomainName"]:
        return
    takes_token = trigger(target).proof == "token"
    lacking = unknown("domain", "it requires a token (HttpAuth jwt)", _GIVE_TOKEN)
    door = _Door(
        "domain",
        target.outputs["DomainUrl"],
        ("token",) if takes_token else ("acs", "ACS3-HMAC-SHA256"),
        lacking if takes_token and not target.token else None,
        _judged_at_domain,
        "check whether its CNAME is this account's endpoint: docs/deployment.md",
        f"{FC_CONSOLE}   # set the domain's authentication to {target.parameters['HttpAuth']}",
    )
    yield from _tried(target, door)


def gateway(target: Target) -> Iterator[Row]:
    """The gateway serves the current route, to its consumers."""
    if not target.parameters["GatewayId"]:
        return
    route = apig.route(target.account, target.outputs)
    state = route["deployStatus"]
    if state == apig.PUBLISHED:
        yield fine("gateway route", "published")
    else:
        yield wrong("gateway route", f"{state}: it serves nothing, or an old version", "make deploy …   # publishes it")
    address = _address(route, target.parameters["GatewayPath"])
    door = _Door(
        "gateway",
        address,
        ("token",),
        _lacking(target, address),
        _judged_at_gateway,
        "check which network that domain serves: docs/deployment.md",
        f"{apig.CONSOLE}   # switch on the API's consumer authentication",
    )
    yield from _tried(target, door)


def _address(route: dict[str, Any], path: str) -> str:
    """The route's address, up to where the function's own routes begin."""
    domain = route["domainInfos"][0]
    scheme = "http" if domain["protocol"] == "HTTP" else "https"
    return f"{scheme}://{domain['name']}{path.removesuffix('/qr-codes')}"


def _lacking(target: Target, address: str) -> Finding | None:
    auth = target.parameters["GatewayAuth"]
    if auth == "AkSk":
        return unknown(
            "gateway", "its consumers sign (GatewayAuth AkSk), which is not possible here", f"ask {address}/…"
        )
    if target.token:
        return None
    return unknown("gateway", f"it requires a consumer's token (GatewayAuth {auth})", _CONSUMER)


def _tried(target: Target, door: _Door) -> Iterator[Row]:
    path = list_path(target)
    ways = [Way(door.address, proof) for proof in door.proofs]
    try:
        stranger = ask(target, path, way=ways[0], signed=False)
    except requests.RequestException as error:
        yield wrong(door.name, f"{door.address}: no answer ({type(error).__name__})", door.unreached)
        return
    yield _kept_out(door, stranger)
    has_space = bool(target.parameters["CustSpaceHeader"])
    if door.lacking:
        yield door.lacking
        if has_space:
            yield _forged(f"{door.name}, space", target, ways[0], door.lacking)
        return
    way, answer = _first_accepted(target, path, ways)
    judged = door.judge(target, answer)
    if len(ways) > 1 and is_ours(answer):
        yield Seen("domain_signature", way.proof)
        judged = judged._replace(found=f"{judged.found}, signed by {way.proof}")
    elif len(ways) > 1 and is_refused(answer):
        judged = judged._replace(found=f"{judged.found}, and accepted none of {', '.join(door.proofs)}")
    yield judged
    yield from logged(door.name, [answer])
    if is_ours(answer):
        yield from pages(f"{door.name}, CORS", target, way)
    if has_space:
        yield _forged(f"{door.name}, space", target, way)


def _first_accepted(target: Target, path: str, ways: list[Way]) -> tuple[Way, Answer]:
    """The first way that admits the request, and the answer there; the last of all if none does."""
    for way in ways:
        answer = ask(target, path, way=way)
        if not is_refused(answer):
            break
    return way, answer


def _kept_out(door: _Door, answer: Answer) -> Finding:
    what = f"{door.name}, no proof"
    if is_refused(answer):
        return fine(what, f"refused with {answer.status}")
    if is_ours(answer):
        return wrong(what, f"let in: {answer.status}", door.open_to_all)
    return wrong(what, f"answered {answer.status}, not by the function", door.unreached)


def _judged_at_domain(target: Target, answer: Answer) -> Finding:
    if "attachment" in answer.header("content-disposition"):
        return wrong("domain", "browsers download what they open (Content-Disposition)", "docs/deployment.md")
    return judged_answer("domain", target, answer, "the domain")


def _judged_at_gateway(target: Target, answer: Answer) -> Finding:
    if not is_refused(answer):
        return judged_answer("gateway", target, answer, "the gateway")
    found = f"refused this token with {answer.status}"
    # With jwt, the token may be for the trigger, whose issuer the gateway need not know.
    is_meant = target.parameters["HttpAuth"] != "jwt"
    return wrong("gateway", found, _CONSUMER) if is_meant else unknown("gateway", found, _CONSUMER)


def _forged(what: str, target: Target, way: Way, lacking: Finding | None = None) -> Finding:
    """The row about a caller that sets the space's header itself, which must not open a space to it.

    It asks for the space that its header names, with and without credentials; so the answer tells whether the header
    counts, also if nobody owns the number. `lacking` is the row if there are no credentials.
    """
    header = target.parameters["CustSpaceHeader"]
    spaces = _spaces(target)
    stranger = ask(target, _path(target, spaces[0]), headers={header: spaces[0]}, way=way, signed=False)
    if _is_served(stranger):
        return wrong(what, f"a caller's own {header} is used, without a token: {stranger.status}", _MUST_BE_A_CLAIM)
    if lacking:
        return lacking._replace(what=what)
    for space in spaces:
        own = ask(target, _path(target, space), way=way)
        forged = ask(target, _path(target, space), headers={header: space}, way=way)
        if not _is_served(own):
            return _judged_forged(what, header, own, forged)
    if len(spaces) > 1 or spaces == [_NOBODYS]:
        return wrong(what, f"a token queries any space, without {header}", _MUST_BE_A_CLAIM)
    # The token's own space is the only one that may be queried.
    hidden = ask(target, _path(target, spaces[0]), headers={header: _NOBODYS}, way=way)
    if _is_served(hidden):
        return fine(what, f"a caller's own {header} is ignored")
    return wrong(what, f"a caller's own {header} replaces the token's space: {hidden.status}", _MUST_BE_A_CLAIM)


def _judged_forged(what: str, header: str, own: Answer, forged: Answer) -> Finding:
    """The row for a request with the caller's own header, which was not served without it."""
    if _is_served(forged):
        return wrong(what, f"a caller's own {header} is used: {forged.status}", _MUST_BE_A_CLAIM)
    if is_refused(own):
        return unknown(what, f"these credentials are refused with {own.status}", _GIVE_TOKEN)
    if is_ours(forged) or is_refused(forged):
        return fine(what, f"a caller's own {header} is ignored")
    return wrong(what, f"answered {forged.status}, not by the function", OPERATIONS)


def _spaces(target: Target) -> list[str]:
    """Spaces to ask for, of which at most one is a token's own: allowed ones, or else the given and a made-up one."""
    allowed = [space.strip() for space in target.parameters["AllowedCustSpaceIds"].split(",") if space.strip()]
    return allowed[:2] or [*filter(None, [target.space]), _NOBODYS]


def _path(target: Target, space: str) -> str:
    """The path of a space's list, for a number that the deployment serves."""
    number = first_of(target.parameters["AllowedPhoneNumbers"]) or target.asked
    return f"/qr-codes?{urlencode({'phoneNumber': number, 'custSpaceId': space})}"


def _is_served(answer: Answer) -> bool:
    """Whether the function looked for the list, and did not reject the caller."""
    return is_ours(answer) and answer.document.get("code") != "not_allowed"
