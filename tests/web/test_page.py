"""The page in a real browser, in front of the function on another origin, behind the local gateway."""

import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import resvg_py
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect, sync_playwright

from cams_qr.problems import KINDS, Problem
from local.fc import make_context
from local.gateway import gateway
from local.pages import WEB, pages
from local.sandbox import Sandbox
from local.serve import serve
from tests.conftest import NUMBER, Function

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LINK = "https://wa.me/message/4O4YGZEG3RIVE1"
# Where a run with SCREENSHOTS=docs/screenshots leaves its pictures.
PICTURES = {(1000, "light"): "cards", (360, "dark"): "phone"}
SCREENSHOTS = os.environ.get("SCREENSHOTS")


@dataclass
class Site:
    """The page's origin, the function's, what opens the page, and the errors of those that were opened."""

    origin: str
    api: str
    browser: Browser
    errors: list[str] = field(default_factory=list)

    def open(self, **options: Any) -> Page:
        context = self.browser.new_context(**{"locale": "en-US", "viewport": {"width": 1000, "height": 900}, **options})
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if "Security Policy" in said.text else None)
        page.goto(self.origin)
        return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)


@pytest.fixture
def reserved() -> bool:
    return False


@pytest.fixture
def site(function: Function, browser: Browser, reserved: bool) -> Iterator[Site]:
    handler: Callable[[bytes, Any], object] = lambda event, context: function.raw(event, context)  # noqa: E731
    app = gateway(handler, lambda: make_context("python3.10", function.timeout), reserved=reserved)
    with serve(app) as api, serve(pages(f"http://{api}")) as host:
        function.configure(ALLOWED_ORIGINS=f"http://{host}", CACHE_TTL_SECONDS="60")
        site = Site(f"http://{host}", f"http://{api}", browser)
        yield site
        for context in browser.contexts:
            context.close()
        assert site.errors == []


def ask(page: Page, number: str = NUMBER) -> None:
    page.get_by_role("textbox").fill(number)
    page.locator("#submit").click()


def keep(page: Page, name: str) -> None:
    """Leave a picture, where they are wanted."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def read(picture: bytes) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("RGB"))]


def no_barriers(page: Page) -> None:
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def wait_for(page: Page, condition: Callable[[], bool]) -> None:
    """Ask from outside: the page's policy forbids what the browser would wait with."""
    for _ in range(200):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail("waited 10 s in vain")


def wait_for_drawings(page: Page) -> None:
    expect(page.locator(".card")).not_to_have_count(0)
    drawn = "[...document.images].every((image) => image.src && image.complete && image.naturalWidth)"
    wait_for(page, lambda: page.evaluate(drawn))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 360])
def test_a_search_shows_cards(site: Site, scheme: str, width: int) -> None:
    page = site.open(color_scheme=scheme, viewport={"width": width, "height": 900})
    no_barriers(page)
    ask(page, "+86 138-0000-1234")
    expect(page.get_by_role("status")).to_have_text("2 QR codes")
    expect(page.locator(".card")).to_have_count(2)
    wait_for_drawings(page)
    assert LINK in read(page.screenshot(full_page=True))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(246, 247, 246)" if scheme == "light" else "rgb(16, 22, 20)")
    no_barriers(page)
    if (width, scheme) in PICTURES:
        keep(page, PICTURES[width, scheme])


def test_a_number_without_codes(site: Site) -> None:
    page = site.open()
    ask(page, "8613800000000")
    expect(page.get_by_role("status")).to_have_text("This number has no QR codes.")
    expect(page.locator(".card")).to_have_count(0)


def test_while_it_loads(site: Site, function: Function, sandbox: Sandbox) -> None:
    function.timeout = 3
    page = site.open()
    ask(page, "16660000031")
    expect(page.get_by_role("status")).to_have_text("Looking for QR codes …")
    assert page.locator("#cards").get_attribute("aria-busy") == "true"
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    expect(page.get_by_role("alert")).to_be_empty()


def test_text_from_outside_is_never_html(site: Site) -> None:
    page = site.open()
    ask(page, "6281200001234")
    expect(page.locator(".prefilled")).to_have_text("Halo, saya mau pesan <b>kopi</b> & roti")
    assert page.locator(".prefilled b").count() == 0


@pytest.mark.parametrize(
    ("number", "code"), [("12", "invalid_request"), ("4915112345678", "not_owned"), ("15554030001", "not_subscribed")]
)
def test_a_failure_is_told_in_a_sentence(site: Site, number: str, code: str) -> None:
    page = site.open()
    ask(page, number)
    expect(page.get_by_role("alert")).to_contain_text(texts()["en"]["problems"][code])
    expect(page.locator("#retry")).to_be_hidden()
    expect(page.locator("#phone-number")).to_have_attribute(
        "aria-invalid", "true"
    ) if code == "invalid_request" else None
    no_barriers(page)


@pytest.mark.parametrize("language", ["en", "zh", "id"])
def test_every_problem_has_a_sentence_in_every_language(site: Site, language: str) -> None:
    page = site.open(locale={"en": "en-GB", "zh": "zh-CN", "id": "id-ID"}[language])
    assert page.locator("html").get_attribute("lang") == language
    for code in KINDS:
        problem = Problem(code, "Not shown.").to_dict("request-1")
        answer = {
            "status": problem["status"],
            "body": json.dumps(problem),
            "headers": {"Access-Control-Allow-Origin": site.origin, "Content-Type": "application/problem+json"},
        }
        page.route("**/qr-codes?*", fulfil(answer))
        ask(page)
        expect(page.get_by_role("alert")).to_contain_text(texts()[language]["problems"][code])
        expect(page.get_by_role("alert")).not_to_contain_text("Not shown.")
        expect(page.get_by_role("alert")).to_contain_text("request-1")
        expect(page.locator("#retry")).to_be_visible(visible=problem["retryable"])
        page.unroute("**/qr-codes?*")


@pytest.mark.parametrize(("locale", "title"), [("zh-TW", "WhatsApp 二维码"), ("id", "Kode QR WhatsApp"), ("fr", None)])
def test_the_language_is_the_browsers(site: Site, locale: str, title: str | None) -> None:
    page = site.open(locale=locale)
    expect(page.get_by_role("heading")).to_have_text(title or "WhatsApp QR codes")
    assert page.title() == (title or "WhatsApp QR codes")
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    no_barriers(page)


def test_a_throttled_search_counts_down_and_asks_again(site: Site, function: Function, sandbox: Sandbox) -> None:
    function.timeout = 1
    page = site.open()
    ask(page, "15554290003")
    retry = page.locator("#retry")
    expect(retry).to_have_text(re.compile(r"Try again in \d+ s"))
    expect(retry).to_be_disabled()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"This page asks again in \d+ s."))
    keep(page, "throttled")
    asked = len(sandbox.arrivals)
    wait_for(page, lambda: len(sandbox.arrivals) > asked)
    expect(retry).to_have_text(re.compile(r"Try again in \d+ s"))


def test_a_function_that_is_not_there(site: Site, function: Function) -> None:
    function.configure(ALLOWED_ORIGINS="https://elsewhere.example.com")
    page = site.open()
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("could not be reached")
    expect(page.locator("#retry")).to_be_enabled()


@pytest.mark.parametrize("image_format", ["SVG", "PNG"])
def test_a_download_reads_as_the_link(site: Site, image_format: str) -> None:
    page = site.open()
    ask(page)
    with page.expect_download() as started:
        page.get_by_role("button", name=f"Download {image_format}").first.click()
    assert started.value.suggested_filename == f"4O4YGZEG3RIVE1.{image_format.lower()}"
    content = Path(started.value.path()).read_bytes()
    drawn = bytes(resvg_py.svg_to_bytes(svg_string=content.decode())) if image_format == "SVG" else content
    assert read(drawn) == [LINK]


def test_by_keyboard_alone(site: Site) -> None:
    page = site.open(permissions=["clipboard-read", "clipboard-write"])
    page.keyboard.press("Tab")
    page.keyboard.type(NUMBER)
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(2)
    seen = []
    for _ in range(5):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent"))
    assert seen == ["Show QR codes", LINK, "Copy link", "Download SVG", "Download PNG"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("The link was copied.")
    assert page.evaluate("navigator.clipboard.readText()") == LINK
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("reserved", [True])
def test_one_instance_draws_every_code(site: Site) -> None:
    page = site.open()
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    wait_for_drawings(page)


def test_a_drawing_that_is_refused_is_asked_for_again(site: Site) -> None:
    page = site.open()
    refused = {"status": 429, "body": "{}", "headers": {"Access-Control-Allow-Origin": site.origin}}
    page.route("**/*.svg?*", fulfil(refused), times=1)
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    wait_for_drawings(page)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, "<html>no</html>", "You are not signed in"),
        (403, '{"Code": "AccessDenied", "Message": "jwt expired"}', "You are not signed in"),
        (429, '{"ErrorCode": "ResourceExhausted"}', "Too many people are asking right now."),
        (502, "null", "Something went wrong in the service."),
    ],
)
def test_what_others_say_than_the_function(site: Site, status: int, body: str, sentence: str) -> None:
    page = site.open()
    answer = {"status": status, "body": body, "headers": {"Access-Control-Allow-Origin": site.origin}}
    page.route("**/qr-codes?*", fulfil(answer), times=1)
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.locator("#retry")).to_be_visible(visible=status != 502)


CONFIG = """
export const address = "ADDRESS";
export const parameters = { custSpaceId: "cams-8filvjc8snw" };
export const headers = async () => ({ Authorization: "Bearer token", "If-None-Match": '"old"' });
"""


def test_a_token_and_a_space_go_with_every_request(site: Site, function: Function) -> None:
    with serve(pages(site.api, CONFIG.replace("ADDRESS", site.api))) as host:
        function.configure(ALLOWED_ORIGINS=f"http://{host}", ALLOWED_CUST_SPACE_IDS="cams-8filvjc8snw")
        site.origin = f"http://{host}"
        page = site.open()
        asked: list[Request] = []
        page.on("request", lambda request: asked.append(request))
        ask(page)
        expect(page.locator(".card")).to_have_count(2)
        wait_for_drawings(page)
    from_function = [request for request in asked if request.url.startswith(site.api)]
    assert len(from_function) == 3
    assert all("custSpaceId=cams-8filvjc8snw" in request.url for request in from_function)
    assert all(request.headers["authorization"] == "Bearer token" for request in from_function)


def test_a_link_of_another_kind_is_text(site: Site) -> None:
    page = site.open()
    codes = [{"code": "A", "prefilledMessage": "", "deepLinkUrl": "javascript:alert(1)", "svgUrl": None}]
    answer = {"body": json.dumps({"qrCodes": codes}), "headers": {"Access-Control-Allow-Origin": site.origin}}
    page.route("**/qr-codes?*", fulfil(answer))
    ask(page)
    link = page.locator(".link")
    expect(link).to_have_text("javascript:alert(1)")
    assert link.get_attribute("href") is None
    expect(page.get_by_role("button", name="Print")).to_be_hidden()


def test_all_cards_are_printed_from_the_menu(site: Site) -> None:
    page = site.open()
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    page.emulate_media(media="print")
    for card in page.locator(".card").all():
        expect(card).to_be_visible()
    expect(page.locator("form")).to_be_hidden()


def test_who_hears_the_page_learns_of_the_wait_and_keeps_the_place(site: Site) -> None:
    page = site.open()
    problem = Problem("upstream_timeout", "Not shown.").to_dict("request-1")
    answer = {"status": 504, "body": json.dumps(problem), "headers": {"Access-Control-Allow-Origin": site.origin}}
    page.route("**/qr-codes?*", fulfil(answer), times=1)
    ask(page)
    page.locator("#retry").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator("#phone-number")).to_be_focused()
    described = page.get_by_role("button", name="Copy link").first.get_attribute("aria-describedby")
    expect(page.locator(f"#{described}")).to_have_text("4O4YGZEG3RIVE1")


def test_one_card_is_printed(site: Site) -> None:
    page = site.open()
    page.evaluate("window.print = () => {}")
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_role("button", name="Print").first.click()
    page.emulate_media(media="print")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.locator(".card").last).to_be_hidden()
    expect(page.locator("form")).to_be_hidden()
    expect(page.locator(".actions").first).to_be_hidden()


def test_nothing_is_asked_of_anybody_else(site: Site) -> None:
    context: BrowserContext = site.browser.new_context()
    page = context.new_page()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.partition("?")[0].rpartition("/")[0]))
    page.goto(site.origin)
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    wait_for_drawings(page)
    assert {re.sub(r"^blob:.*", "blob:", folder) for folder in asked} == {
        site.origin,
        site.api,
        f"{site.api}/qr-codes",
        "blob:",
    }


def fulfil(answer: dict[str, Any]) -> Callable[[Route], None]:
    return lambda route: route.fulfill(**answer)


def texts() -> dict[str, dict[str, Any]]:
    """The sentences of texts.js, by language and code."""
    source = (WEB / "texts.js").read_text()
    languages = re.split(r"^  (en|zh|id): \{$", source, flags=re.MULTILINE)[1:]
    return {
        language: {"problems": dict(re.findall(r'^      (\w+): "(.*)",$', body, flags=re.MULTILINE))}
        for language, body in zip(languages[::2], languages[1::2], strict=True)
    }
