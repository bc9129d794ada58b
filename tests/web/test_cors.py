"""The element on another origin than the function's, in a browser that enforces CORS, on each kind of domain."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from cams_qr.origins import normalise_origin
from local.gateway import gateway
from local.pages import pages
from local.sandbox import Sandbox
from local.serve import serve
from tests.conftest import Function, further
from tests.web.site import Site, ask

pytestmark = pytest.mark.browser

DOMAINS: dict[str, dict[str, Any]] = {
    "default domain, which appends": {},
    "default domain, whose headers are replaced": {"replacing": True},
    "custom domain": {"domain": "custom"},
}
WITH_TOKEN = """
export const address = "ADDRESS";
export const parameters = {};
export const headers = async () => ({ Authorization: "Bearer token" });
"""
Handler = Callable[[bytes, Any], Any]


@contextmanager
def a_page(
    function: Function, browser: Browser, handler: Handler, config: str | None = None, **domain: Any
) -> Iterator[Site]:
    """The page on one origin, the function on another, on such a domain."""
    with serve(gateway(handler, function.context, **domain)) as api:
        config = config and config.replace("ADDRESS", f"http://{api}")
        with serve(pages(f"http://{api}", config)) as host:
            yield Site(f"http://{host}", f"http://{api}", browser)
            for context in browser.contexts:
                context.close()


def shows_codes(page: Page) -> None:
    expect(page.locator(".card")).to_have_count(2)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("allowed", ["the page's", *further("*")])
def test_an_allowed_page_shows_the_codes(function: Function, browser: Browser, domain: str, allowed: str) -> None:
    with a_page(function, browser, function.raw, **DOMAINS[domain]) as site:
        function.configure(ALLOWED_ORIGINS=site.origin if allowed != "*" else allowed)
        page = site.open()
        ask(page)
        shows_codes(page)


@pytest.mark.thorough
@pytest.mark.parametrize("domain", ["default domain, which appends", "custom domain"])
def test_a_page_with_a_token_shows_them_after_a_preflight(function: Function, browser: Browser, domain: str) -> None:
    """Where the function's headers replace the platform's, there is no preflight that a browser accepts."""
    with a_page(function, browser, function.raw, WITH_TOKEN, **DOMAINS[domain]) as site:
        function.configure(ALLOWED_ORIGINS=site.origin)
        page = site.open()
        ask(page)
        shows_codes(page)


@pytest.mark.parametrize("config", [None, *further(WITH_TOKEN)], ids=["no token", "token"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_a_foreign_page_shows_its_failure(
    function: Function, browser: Browser, sandbox: Sandbox, domain: str, config: str | None
) -> None:
    function.configure(ALLOWED_ORIGINS="https://shop.example.com")
    with a_page(function, browser, function.raw, config, **DOMAINS[domain]) as site:
        page = site.open()
        ask(page)
        # Only on the default domain may it read why, and only without a preflight.
        is_told = config is None and domain != "custom domain"
        expect(page.get_by_role("alert")).to_contain_text(
            "This website is not allowed to use the service." if is_told else "could not be reached"
        )
    assert sandbox.arrivals == []


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "is_refused"), [("Access-Control-Allow-Origin", True), ("X-Other", False)])
def test_a_second_allow_origin_is_what_browsers_refuse(
    function: Function, browser: Browser, name: str, is_refused: bool
) -> None:
    """Why the function must not send its own on the default domain."""

    def handler(event: bytes, context: Any) -> Any:
        answer = function.raw(event, context)
        answer["headers"][name] = "*"
        return answer

    with a_page(function, browser, handler) as site:
        function.configure(ALLOWED_ORIGINS=site.origin)
        page = site.open()
        ask(page)
        if is_refused:
            expect(page.get_by_role("alert")).to_contain_text("could not be reached")
        else:
            shows_codes(page)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://Shop.Example.COM:443/",
        "https://shop.example.com:0443",
        "http://shop.example.com:443",
        "http://[2001:DB8:0::1]:80",
        "http://[::ffff:192.0.2.1]:8080",
        "https://bücher.example",
        "https://BÜCHER.example:8443/",
        "https://straße.example",
        "https://ＳＨＯＰ.example。com",
        "https://商店.example",
        "https://İstanbul.example",
        "https://a_b.example.com.",
    ],
)
def test_origins_are_normalised_as_the_browser_does(browser: Browser, url: str) -> None:
    page = browser.new_page()
    assert page.evaluate("url => new URL(url).origin", url) == normalise_origin(url)
    page.context.close()
