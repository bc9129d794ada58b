"""What the user reads of `make verify`: the real function behind the stand-ins, and each way a platform may differ."""

import base64
import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Middleware

from deploy.doctor.cams import NOBODY
from local.acs3 import Refused
from local.beliefs import BELIEFS
from local.cloud import Cloud
from local.cloud.ros import Stack
from local.fc import Handler, role_environment, starting
from local.gateway import Domain, gateway
from local.lists import LISTS
from local.sandbox import DEMO_KEY, DEMO_KEY_ID
from local.serve import serve
from local.trigger_auth import OwnHeader, check_domain_signature, check_signature, check_token
from testing.template import TEMPLATE, resolved
from tests.conftest import NUMBER, Function, further
from tests.deploy.command import PACKAGE, run
from tests.deploy.test_doctor import Told
from tests.tokens import Issuer

PARAMETERS = {
    "CodeBucket": "packages",
    "CodeObject": PACKAGE,
    "AlertActionPolicy": "whom-to-tell",
    "AllowedOrigins": "https://shop.example.com",
}
Check = Callable[[web.Request], None]


def made_alerts(parameters: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The alerts as Simple Log Service tells them, once ROS has made them."""
    details = [
        properties["Detail"]
        for name, properties in resolved(TEMPLATE, parameters).items()
        if TEMPLATE["Resources"][name]["Type"] == "ALIYUN::SLS::Alert"
    ]
    return {detail["Name"]: in_camel_case(detail) | {"status": "ENABLED"} for detail in details}


def in_camel_case(node: Any) -> Any:
    if isinstance(node, dict):
        return {name[:1].lower() + name[1:]: in_camel_case(part) for name, part in node.items()}
    return [in_camel_case(item) for item in node] if isinstance(node, list) else node


def changing(change: Callable[[web.Response], object]) -> Middleware:
    """What changes each answer, or puts another in its place."""

    async def changed(request: web.Request, handler: Any) -> web.Response:
        answer: web.Response = await handler(request)
        other = change(answer)
        return other if isinstance(other, web.Response) else answer

    return changed


class Deployed:
    """A stack as `make deploy` leaves it, with the function behind its trigger and behind InvokeFunction."""

    def __init__(self, function: Function, folder: Path) -> None:
        function.configure(CACHE_TTL_SECONDS="60", ALLOWED_ORIGINS=PARAMETERS["AllowedOrigins"])
        self.function, self.folder = function, folder
        self.handler: Handler = function.raw
        self.parameters = dict(PARAMETERS)
        self.middlewares: list[Middleware] = []
        self.gateway_middlewares: list[Middleware] = []
        self.cloud_middlewares: list[Middleware] = []
        self.reserved = self.replacing = False
        self.check: Check = check_signature
        self.cloud = Cloud()
        account = self.cloud.account
        account.functions = {"cams-qr": {"functionName": "cams-qr"}}
        account.reserved = {"cams-qr": 5}
        account.asynchronous = {"cams-qr": {"maxAsyncRetryAttempts": 3, "maxAsyncEventAgeInSeconds": 3600}}
        account.alerts = made_alerts(self.parameters)
        # The checks of the domain and of the gateway, where there is one.
        self.domain: Check | None = None
        self.domain_kind: Domain = "custom"
        self.gateway: Check | None = None

    def verify(self, *arguments: str, command: str = "verify", token: str = "") -> Told:
        stack = Stack("cams-qr", TEMPLATE, self.parameters, status="CREATE_COMPLETE")
        self.cloud.stacks = {stack.id: stack} if command == "verify" else {}
        logged = self.cloud.logs.logging(self.handler)
        trigger = gateway(
            logged, self.function.context, reserved=self.reserved, check=self.check, replacing=self.replacing
        )
        trigger.middlewares.extend(map(web.middleware, self.middlewares))
        with ExitStack() as running:
            url = running.enter_context(serve(trigger))
            cloud = self.cloud.app(logged, self.function.context)
            cloud.middlewares.extend(map(web.middleware, self.cloud_middlewares))
            address = running.enter_context(serve(cloud))
            self.cloud.outputs = {"Url": f"http://{url}", "LogProject": "cams-qr-logs", "LogStore": "cams-qr"}
            if self.domain:
                domain = gateway(logged, self.function.context, check=self.domain, domain=self.domain_kind)
                self.cloud.outputs["DomainUrl"] = f"http://{running.enter_context(serve(domain))}"
            if self.gateway:
                served = gateway(logged, self.function.context, check=self.cloud.at_route(self.gateway))
                served.middlewares.extend(map(web.middleware, self.gateway_middlewares))
                self.cloud.account.gateway_domain = running.enter_context(serve(served))
            environment = {
                **role_environment(DEMO_KEY_ID, DEMO_KEY),
                "PATH": os.environ["PATH"],
                "CLOUD_ENDPOINT": f"http://{address}",
                "TOKEN": token,
            }
            report = ("--report", str(self.folder))
            return Told(run(environment, command, "--stack", "cams-qr", *arguments, *report))

    @property
    def report(self) -> Any:
        return json.loads((self.folder / "verify-cams-qr.json").read_text())


@pytest.fixture
def deployed(function: Function, tmp_path: Path) -> Deployed:
    return Deployed(function, tmp_path)


def test_a_deployment_that_is_as_it_should_be(deployed: Deployed) -> None:
    told = deployed.verify("--number", NUMBER)
    assert (told.code, set(told.rows())) == (0, {"✓"}), told.text
    assert told.row("signed GET") == "✓ signed GET 200, 2 QR codes"
    assert told.row("unsigned GET") == "✓ unsigned GET refused with 400 MissingRequiredHeader"
    assert told.row("expired signature") == "✓ expired signature refused with 403 AccessDenied"
    assert told.row("preflight") == "✓ preflight 204, Access-Control-Allow-Origin: https://shop.example.com"
    assert told.row("CORS") == "✓ CORS https://verify.invalid is refused; https://shop.example.com may call"
    assert told.row("ETag") == "✓ ETag 304 for an unchanged list"
    assert told.row("drawing").startswith("✓ drawing SVG of ")
    assert told.row("direct call") == "✓ direct call 200, 2 QR codes"
    assert told.row("batch") == "✓ batch 207: 200, 2 QR codes, 400 invalid_request"
    assert told.row("bus message") == "✓ bus message raises QueryFailed, UnhandledInvocationError"
    assert told.row("two at once").startswith("✓ two at once 200 in ")
    for what in ("concurrency", "async settings", "VPC"):
        assert told.row(what) == f"✓ {what} as the parameters say"
    assert told.row("alerts") == "✓ alerts 5 are on, as the template says"
    assert told.row("cold start") == "✓ cold start the first call started an instance"
    assert told.row("log lines").startswith("✓ log lines 19 of 19 found by requestId")
    assert "≠" not in told.text
    check_report(deployed.report)


def check_report(report: Any) -> None:
    text = json.dumps(report)
    for secret in (NUMBER, DEMO_KEY.secret, str(DEMO_KEY.token), "would like to know", "scontent"):
        assert secret not in text
    seen = {belief["name"] for belief in report["beliefs"]}
    assert seen | set(report["notSeen"]) == set(BELIEFS)
    assert report["notSeen"] == [
        "claim_header",
        "domain_signature",
        "foreign_number",
        "invalid_token",
        "over_cap",
        "unclaimed_header",
    ]
    assert all(belief["holds"] for belief in report["beliefs"])
    assert ["Content-Disposition", "attachment"] in report["headers of a signed GET"]
    assert ["Access-Control-Max-Age", "600"] in report["headers of a preflight"]
    for origin in ("https://verify.invalid", "https://shop.example.com"):
        assert ["Access-Control-Allow-Origin", origin] in report[f"CORS: headers for {origin}"]
    assert set(report["milliseconds"]) == {"first", "then"}
    assert (report["stack"], report["region"], report["runtime"]) == ("cams-qr", "ap-southeast-1", "python3.10")


def test_without_a_number_what_needs_codes_is_not_claimed(deployed: Deployed) -> None:
    told = deployed.verify()
    assert told.code == 0, told.text
    assert told.row("signed GET") == "✓ signed GET 404 not_owned, as expected for a test number that nobody owns"
    for what in ("ETag", "drawing"):
        assert told.row(what).startswith(f"? {what} no number with QR codes was given")
        assert told.row(what).endswith("→ make verify … NUMBER=… # a number with QR codes")
    assert "≠" not in told.text
    seen = {belief["name"]: belief["seen"] for belief in deployed.report["beliefs"]}
    assert seen["foreign_number"] == "ERR-OPERATION-MAAP-0065"
    assert "image_url" in deployed.report["notSeen"]


@pytest.mark.parametrize(
    ("code", "row", "differs"),
    [
        ("Unknown.ResourceOwnerId", "✓ direct call 404 not_owned", True),
        ("InvalidParameter.PhoneNumberError", "✗ direct call 400 invalid_request", True),
        ("ERR-OPERATION-MAAP-0099", "✗ direct call 502 upstream_error", True),
        ("Ram.PermissionDeny", "✗ direct call 403 permission_denied", False),
    ],
)
def test_another_code_for_a_number_that_nobody_owns(deployed: Deployed, code: str, row: str, differs: bool) -> None:
    belief = BELIEFS["foreign_number"]._replace(value=code)
    deployed.function.monkeypatch.setitem(BELIEFS, "foreign_number", belief)
    told = deployed.verify()
    assert told.row("direct call").startswith(row)
    assert (f"≠ foreign_number: believed ERR-OPERATION-MAAP-0065, seen {code} (" in told.text) is differs
    assert ("≠" in told.text) is differs


def test_a_number_that_nobody_owns_but_that_has_a_list(deployed: Deployed) -> None:
    deployed.function.monkeypatch.setitem(LISTS, NOBODY, [])
    told = deployed.verify()
    assert told.row("direct call") == "✓ direct call 200, 0 QR codes"
    assert "≠ foreign_number: believed ERR-OPERATION-MAAP-0065, seen a list (" in told.text


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (None, "no image URL"),
        ("https://scontent.xx.fbcdn.example/a.png", "no oe"),
        ("https://scontent.xx.fbcdn.example/a.png?oe=soon", "no oe"),
        ("https://scontent.xx.fbcdn.example/a.png?oh=s&oe=FFFFFFFF", "for days"),
    ],
)
def test_images_that_last_for_another_time(deployed: Deployed, url: str | None, seen: str) -> None:
    items = [item | {"QrImageUrl": url} for item in LISTS[NUMBER]]
    deployed.function.monkeypatch.setitem(LISTS, NUMBER, items)
    told = deployed.verify("--number", NUMBER)
    assert told.code == 0
    assert f"≠ image_url: believed for hours, seen {seen} (" in told.text
    assert "fbcdn" not in json.dumps(deployed.report["beliefs"])


def test_a_trigger_that_lets_everybody_in(deployed: Deployed) -> None:
    deployed.check = lambda request: None
    told = deployed.verify()
    assert told.row("unsigned GET") == (
        "✗ unsigned GET let in: 404 → https://fcnext.console.alibabacloud.com/ "
        "# set the authentication of cams-qr's trigger to function"
    )
    assert told.code == 1


def test_a_preflight_that_must_be_signed(deployed: Deployed) -> None:
    async def refuse(request: web.Request, handler: Any) -> web.Response:
        if request.method == "OPTIONS":
            return web.json_response({"Code": "MissingRequiredHeader"}, status=400)
        answer: web.Response = await handler(request)
        return answer

    deployed.middlewares.append(refuse)
    told = deployed.verify()
    assert told.row("preflight") == (
        "✗ preflight 400, Access-Control-Allow-Origin: none; browsers cannot call it "
        "→ a gateway or a domain of your own in front: docs/deployment.md"
    )
    assert "≠ preflight: believed 204, seen 400" in told.text
    deployed.parameters["AllowedOrigins"] = ""
    assert deployed.verify().row("preflight") == "✓ preflight 400, Access-Control-Allow-Origin: none"


@pytest.mark.parametrize("name", ["Access-Control-Allow-Methods", "Access-Control-Allow-Headers"])
def test_a_preflight_that_loses_a_header(deployed: Deployed, name: str) -> None:
    deployed.middlewares.append(changing(lambda answer: answer.headers.popall(name, None)))
    assert deployed.verify().row("preflight") == (
        f"✗ preflight 204, Access-Control-Allow-Origin: https://shop.example.com, {name}: none: "
        "not what the function answers → report it with the JSON file below"
    )


@pytest.mark.parametrize(
    ("allowed", "parameter", "preflight", "cors"),
    [
        (
            "*",
            "",
            "✓ preflight 204, Access-Control-Allow-Origin: http://127.0.0.1",
            "✗ CORS https://verify.invalid gets 404 with Access-Control-Allow-Origin: https://verify.invalid, "
            "though AllowedOrigins does not allow it",
        ),
        (
            "",
            "",
            "✓ preflight 204, Access-Control-Allow-Origin: http://127.0.0.1",
            "✓ CORS https://verify.invalid is refused",
        ),
        (
            "https://a.example,*",
            "https://a.example, *",
            "✓ preflight 204, Access-Control-Allow-Origin: https://a.example",
            "✓ CORS https://verify.invalid may call; https://a.example may call",
        ),
        (
            "https://a.example",
            "HTTPS://A.example:443/",
            "✓ preflight 204, Access-Control-Allow-Origin: https://a.example",
            "✓ CORS https://verify.invalid is refused; https://a.example may call",
        ),
        (
            "https://b.example",
            "https://a.example",
            "✗ preflight 403, Access-Control-Allow-Origin: https://a.example; browsers cannot call it",
            "✗ CORS https://a.example gets 403 with Access-Control-Allow-Origin: https://a.example, "
            "though AllowedOrigins allows it",
        ),
    ],
)
def test_which_pages_may_call(deployed: Deployed, allowed: str, parameter: str, preflight: str, cors: str) -> None:
    deployed.function.configure(ALLOWED_ORIGINS=allowed)
    deployed.parameters["AllowedOrigins"] = parameter
    told = deployed.verify()
    # The port of its own host differs each time.
    assert re.sub(r"(127\.0\.0\.1):\d+", r"\1", told.row("preflight")).partition(" →")[0] == preflight
    assert told.row("CORS").partition(" →")[0] == cors


def test_an_origin_that_is_allowed_twice_is_not_for_browsers(deployed: Deployed) -> None:
    """As if the function sent the header on the default domain, too; one line of two values counts as well."""

    def twice(answer: web.Response) -> None:
        answer.headers.add("Access-Control-Allow-Origin", "https://shop.example.com")

    deployed.middlewares.append(changing(twice))
    told = deployed.verify()
    assert told.row("CORS") == (
        "✗ CORS https://verify.invalid gets 403 with Access-Control-Allow-Origin: https://verify.invalid, "
        "https://shop.example.com; browsers refuse more than one → report it with the JSON file below"
    )
    assert told.row("preflight") == (
        "✗ preflight 204, Access-Control-Allow-Origin: https://shop.example.com, https://shop.example.com; "
        "browsers refuse more than one → report it with the JSON file below"
    )
    assert told.code == 1
    pairs = deployed.report["CORS: headers for https://shop.example.com"]
    assert pairs.count(["Access-Control-Allow-Origin", "https://shop.example.com"]) == 2


@pytest.mark.parametrize("value", [None, "https://a.example, https://shop.example.com"])
def test_an_origin_that_is_not_allowed_is_not_for_browsers(deployed: Deployed, value: str | None) -> None:
    def change(answer: web.Response) -> None:
        answer.headers.popall("Access-Control-Allow-Origin", None)
        if value:
            answer.headers["Access-Control-Allow-Origin"] = value

    deployed.middlewares.append(changing(change))
    told = deployed.verify()
    assert told.row("CORS").startswith(
        f"✗ CORS https://shop.example.com gets 404 with Access-Control-Allow-Origin: {value or 'none'}; "
        "browsers refuse it →"
    )


def test_a_platform_whose_cors_headers_are_replaced(deployed: Deployed) -> None:
    deployed.replacing = True
    told = deployed.verify()
    assert told.row("CORS").startswith("✓")
    assert told.row("preflight").startswith("✗ preflight 204, Access-Control-Allow-Origin: none; browsers cannot call")
    assert "≠ cors: believed appended, seen replaced" in told.text
    assert beliefs(told) == {"cors"}


def test_a_default_domain_without_304(deployed: Deployed) -> None:
    def forbid(answer: web.Response) -> web.Response | None:
        return web.json_response({"Code": "ExternalRedirectForbidden"}, status=400) if answer.status == 304 else None

    deployed.middlewares.append(changing(forbid))
    told = deployed.verify("--number", NUMBER)
    assert told.row("ETag").startswith("✗ ETag 400 for an unchanged list")
    assert "≠ not_modified: believed 304, seen 400" in told.text


def test_headers_that_arrive_otherwise(deployed: Deployed) -> None:
    async def rewrite(request: web.Request, handler: Any) -> web.Response:
        answer: web.Response = await handler(request)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        headers.pop("content-length", None)
        return web.Response(status=answer.status, headers=headers, body=answer.body)

    deployed.middlewares.append(rewrite)
    told = deployed.verify("--number", NUMBER)
    assert "≠ header_name: believed X-Request-Id, seen x-request-id" in told.text
    assert "  → local/gateway.py" in told.text
    wrong = {belief["name"] for belief in deployed.report["beliefs"] if not belief["holds"]}
    assert wrong == {"header_name"}


def test_an_invocation_that_comes_wrapped(deployed: Deployed) -> None:
    def wrapping(event: bytes, context: Any) -> Any:
        if json.loads(event).get("version") == "v1":
            return deployed.function.raw(event, context)
        document = json.loads(Path("tests/captured/invoke_function.json").read_text())
        return deployed.function.raw(json.dumps(document | {"body": event.decode()}).encode(), context)

    deployed.handler = wrapping
    told = deployed.verify()
    assert told.row("direct call").startswith("✓")
    assert told.row("batch").startswith("✓")
    assert told.row("bus message").startswith("✓")
    assert "≠ invoke_event: believed bare, seen wrapped as an HTTP event" in told.text


@pytest.mark.thorough
def test_lines_that_come_late_or_never(deployed: Deployed) -> None:
    deployed.cloud.logs.late_seconds = 2
    told = deployed.verify()
    assert told.row("log lines").startswith("✓ log lines 15 of 15 found by requestId"), told.text
    deployed.cloud.logs.late_seconds = 3600
    told = deployed.verify("--log-seconds", "1")
    assert re.match(
        r"✗ log lines after \d+ s none found by requestId for: signed GET, cold and warm, preflight",
        told.row("log lines"),
    )
    assert told.code == 1


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("WARNING", "✓ log lines 3 of 3 found by requestId"),
        ("ERROR", "? log lines LogLevel is ERROR, at which none of these calls writes a line"),
    ],
)
def test_levels_at_which_successful_calls_write_no_line(deployed: Deployed, level: str, expected: str) -> None:
    deployed.function.configure(LOG_LEVEL=level)
    deployed.parameters["LogLevel"] = level
    assert deployed.verify("--number", NUMBER, "--log-seconds", "5").row("log lines").startswith(expected)


def test_only_some_spaces_are_served(deployed: Deployed) -> None:
    deployed.function.configure(ALLOWED_CUST_SPACE_IDS="cams-8filvjc8snw")
    deployed.parameters["AllowedCustSpaceIds"] = "cams-8filvjc8snw, other"
    told = deployed.verify("--number", NUMBER)
    for what in ("signed GET", "direct call", "batch", "two at once"):
        assert told.row(what).startswith(f"✓ {what} "), told.text
    told = deployed.verify("--number", NUMBER, "--space", "other")
    for what in ("signed GET", "direct call", "two at once", "cold and warm"):
        assert told.row(what).startswith(f"✗ {what} 403 not_allowed"), told.text


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


def in_spaces_of_tokens(deployed: Deployed, issuer: Issuer, own: OwnHeader = "replaced") -> None:
    config = issuer.config(claimPassBy="header:space:X-Space")
    deployed.function.configure(CUST_SPACE_HEADER="X-Space")
    deployed.parameters |= {"CustSpaceHeader": "X-Space", "HttpAuth": "jwt", "JwtConfig": config}
    deployed.check = check_token(config, own)


def test_the_token_names_the_space(deployed: Deployed, issuer: Issuer) -> None:
    in_spaces_of_tokens(deployed, issuer)
    told = deployed.verify("--number", NUMBER, token=issuer.token(space="cams-8filvjc8snw"))
    assert (told.code, set(told.rows())) == (0, {"✓"}), told.text
    assert told.row("signed GET") == "✓ signed GET 200, 2 QR codes"
    assert told.row("space") == "✓ space a caller's own X-Space is ignored"
    assert "≠" not in told.text


IGNORED, USED = "✓ space a caller's own X-Space is ignored", "✗ space a caller's own X-Space is used: "
UNCLAIMED = "≠ unclaimed_header: believed the caller's, seen dropped"


@pytest.mark.parametrize("way", ["trigger", "domain", "gateway"])
@pytest.mark.parametrize(
    ("own", "claims", "row", "differs"),
    [
        ("replaced", {"space": "cams-8filvjc8snw"}, IGNORED, ""),
        ("replaced", {}, USED, ""),
        ("dropped", {"space": "cams-8filvjc8snw"}, IGNORED, ""),
        ("dropped", {}, IGNORED, UNCLAIMED),
        ("passed on", {"space": "cams-8filvjc8snw"}, USED, "≠ claim_header: believed the claim's, seen the caller's"),
        ("passed on", {}, USED, ""),
    ],
)
def test_a_callers_own_header_that_names_a_space(
    deployed: Deployed,
    issuer: Issuer,
    way: str,
    own: OwnHeader,
    claims: dict[str, Any],
    row: str,
    differs: str,
) -> None:
    """Without a number, so that no list tells whose space it is; the other ways in are as they should be."""
    in_spaces_of_tokens(deployed, issuer, own if way == "trigger" else "dropped")
    config = issuer.config(claimPassBy="header:space:X-Space")
    if way == "domain":
        deployed.parameters["DomainName"] = "qr.example.com"
        deployed.domain = check_token(config, own)
    if way == "gateway":
        behind_a_gateway(deployed, issuer)
        deployed.gateway = check_token(config, own)
    told = deployed.verify("--space", "cams-another", "--log-seconds", "5", token=issuer.token(**claims))
    what = "space" if way == "trigger" else f"{way}, space"
    assert told.row(what).startswith(row.replace(" space ", f" {what} ", 1)), told.text
    assert told.code == (row == USED)
    if way == "trigger":
        assert differs in told.text


@pytest.mark.parametrize(
    ("open_to", "space", "row"),
    [
        ("nobody", "cams-8filvjc8snw", "? gateway, space it requires a consumer's token (GatewayAuth Jwt)"),
        ("everybody", "cams-8filvjc8snw", "✗ gateway, space a caller's own X-Space is used, without a token: "),
    ],
)
def test_a_header_of_somebody_without_a_token(
    deployed: Deployed, issuer: Issuer, open_to: str, space: str, row: str
) -> None:
    in_spaces_of_tokens(deployed, issuer)
    behind_a_gateway(deployed, issuer)
    if open_to == "everybody":
        deployed.gateway = lambda request: None
    told = deployed.verify("--number", NUMBER, "--log-seconds", "5")
    assert told.row("gateway, space").startswith(row), told.text
    assert told.row("space").startswith("? space the trigger requires a token (HttpAuth jwt)")
    assert told.code == (open_to == "everybody")


@pytest.mark.parametrize(
    ("allowed", "own", "row"),
    [
        ("cams-8filvjc8snw, cams-another", "dropped", IGNORED),
        ("cams-8filvjc8snw", "dropped", IGNORED),
        ("cams-8filvjc8snw", "passed on", "✗ space a caller's own X-Space replaces the token's space: 403"),
    ],
)
def test_spaces_that_may_be_queried(deployed: Deployed, issuer: Issuer, allowed: str, own: OwnHeader, row: str) -> None:
    in_spaces_of_tokens(deployed, issuer, own)
    deployed.function.configure(ALLOWED_CUST_SPACE_IDS=allowed)
    deployed.parameters["AllowedCustSpaceIds"] = allowed
    told = deployed.verify("--number", NUMBER, token=issuer.token(space="cams-8filvjc8snw"))
    assert told.row("space").startswith(row), told.text


def test_a_function_that_asks_for_no_header(deployed: Deployed, issuer: Issuer) -> None:
    in_spaces_of_tokens(deployed, issuer)
    deployed.function.configure(CUST_SPACE_HEADER="")
    told = deployed.verify("--number", NUMBER, token=issuer.token(space="cams-8filvjc8snw"))
    assert told.row("space").startswith("✗ space a token queries any space, "), told.text


def test_answers_without_a_request_id(deployed: Deployed) -> None:
    async def strip(request: web.Request, handler: Any) -> web.Response:
        answer: web.Response = await handler(request)
        answer.headers.pop("X-Fc-Request-Id", None)
        answer.headers.pop("X-Request-Id", None)
        return answer

    deployed.middlewares.append(strip)
    assert "✗ signed GET             the answer has no request ID" in deployed.verify().text


def slowly(deployed: Deployed) -> None:
    """One instance, which takes its time and has no other beside it."""

    def slow(event: bytes, context: Any) -> Any:
        time.sleep(0.3)
        return deployed.function.raw(event, context)

    deployed.handler = slow
    deployed.reserved = True
    deployed.cloud.account.reserved["cams-qr"] = 1
    deployed.parameters["MaxInstances"] = "1"


def refusing_everybody(status: int) -> Check:
    def check(request: web.Request) -> None:
        if request.method != "OPTIONS":
            raise Refused("", "", status)

    return check


def no_token_will_do(deployed: Deployed) -> None:
    deployed.check = refusing_everybody(401)
    deployed.parameters["HttpAuth"] = "jwt"


def another_status(deployed: Deployed) -> None:
    slowly(deployed)
    deployed.middlewares.append(changing(lambda answer: answer.set_status(503) if answer.status == 429 else None))


def undecoded(answer: web.Response) -> web.Response | None:
    assert isinstance(answer.body, bytes)
    is_png = answer.content_type == "image/png"
    return web.Response(body=base64.b64encode(answer.body), content_type="image/png") if is_png else None


def test_an_image_that_is_not_decoded(deployed: Deployed) -> None:
    deployed.middlewares.append(changing(undecoded))
    assert deployed.verify("--number", NUMBER).row("drawing").startswith("✗ drawing SVG 200, PNG 200 →")


def unzipped(answer: web.Response) -> web.Response | None:
    assert isinstance(answer.body, bytes)
    is_zipped = "Content-Encoding" in answer.headers
    return web.Response(body=gzip.decompress(answer.body), content_type=answer.content_type) if is_zipped else None


@pytest.mark.parametrize(
    ("belief", "differ", "seen"),
    [
        ("invalid_token", no_token_will_do, "401"),
        ("gzip", lambda deployed: deployed.middlewares.append(changing(unzipped)), "none"),
        *further(("over_cap", another_status, "503")),
    ],
)
def test_a_platform_that_differs_from_a_belief(
    deployed: Deployed, belief: str, differ: Callable[[Deployed], object], seen: str
) -> None:
    differ(deployed)
    told = deployed.verify("--number", NUMBER, "--log-seconds", "1")
    assert f"≠ {belief}: believed {BELIEFS[belief].value}, seen {seen} (" in told.text, told.text


def test_a_function_that_answers_other_functions_as_over_http(deployed: Deployed) -> None:
    def http_only(event: bytes, context: Any) -> Any:
        is_http = json.loads(event).get("version") == "v1"
        return deployed.function.raw(event, context) if is_http else {"statusCode": 200, "body": ""}

    deployed.handler = http_only
    told = deployed.verify("--number", NUMBER, "--log-seconds", "1")
    for what, found in {
        "direct call": "answered as over HTTP: 200",
        "batch": "None, an invalid query: None",
        "bus message": "an invalid message does not raise: 200",
    }.items():
        assert told.row(what) == f"✗ {what} {found} → report it with the JSON file below"


def test_lists_without_an_etag_and_no_png(deployed: Deployed) -> None:
    def change(answer: web.Response) -> web.Response | None:
        answer.headers.pop("ETag", None)
        return web.Response(status=404) if answer.content_type == "image/png" else None

    deployed.middlewares.append(changing(change))
    told = deployed.verify("--number", NUMBER)
    fix = "→ docs/operations.md says what to do"
    assert told.row("ETag") == f"✗ ETag 200 for an unchanged list, ETag none {fix}"
    assert told.row("drawing") == f"✗ drawing SVG 200, PNG 404 {fix}"


def beliefs(told: Told) -> set[str]:
    """The names of those that are called wrong."""
    return {line[2:].partition(":")[0] for line in told.text.splitlines() if line.startswith("≠")}


def answering(status: int, text: str, **headers: str) -> Middleware:
    """What somebody answers who is not the function."""

    async def answer(request: web.Request, handler: Any) -> web.Response:
        return web.Response(status=status, text=text, headers={"X-Request-Id": "another's", **headers})

    return answer


@pytest.mark.parametrize(
    ("status", "text", "code"), [(404, "<html>", ""), (200, "<html>", ""), (503, "", ""), (502, '{"Code": "C"}', " C")]
)
def test_what_the_function_did_not_answer_says_nothing_of_beliefs(
    deployed: Deployed, status: int, text: str, code: str
) -> None:
    deployed.middlewares.append(answering(status, text))
    told = deployed.verify("--number", NUMBER, "--log-seconds", "5")
    for what in ("signed GET", "cold and warm", "preflight", "CORS", "ETag", "drawing"):
        assert told.row(what) == (
            f"✗ {what} Function Compute answered {status}{code} → docs/operations.md says what to do"
        )
    assert told.row("unsigned GET").startswith(f"✗ unsigned GET answered {status}, not by the function →")
    assert told.row("two at once").endswith("→ docs/operations.md says what to do")
    assert told.row("direct call").startswith("✓")
    assert told.row("log lines").startswith("✓ log lines 3 of 3 found"), "of the three that reached it"
    assert beliefs(told) == set()


def test_a_preflight_that_function_compute_answers_itself(deployed: Deployed) -> None:
    async def reflect(request: web.Request, handler: Any) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(headers={"Access-Control-Allow-Origin": request.headers["Origin"]})
        answer: web.Response = await handler(request)
        return answer

    deployed.middlewares.append(reflect)
    told = deployed.verify()
    assert told.row("preflight").startswith("✗ preflight 200, Access-Control-Allow-Origin: https://shop.example.com;")
    assert beliefs(told) == {"preflight"}


def test_a_signature_that_is_refused_says_nothing_of_beliefs(deployed: Deployed) -> None:
    def refuse(request: web.Request) -> None:
        if request.method != "OPTIONS":
            raise Refused("SignatureNotMatch", "signature does not match", 403)

    deployed.check = refuse
    told = deployed.verify("--number", NUMBER, "--log-seconds", "5")
    assert told.row("signed GET").startswith("✗ signed GET Function Compute answered 403 SignatureNotMatch →")
    assert told.row("log lines").startswith("✓")
    assert beliefs(told) == set()


class SettingsError(Exception):
    """What the function says of its settings."""


def fail(*_: Any) -> Any:
    raise SettingsError("MAX_INSTANCES: must be a number")


def test_a_function_that_does_not_start(deployed: Deployed) -> None:
    deployed.handler = starting(fail, deployed.handler)
    told = deployed.verify("--number", NUMBER, "--log-seconds", "5")
    failed = "the function does not start: MAX_INSTANCES: must be a number → docs/operations.md says what to do"
    for what in ("signed GET", "cold and warm", "preflight", "CORS", "ETag", "drawing", "two at once"):
        assert told.row(what) == f"✗ {what} {failed}"
    for what in ("direct call", "batch", "bus message"):
        assert told.row(what) == f"✗ {what} {failed}"
    assert told.row("log lines") == "? log lines nothing was answered by the function"
    assert told.code == 1
    assert beliefs(told) == set()


def test_a_function_that_cannot_be_imported(deployed: Deployed) -> None:
    deployed.handler = fail
    told = deployed.verify("--number", NUMBER, "--log-seconds", "5")
    for what in ("direct call", "batch", "bus message"):
        assert told.row(what).startswith(f"✗ {what} raises SettingsError: MAX_INSTANCES: must be a number →")
    assert told.row("signed GET").startswith("✗ signed GET Function Compute answered 502")
    assert beliefs(told) == set()


def test_rights_that_are_missing_are_told(deployed: Deployed) -> None:
    denied = deployed.cloud.account.denied
    denied |= {"log:GetLogStoreLogs", "log:GetAlert", "fc:InvokeFunction"}
    denied |= {"fc:GetConcurrencyConfig", "fc:GetFunctionAsyncInvokeConfig", "fc:GetFunction"}
    told = deployed.verify()
    assert told.code == 0
    settings = ("concurrency", "async settings", "VPC")
    for what in ("log lines", "alerts", *settings, "direct call", "batch", "bus message"):
        assert told.row(what).startswith(f"? {what} "), told.text
        assert "deploy/policy-checks.json" in told.row(what)


@pytest.mark.parametrize("right", ["log:GetAlert", "log:GetJob"])
def test_alerts_that_may_not_be_read(deployed: Deployed, right: str) -> None:
    deployed.cloud.account.denied.add(right)
    assert deployed.verify().row("alerts") == (
        "? alerts SLS answered Unauthorized → add deploy/policy-checks.json to this caller's policies"
    )


def test_a_stack_without_alerts(deployed: Deployed) -> None:
    deployed.parameters["AlertActionPolicy"] = ""
    assert deployed.verify().row("alerts") == (
        "? alerts the stack has none → make deploy … PARAMETERS=… # with AlertActionPolicy"
    )


def test_settings_that_somebody_changed(deployed: Deployed) -> None:
    account, path = deployed.cloud.account, "aliyun fc PUT /2023-03-30/functions/cams-qr"
    account.reserved["cams-qr"] = 50
    account.functions["cams-qr"]["vpcConfig"] = {"vpcId": "vpc-1", "vSwitchIds": ["vsw-1"], "securityGroupId": "sg-1"}
    found = "acs:fc:ap-southeast-1:1234567890123456:functions/found"
    account.asynchronous["cams-qr"] = {
        "maxAsyncRetryAttempts": 0,
        "maxAsyncEventAgeInSeconds": 3600,
        "destinationConfig": {"onSuccess": {"destination": found}},
    }
    told = deployed.verify()
    assert told.code == 1
    assert told.row("concurrency") == (
        '✗ concurrency {"reservedConcurrency": 50}, not {"reservedConcurrency": 5} '
        f"→ {path}/concurrency --body '{{\"reservedConcurrency\": 5}}' --region ap-southeast-1"
    )
    assert told.row("VPC").endswith(
        f'→ {path} --body \'{{"vpcConfig": {{"vpcId": "", "vSwitchIds": [], "securityGroupId": ""}}}}\' '
        "--region ap-southeast-1"
    )
    assert told.row("async settings").startswith('✗ async settings {"maxAsyncRetryAttempts": 0, ')
    # What the fix leaves as it is.
    assert f'"destinationConfig": {{"onSuccess": {{"destination": "{found}"}}}}}}\'' in told.row("async settings")
    assert path + "/async-invoke-config --body '" in told.row("async settings")


def test_settings_that_nobody_has_set(deployed: Deployed) -> None:
    deployed.cloud.account.reserved.clear()
    deployed.cloud.account.asynchronous.clear()
    told = deployed.verify()
    assert told.row("concurrency").startswith('✗ concurrency {"reservedConcurrency": null}, not {')
    assert told.row("async settings").startswith('✗ async settings {"maxAsyncRetryAttempts": null, ')


def test_settings_by_parameters(deployed: Deployed) -> None:
    deployed.parameters |= {"VpcId": "vpc-1", "VSwitchId": "vsw-1", "SecurityGroupId": "sg-1"}
    deployed.parameters["FailureDestination"] = "acs:fc:ap-southeast-1:1234567890123456:functions/failed"
    told = deployed.verify()
    assert told.row("VPC").startswith('✗ VPC {"vpcConfig": null}, not {"vpcConfig": {"vpcId": "vpc-1", ')
    assert '"onFailure": {"destination": "acs:fc:' in told.row("async settings")


def alerts(deployed: Deployed) -> list[str]:
    """What the row of the alerts says of each, in the order of the template; with the page that tells how to fix it."""
    row = deployed.verify().row("alerts")
    assert row.startswith("✗ alerts ")
    found, _, page = row.removeprefix("✗ alerts ").partition(" → ")
    assert page.endswith("# correct it there; a deployment would change nothing")
    return [*found.split("; "), page.split()[0]]


def test_alerts_that_somebody_removed_or_switched_off(deployed: Deployed) -> None:
    deployed.cloud.account.alerts.pop("alert-bugs")
    deployed.cloud.account.alerts["alert-redis"]["status"] = "DISABLED"
    assert alerts(deployed) == ["RedisAlert: off", "BugAlert: not there", "https://sls.console.alibabacloud.com/"]


def test_alerts_that_somebody_changed(deployed: Deployed) -> None:
    changed = {name: alert["configuration"] for name, alert in deployed.cloud.account.alerts.items()}
    changed["alert-failing"]["severityConfigurations"][0]["evalCondition"]["condition"] = "percent >= 90"
    changed["alert-throttled"]["policyConfiguration"].pop("actionPolicyId")
    changed["alert-redis"]["queryList"][0] |= {"query": "*", "start": "-1m"}
    deployed.cloud.account.alerts["alert-bugs"]["schedule"]["interval"] = "1d"
    assert alerts(deployed)[:-1] == [
        "FailingAlert: Condition is percent >= 90, not percent >= 20 && requests >= 10",
        "ThrottleAlert: ActionPolicyId is None, not whom-to-tell",
        "RedisAlert: Query is *, not message.redis: unavailable | select count(1) as losses, Start is -1m, not -15m",
        "BugAlert: Interval is 1d, not 5m",
    ]


GATEWAY = {
    "GatewayId": "gw-1",
    "GatewayEnvironmentId": "gw-1",
    "GatewayDomainId": "d-1",
    "GatewayPath": "/shop/qr-codes",
}


def behind_a_gateway(deployed: Deployed, issuer: Issuer, **config: str) -> None:
    deployed.parameters |= GATEWAY
    deployed.gateway = check_token(issuer.config(**config))
    deployed.cloud.account.route = "Deployed"


def test_the_gateway_lets_in_its_consumers(deployed: Deployed, issuer: Issuer) -> None:
    behind_a_gateway(deployed, issuer)
    told = deployed.verify("--number", NUMBER, token=issuer.token())
    assert (told.code, set(told.rows())) == (0, {"✓"}), told.text
    assert told.row("gateway route") == "✓ gateway route published"
    assert told.row("gateway, no proof") == "✓ gateway, no proof refused with 401"
    assert told.row("gateway") == "✓ gateway 200, 2 QR codes"
    assert told.row("gateway, CORS").startswith("✓ gateway, CORS https://verify.invalid is refused")
    assert told.row("log lines").startswith("✓ log lines 22 of 22 found by requestId")


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (
            "Jwt",
            "? gateway it requires a consumer's token (GatewayAuth Jwt) "
            "→ TOKEN=… make verify … # of a consumer that may use the API: docs/deployment.md",
        ),
        ("Apikey", "? gateway it requires a consumer's token (GatewayAuth Apikey) → TOKEN=… make verify … #"),
        ("AkSk", "? gateway its consumers sign (GatewayAuth AkSk), which is not possible here → ask http://127.0.0.1:"),
    ],
)
def test_without_a_consumers_proof_nobody_is_let_in(
    deployed: Deployed, issuer: Issuer, auth: str, expected: str
) -> None:
    behind_a_gateway(deployed, issuer)
    deployed.parameters["GatewayAuth"] = auth
    told = deployed.verify()
    assert told.code == 0, told.text
    assert told.row("gateway").startswith(expected)
    assert told.row("gateway, no proof") == "✓ gateway, no proof refused with 401"


def test_a_token_that_the_gateway_refuses(deployed: Deployed, issuer: Issuer) -> None:
    behind_a_gateway(deployed, issuer)
    told = deployed.verify(token=Issuer().token())
    assert told.row("gateway").startswith("✗ gateway refused this token with 401 → TOKEN=… make verify …")
    assert told.code == 1
    other = Issuer()
    deployed.parameters |= {"HttpAuth": "jwt", "JwtConfig": other.config()}
    deployed.check = check_token(other.config())
    told = deployed.verify(token=other.token())
    assert told.row("signed GET").startswith("✓")
    assert told.row("gateway").startswith("? gateway refused this token with 401 → TOKEN=… make verify …")
    assert told.code == 0


def test_a_gateway_that_lets_everybody_in(deployed: Deployed, issuer: Issuer) -> None:
    behind_a_gateway(deployed, issuer)
    deployed.gateway = lambda request: None
    assert deployed.verify().row("gateway, no proof") == (
        "✗ gateway, no proof let in: 404 → https://apigw.console.alibabacloud.com/ "
        "# switch on the API's consumer authentication"
    )


def test_a_route_that_is_not_published(deployed: Deployed, issuer: Issuer) -> None:
    behind_a_gateway(deployed, issuer)
    deployed.cloud.account.route = "NotDeployed"
    told = deployed.verify(token=issuer.token())
    assert told.row("gateway route") == (
        "✗ gateway route NotDeployed: it serves nothing, or an old version → make deploy … # publishes it"
    )
    assert told.row("gateway, no proof").startswith("✗ gateway, no proof answered 404, not by the function →")
    assert told.row("gateway").startswith("✗ gateway the gateway answered 404 →")
    assert told.code == 1


@pytest.mark.parametrize(("status", "text"), [(404, ""), (200, "<html>"), (503, "no healthy upstream"), (302, "")])
def test_a_gateway_at_which_somebody_else_answers(deployed: Deployed, issuer: Issuer, status: int, text: str) -> None:
    behind_a_gateway(deployed, issuer)
    deployed.gateway_middlewares.append(answering(status, text))
    told = deployed.verify("--log-seconds", "5", token=issuer.token())
    assert told.row("gateway, no proof").startswith(f"✗ gateway, no proof answered {status}, not by the function →")
    assert told.row("gateway").startswith(f"✗ gateway the gateway answered {status} →")
    assert told.row("log lines").startswith("✓"), "none is missed that the function did not get"


@pytest.mark.parametrize(
    ("check", "scheme", "told_wrong"),
    [(check_domain_signature, "acs", set()), (check_signature, "ACS3-HMAC-SHA256", {"domain_signature"})],
    ids=["as documented", "as the trigger"],
)
def test_the_domain_lets_in_whom_the_trigger_does(
    deployed: Deployed, check: Check, scheme: str, told_wrong: set[str]
) -> None:
    deployed.parameters["DomainName"] = "qr.example.com"
    deployed.domain = check
    told = deployed.verify("--number", NUMBER)
    assert (told.code, set(told.rows())) == (0, {"✓"}), told.text
    assert told.row("domain, no proof") == "✓ domain, no proof refused with 400"
    assert told.row("domain") == f"✓ domain 200, 2 QR codes, signed by {scheme}"
    assert told.row("domain, CORS") == (
        "✓ domain, CORS https://verify.invalid is refused; https://shop.example.com may call"
    )
    assert beliefs(told) == told_wrong
    (seen,) = [belief["seen"] for belief in deployed.report["beliefs"] if belief["name"] == "domain_signature"]
    assert seen == scheme


def test_a_domain_that_lets_in_everybody_or_nobody(deployed: Deployed) -> None:
    deployed.parameters["DomainName"] = "qr.example.com"
    deployed.domain = lambda request: None
    assert deployed.verify().row("domain, no proof") == (
        "✗ domain, no proof let in: 404 → https://fcnext.console.alibabacloud.com/ "
        "# set the domain's authentication to function"
    )
    deployed.domain = refusing_everybody(403)
    told = deployed.verify()
    assert told.row("domain") == (
        "✗ domain the domain answered 403, and accepted none of acs, ACS3-HMAC-SHA256 "
        "→ docs/operations.md says what to do"
    )
    assert "domain_signature" not in beliefs(told)


def test_the_domain_asks_for_a_token_too(deployed: Deployed, issuer: Issuer) -> None:
    deployed.parameters |= {"DomainName": "qr.example.com", "HttpAuth": "jwt", "JwtConfig": issuer.config()}
    deployed.check = deployed.domain = check_token(issuer.config())
    told = deployed.verify()
    assert told.row("domain") == "? domain it requires a token (HttpAuth jwt) → TOKEN=… make verify …"
    told = deployed.verify("--number", NUMBER, token=issuer.token())
    assert told.row("domain") == "✓ domain 200, 2 QR codes"


def test_a_domain_that_makes_browsers_download_and_one_that_leads_nowhere(deployed: Deployed) -> None:
    deployed.parameters["DomainName"] = "qr.example.com"
    deployed.domain, deployed.domain_kind = check_domain_signature, "default"
    told = deployed.verify()
    assert told.row("domain").startswith("✗ domain browsers download what they open (Content-Disposition)")
    deployed.domain = None
    told = deployed.verify()
    assert told.row("domain").startswith(
        "✗ domain a value of DomainUrl: no answer (InvalidURL) → check whether its CNAME"
    )


@pytest.mark.thorough
def test_one_instance_refuses_the_second_of_two(deployed: Deployed) -> None:
    slowly(deployed)
    told = deployed.verify()
    assert told.row("two at once").startswith("✓ two at once ")
    assert "429 in " in told.row("two at once")
    deployed.parameters["MaxInstances"] = "2"
    assert deployed.verify().row("two at once").endswith(", with MaxInstances 2 → make doctor # concurrency")


def test_a_role_that_may_not_ask(deployed: Deployed) -> None:
    told = deployed.verify("--number", "15554000002")
    assert told.row("signed GET") == (
        "✗ signed GET 403 permission_denied: Grant the function's role cams:ListPhoneMessageQrdl. "
        "→ docs/operations.md says what to do"
    )
    assert told.row("direct call").startswith("✗ direct call 403 permission_denied")


def test_a_trigger_with_tokens(deployed: Deployed, issuer: Issuer) -> None:
    deployed.parameters["HttpAuth"] = "jwt"
    deployed.check = check_token(issuer.config())
    told = deployed.verify()
    assert told.row("unsigned GET") == "✓ unsigned GET refused with 403 JWTTokenIsMissing"
    assert told.row("invalid token") == "✓ invalid token refused with 403 AccessDenied"
    assert told.row("signed GET") == (
        "? signed GET the trigger requires a token (HttpAuth jwt) → TOKEN=… make verify …"
    )
    for what in ("cold and warm", "CORS", "ETag", "drawing", "two at once"):
        assert told.row(what).startswith(f"? {what} the trigger requires a token")
    assert told.row("direct call").startswith("✓")


def test_a_stack_that_is_not_there(deployed: Deployed) -> None:
    """From the command line that make uses, which the other tests do not start."""
    with serve(deployed.cloud.app()) as address:
        environment = {**role_environment(DEMO_KEY_ID, DEMO_KEY), "PATH": os.environ["PATH"], "PYTHONPATH": "src"}
        line = [sys.executable, "-W", "ignore", "-m", "deploy", "verify", "--stack", "other"]
        told = subprocess.run(
            line, env=environment | {"CLOUD_ENDPOINT": f"http://{address}"}, capture_output=True, text=True, timeout=60
        )
    assert (told.returncode, told.stderr) == (
        1,
        "There is no stack other in ap-southeast-1 in working order.\n",
    )


DEPLOY = ("--bucket", "packages", "--package", PACKAGE)


def test_a_deployment_looks_before_and_afterwards(deployed: Deployed) -> None:
    deployed.cloud.objects = {f"packages/{PACKAGE}": b"zip"}
    told = deployed.verify(*DEPLOY, command="deploy")
    assert told.code == 0, told.text
    places = [told.text.index(text) for text in ("✓ caller", "cams-qr: CREATE_COMPLETE", "✓ signed GET", "✓ log lines")]
    assert places == sorted(places)


def test_a_deployment_that_would_fail_changes_nothing(deployed: Deployed) -> None:
    deployed.cloud.account.activated.remove("sls")
    told = deployed.verify(*DEPLOY, command="deploy")
    assert told.code == 1
    assert "✗ Simple Log Service" in told.text
    assert told.text.endswith("Nothing was changed. Fix what is marked ✗; DOCTOR=off deploys anyway.\n")
    assert deployed.cloud.stacks == {}
