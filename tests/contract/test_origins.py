"""Which web pages may call, on both kinds of domain, and the CORS headers with which a browser accepts the answer.

On its default domain Function Compute adds Access-Control-Allow-Origin itself, for any origin; elsewhere nobody does.
"""

import json
from typing import Any

import pytest

from local.sandbox import Sandbox
from tests.conftest import NUMBER, Function, HttpAnswer

SHOP = "https://shop.example.com"
STRANGER = "https://evil.example.net"
DEFAULT = "cams-qr-abcdefghij.ap-southeast-1.fcapp.run"
CUSTOM = "qr.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
ROUTES = {
    "list": {"path": "/qr-codes"},
    "root": {"path": "/"},
    "prefix": {"path": "/v2/qr-codes"},
    "POST": {"method": "POST", "body": json.dumps({"phoneNumber": NUMBER})},
    "code": {"path": "/qr-codes/4O4YGZEG3RIVE1"},
    "drawing": {"path": "/qr-codes/4O4YGZEG3RIVE1.svg"},
    "description": {"path": "/openapi.json"},
    "preflight": {"method": "OPTIONS"},
}


def ask(function: Function, origin: str | None = None, domain: str | None = None, **parts: Any) -> HttpAnswer:
    headers = parts.pop("headers", {}) | ({} if origin is None else {"Origin": origin})
    parameters = {} if parts.get("method") == "POST" else {"phoneNumber": NUMBER}
    if parts.get("shape") != "classic":
        parts["domain"] = domain
    return function.http(**{"parameters": parameters, "headers": headers, **parts})


def cors_of(answer: HttpAnswer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-")}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("shape", "domain"), [("v1", None), ("v1", CUSTOM), ("classic", None)])
def test_elsewhere_the_function_names_the_origin(
    function: Function, shape: str, domain: str | None, route: str
) -> None:
    function.configure(ALLOWED_ORIGINS=f"{SHOP}, https://b.example.com")
    answer = ask(function, SHOP, domain, shape=shape, **ROUTES[route])
    assert answer.status in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert answer.headers["Access-Control-Allow-Credentials"] == "false"
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag, Retry-After, X-Request-Id, Cache-Status"
    assert answer.headers["Vary"] == "Origin, Authorization, Accept-Encoding"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("allowed", "origin"), [(SHOP, SHOP), ("*", STRANGER), (SHOP, None), (SHOP, STRANGER)])
def test_on_the_default_domain_the_platform_does(
    function: Function, allowed: str, origin: str | None, route: str
) -> None:
    """A second Access-Control-Allow-Origin makes a browser refuse the answer; other headers may replace the first."""
    function.configure(ALLOWED_ORIGINS=allowed)
    answer = ask(function, origin, DEFAULT, **ROUTES[route])
    assert answer.status == 403 if origin not in (allowed, None) and allowed != "*" else answer.status in (200, 204)
    lists = {"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"}
    assert set(cors_of(answer)) == (lists if route == "preflight" else set())
    assert answer.headers["Vary"] == "Origin, Authorization, Accept-Encoding"


@pytest.mark.parametrize("domain", [DEFAULT.upper(), f"{DEFAULT}.", f"{DEFAULT}:443"])
def test_other_spellings_of_the_default_domain(function: Function, domain: str) -> None:
    function.configure(ALLOWED_ORIGINS=SHOP)
    assert cors_of(ask(function, SHOP, domain)) == {}


@pytest.mark.parametrize("origin", [[STRANGER], [SHOP], 7, None, {}])
def test_an_origin_that_is_no_text_is_foreign(function: Function, sandbox: Sandbox, origin: Any) -> None:
    function.configure(ALLOWED_ORIGINS=SHOP)
    answer = ask(function, None, CUSTOM, headers={"Origin": origin})
    assert (answer.status, sandbox.arrivals) == (403, [])


@pytest.mark.parametrize("host", ["QR.example.com", "qr.example.com:443", "qr.example.com:80"])
def test_other_spellings_of_the_own_host(function: Function, host: str) -> None:
    function.configure(ALLOWED_ORIGINS="")
    answer = ask(function, "https://qr.example.com", None, headers={"Host": host})
    assert answer.status == 200


@pytest.mark.parametrize("domain", [f"{DEFAULT}.example.com", "evilfcapp.run", "", 7, ["fcapp.run"], None])
def test_no_other_domain_is_the_default_one(function: Function, domain: Any) -> None:
    function.configure(ALLOWED_ORIGINS=SHOP)
    assert ask(function, SHOP, domain).headers["Access-Control-Allow-Origin"] == SHOP


@pytest.mark.parametrize("path", ["/qr-codes", "/", "/v2/qr-codes"])
@pytest.mark.parametrize(("shape", "domain"), [("v1", None), ("v1", DEFAULT), ("v1", CUSTOM), ("classic", None)])
def test_a_preflight_is_answered_with_204(function: Function, shape: str, domain: str | None, path: str) -> None:
    function.configure(ALLOWED_ORIGINS=SHOP)
    answer = ask(function, SHOP, domain, shape=shape, method="OPTIONS", path=path, headers=PREFLIGHT)
    assert (answer.status, answer.body) == (204, "")
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, If-None-Match"


def test_a_preflight_asks_nothing(function: Function, sandbox: Sandbox) -> None:
    function.configure(ALLOWED_ORIGINS=SHOP)
    answer = function.http("OPTIONS", headers={"Origin": SHOP}, parameters={"phoneNumber": "bad"})
    assert answer.status == 204
    assert sandbox.arrivals == []


@pytest.mark.parametrize("route", [*ROUTES, "unknown", "wrong method"])
@pytest.mark.parametrize(
    ("shape", "domain"), [("v1", None), ("v1", CUSTOM), ("v1", DEFAULT), ("classic", None)], ids=str
)
@pytest.mark.parametrize("allowed", [SHOP, ""])
def test_a_foreign_page_is_refused_before_anything_is_asked(
    function: Function, sandbox: Sandbox, log: Any, shape: str, domain: str | None, allowed: str, route: str
) -> None:
    function.configure(ALLOWED_ORIGINS=allowed)
    parts = {**ROUTES, "unknown": {"path": "/nowhere"}, "wrong method": {"method": "DELETE"}}[route]
    answer = ask(function, STRANGER, domain, shape=shape, **parts)
    problem = answer.problem
    assert (answer.status, problem["code"], problem["retryable"]) == (403, "origin_not_allowed", False)
    assert "ALLOWED_ORIGINS" in problem["detail"]
    assert STRANGER not in answer.body
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert sandbox.arrivals == []
    (line,) = log()
    assert (line["problem"], line["attempts"]) == ("origin_not_allowed", 0)


@pytest.mark.parametrize("domain", [DEFAULT, CUSTOM, None])
@pytest.mark.parametrize("allowed", [SHOP, "", "*"])
def test_who_sends_no_origin_is_no_page(function: Function, domain: str | None, allowed: str) -> None:
    function.configure(ALLOWED_ORIGINS=allowed)
    answer = ask(function, None, domain)
    assert answer.status == 200
    expected = "*" if allowed == "*" and domain != DEFAULT else None
    assert answer.headers.get("Access-Control-Allow-Origin") == expected


@pytest.mark.parametrize("domain", [DEFAULT, CUSTOM, None])
@pytest.mark.parametrize("origin", [SHOP, "null", "capacitor://localhost"])
def test_an_asterisk_lets_everybody_in(function: Function, domain: str | None, origin: str) -> None:
    function.configure(ALLOWED_ORIGINS="https://b.example.com, *")
    answer = ask(function, origin, domain)
    assert answer.status == 200
    assert answer.headers.get("Access-Control-Allow-Origin") == (None if domain == DEFAULT else "*")


@pytest.mark.parametrize(
    ("origin", "host", "domain"),
    [
        (f"https://{CUSTOM}", CUSTOM, CUSTOM),
        (f"https://{CUSTOM}", None, CUSTOM),
        (f"https://{CUSTOM}", CUSTOM, None),
        (f"https://{DEFAULT}", None, DEFAULT),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", DEFAULT),
    ],
)
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_a_page_on_the_functions_own_host_is_not_foreign(
    function: Function, origin: str, host: str | None, domain: str | None, method: str
) -> None:
    headers = {} if host is None else {"host": host}
    body = json.dumps({"phoneNumber": NUMBER})
    answer = ask(function, origin, domain, method=method, headers=headers, body=body)
    assert answer.status == (200 if method == "POST" else 204)
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        f"{SHOP}.evil.net",
        "http://shop.example.com",
        f"{SHOP}:8443",
        f"{SHOP}/",
        f"{SHOP},{STRANGER}",
        "https://sub.shop.example.com",
        "*",
        "https://",
        "//qr.example.com",
        "https://qr.example.com:444",
        "https://x.qr.example.com",
        "capacitor://qr.example.com",
    ],
)
@pytest.mark.parametrize(
    "headers", [{"Host": CUSTOM}, {"Host": ""}, {"Host": CUSTOM, "X-Forwarded-Host": "evil.example.net"}, {}], ids=str
)
def test_whatever_else_is_foreign(function: Function, sandbox: Sandbox, origin: str, headers: dict[str, str]) -> None:
    function.configure(ALLOWED_ORIGINS=SHOP)
    assert ask(function, origin, "", headers=headers).problem["code"] == "origin_not_allowed"
    forwarded = headers | {"X-Forwarded-Host": "evil.example.net", "Forwarded": "host=evil.example.net"}
    assert ask(function, STRANGER, CUSTOM, headers=forwarded).problem["code"] == "origin_not_allowed"
    assert sandbox.arrivals == []


@pytest.mark.parametrize(
    ("configured", "origin"),
    [
        ("https://Shop.Example.COM", SHOP),
        ("HTTPS://shop.example.com", SHOP),
        ("https://shop.example.com/", SHOP),
        ("https://shop.example.com:443", SHOP),
        ("https://shop.example.com:0443/", SHOP),
        ("http://shop.example.com:80", "http://shop.example.com"),
        ("https://shop.example.com:80", "https://shop.example.com:80"),
        ("http://localhost:5173/", "http://localhost:5173"),
        ("http://192.0.2.7:8080", "http://192.0.2.7:8080"),
        ("http://[2001:DB8:0::1]:80", "http://[2001:db8::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example:8443/", "https://xn--bcher-kva.example:8443"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("https://商店.example。com", "https://xn--czrs0t.example.com"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://my_shop.example.com", "https://my_shop.example.com"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("Tauri://LocalHost/", "tauri://localhost"),
        ("ionic://localhost", "ionic://localhost"),
    ],
)
def test_an_origin_may_be_configured_as_people_write_it(function: Function, configured: str, origin: str) -> None:
    function.configure(ALLOWED_ORIGINS=f" {configured} ,")
    assert ask(function, origin, CUSTOM).headers["Access-Control-Allow-Origin"] == origin
    assert ask(function, STRANGER, CUSTOM).status == 403
