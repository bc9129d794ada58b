"""The page in a real browser, with the function on another origin, behind the local gateway."""

import re
from pathlib import Path

import pytest
import resvg_py
from playwright.sync_api import BrowserContext, Page, Request, expect

from cams_qr.problems import KINDS, Problem
from local.pages import pages
from local.sandbox import Sandbox
from local.serve import serve
from tests.conftest import NUMBER, Function, further
from tests.web.site import (
    LINK,
    Site,
    ask,
    make_list,
    no_barriers,
    problems,
    read,
    wait_for,
    wait_for_drawings,
)

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["dark", *further("light")])
@pytest.mark.parametrize("width", [360, *further(1000)])
def test_a_search_shows_cards(site: Site, scheme: str, width: int) -> None:
    page = site.open(color_scheme=scheme, viewport={"width": width, "height": 900})
    no_barriers(page)
    ask(page, "+86 138-0000-1234")
    expect(page.get_by_role("status")).to_have_text("2 QR codes")
    expect(page.locator(".card")).to_have_count(2)
    wait_for_drawings(page, 2)
    assert LINK in read(page.screenshot(full_page=True))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(246, 247, 246)" if scheme == "light" else "rgb(16, 22, 20)")
    no_barriers(page)


@pytest.mark.thorough
def test_a_number_without_codes(site: Site) -> None:
    page = site.open()
    ask(page, "8613800000000")
    expect(page.get_by_role("status")).to_have_text("This number has no QR codes.")
    expect(page.locator(".card")).to_have_count(0)
    expect(page.get_by_text("Create one for this number in WhatsApp Manager")).to_be_visible()
    no_barriers(page)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("status")).to_have_text("This number has no QR codes.")


@pytest.mark.thorough
def test_while_it_loads(site: Site, function: Function, sandbox: Sandbox) -> None:
    # Not as long as silence that counts as an outage of CAMS.
    function.timeout = 2
    page = site.open()
    ask(page, "16660000031")
    expect(page.get_by_role("status")).to_have_text("Looking for QR codes…")
    assert page.locator("#cards").get_attribute("aria-busy") == "true"
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    expect(page.get_by_role("alert")).to_be_empty()


def test_text_from_outside_is_never_html(site: Site) -> None:
    page = site.open()
    ask(page, "6281200001234")
    expect(page.locator(".card .prefilled")).to_have_text("Halo, saya mau pesan <b>kopi</b> & roti")
    assert page.locator(".card .prefilled b").count() == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [("12", "invalid_request"), *further(("4915112345678", "not_owned"), ("15554030001", "not_subscribed"))],
)
def test_a_failure_is_told_in_a_sentence(site: Site, number: str, code: str) -> None:
    page = site.open()
    ask(page, number)
    expect(page.get_by_role("alert")).to_contain_text(problems("en")[code])
    expect(page.locator(".retry")).to_be_hidden()
    expect(page.locator("#phone-number")).to_have_attribute(
        "aria-invalid", "true"
    ) if code == "invalid_request" else None
    no_barriers(page)


@pytest.mark.thorough
def test_a_number_that_was_forgotten(site: Site) -> None:
    page = site.open()
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    ask(page, "")
    expect(page.locator("#phone-number")).to_be_focused()
    assert page.locator("#phone-number").evaluate("input => input.validity.valueMissing")
    expect(page.locator(".card")).to_have_count(2)


@pytest.mark.thorough
@pytest.mark.parametrize("language", ["zh", *further("en", "id")])
def test_every_problem_has_a_sentence_in_every_language(site: Site, language: str) -> None:
    page = site.open(locale={"en": "en-GB", "zh": "zh-CN", "id": "id-ID"}[language])
    assert page.locator("html").get_attribute("lang") == language
    for code in KINDS:
        problem = Problem(code, "Not shown.").to_dict("request-1")
        site.answer(page, problem, problem["status"])
        ask(page)
        expect(page.get_by_role("alert")).to_contain_text(problems(language)[code])
        expect(page.get_by_role("alert")).not_to_contain_text("Not shown.")
        expect(page.get_by_role("alert")).to_contain_text("request-1")
        expect(page.locator(".retry")).to_be_visible(visible=problem["retryable"])
        page.unroute("**/qr-codes?*")


@pytest.mark.thorough
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
    retry = page.locator(".retry")
    expect(retry).to_have_text(re.compile(r"Try again in \d+ s"))
    expect(retry).to_be_disabled()
    expect(page.get_by_role("alert")).to_contain_text("Retrying automatically.")
    assert len(re.findall(r"\d+ s", page.locator("cams-qr .main").inner_text())) == 1
    asked = len(sandbox.arrivals)
    wait_for(page, lambda: len(sandbox.arrivals) > asked)
    expect(retry).to_have_text(re.compile(r"Try again in \d+ s"))


@pytest.mark.thorough
def test_a_function_that_is_not_there(site: Site) -> None:
    page = site.open()
    page.route("**/qr-codes?*", lambda route: route.abort())
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("could not be reached")
    expect(page.locator(".retry")).to_be_enabled()


@pytest.mark.thorough
@pytest.mark.parametrize("image_format", ["SVG", "PNG"])
def test_a_download_reads_as_the_link(site: Site, image_format: str) -> None:
    page = site.open()
    ask(page)
    page.get_by_role("button", name="More actions for 4O4YGZEG3RIVE1").click()
    with page.expect_download() as started:
        page.get_by_role("menuitem", name=f"Download {image_format}").click()
    name = "4O4YGZEG3RIVE1 Hello, I would like to know more about your p"
    assert started.value.suggested_filename == f"{name}.{image_format.lower()}"
    content = Path(started.value.path()).read_bytes()
    drawn = bytes(resvg_py.svg_to_bytes(svg_string=content.decode())) if image_format == "SVG" else content
    assert read(drawn) == [LINK]


def focused(page: Page) -> str:
    """What has the focus, in the page or in the element: its label or text."""
    said: str = page.evaluate("""() => {
      let at = document.activeElement;
      while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
      return at.getAttribute("aria-label") ?? at.textContent;
    }""")
    return said


def test_by_keyboard_alone(site: Site) -> None:
    page = site.open(permissions=["clipboard-read", "clipboard-write"])
    page.keyboard.press("Tab")
    page.keyboard.type(NUMBER)
    page.keyboard.press("Enter")
    expect(page.locator("#filter")).to_be_visible()
    expect(page.locator(".card")).to_have_count(2)
    seen = []
    for _ in range(10):
        page.keyboard.press("Tab")
        seen.append(focused(page))
    bar = ["", "Filter by message or code", "Sort", "Print…", "Download"]
    card = ["Select 4O4YGZEG3RIVE1", "More actions for 4O4YGZEG3RIVE1", LINK.removeprefix("https://"), "Copy link"]
    assert seen == ["Show QR codes", *bar, *card]
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("The link was copied.")
    assert page.evaluate("navigator.clipboard.readText()") == LINK
    outline = "getComputedStyle(document.activeElement.shadowRoot.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


@pytest.mark.thorough
def test_the_menu_by_keyboard(site: Site) -> None:
    page = site.open()
    ask(page)
    more = page.get_by_role("button", name="More actions for 4O4YGZEG3RIVE1")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    seen = []
    for key in ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "Home", "End"]:
        seen.append(focused(page))
        page.keyboard.press(key)
    assert seen == [
        *["Open the link", "Download SVG", "Download PNG", "Print…"],
        *["Open the link", "Print…", "Open the link"],
    ]
    expect(more).to_have_attribute("aria-expanded", "true")
    no_barriers(page)
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    expect(more).to_have_attribute("aria-expanded", "false")


@pytest.mark.thorough
def test_the_place_is_kept_after_a_dialog_and_after_work(site: Site) -> None:
    page = site.open()
    page.evaluate("void (window.print = () => (window.printed = true))")
    ask(page)
    more = page.get_by_role("button", name="More actions for WOMVT6TJ2BP7A1")
    for answer in ["Escape", "Enter"]:
        more.press("Enter")
        expect(page.get_by_role("menuitem").first).to_be_focused()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        dialog.get_by_role("button", name="Print", exact=True).press(answer)
        expect(dialog).to_have_count(0)
        expect(more).to_be_focused()
    wait_for(page, lambda: page.evaluate("!!window.printed"))
    with page.expect_download():
        more.press("Enter")
        page.get_by_role("menuitem", name="Download SVG").press("Enter")
    expect(more).to_be_focused()
    with page.expect_download():
        page.locator("#download").press("Enter")
        page.get_by_role("menuitem", name="PNG").press("Enter")
    expect(page.locator("#download")).to_be_focused()


@pytest.mark.thorough
def test_tools_that_come_at_the_second_try(site: Site) -> None:
    page = site.open()
    page.route("**/tools/tools.js*", lambda route: route.abort(), times=2)
    ask(page)
    expect(page.get_by_role("status")).to_contain_text("could not be reached")
    page.locator(".card .more").first.click()
    expect(page.get_by_role("menu")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("2 QR codes")


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (403, '{"Code": "JWTTokenIsMissing", "Message": "the jwt token is missing"}', "You are not signed in"),
        (502, "null", "Something went wrong in the service."),
        *further(
            (401, "<html>no</html>", "You are not signed in"),
            (429, '{"Code": "ResourceExhausted"}', "There are too many requests right now."),
            (429, '{"type": "error", "code": 1042}', "There are too many requests right now."),
        ),
    ],
)
def test_what_others_say_than_the_function(site: Site, status: int, body: str, sentence: str) -> None:
    page = site.open()
    site.answer(page, body, status, times=1)
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.locator(".retry")).to_be_visible(visible=status != 502)


CONFIG = """
export const address = "ADDRESS";
export const parameters = { custSpaceId: "cams-8filvjc8snw" };
export const headers = async () => ({ Authorization: "Bearer token", "If-None-Match": '"old"' });
"""


@pytest.mark.thorough
def test_a_token_and_a_space_go_with_every_request(site: Site, function: Function) -> None:
    with serve(pages(site.api, CONFIG.replace("ADDRESS", site.api))) as host:
        function.configure(ALLOWED_ORIGINS=f"http://{host}", ALLOWED_CUST_SPACE_IDS="cams-8filvjc8snw")
        site.origin = f"http://{host}"
        page = site.open()
        asked: list[Request] = []
        page.on("request", lambda request: asked.append(request))
        ask(page)
        expect(page.locator(".card")).to_have_count(2)
        wait_for_drawings(page, 2)
    from_function = [request for request in asked if request.url.startswith(site.api)]
    assert len(from_function) == 1
    assert all("custSpaceId=cams-8filvjc8snw" in request.url for request in from_function)
    assert all(request.headers["authorization"] == "Bearer token" for request in from_function)


@pytest.mark.thorough
def test_a_link_of_another_kind_is_text(site: Site) -> None:
    page = site.open()
    site.answer(page, make_list({"code": "A", "deepLinkUrl": "javascript:alert(1)"}))
    ask(page)
    link = page.locator(".card a.link")
    expect(link).to_have_text("javascript:alert(1)")
    assert link.get_attribute("href") is None
    expect(page.locator(".card .tile")).to_have_text("This QR code could not be drawn.")
    expect(page.get_by_role("button", name="More actions for A")).to_be_hidden()


@pytest.mark.thorough
def test_what_cannot_be_drawn_can_be_opened(site: Site) -> None:
    page = site.open()
    site.answer(page, make_list({"code": "A", "deepLinkUrl": "https://wa.me/" + "A" * 3000}))
    ask(page)
    page.get_by_role("button", name="More actions for A").click()
    expect(page.get_by_role("menuitem")).to_have_text(["Open the link"])


@pytest.mark.thorough
def test_all_cards_are_printed_from_the_menu(site: Site) -> None:
    page = site.open()
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    page.emulate_media(media="print")
    for card in page.locator(".card").all():
        expect(card).to_be_visible()
    expect(page.locator("form")).to_be_hidden()


@pytest.mark.thorough
def test_who_hears_the_page_learns_of_the_wait_and_keeps_the_place(site: Site) -> None:
    page = site.open()
    problem = Problem("upstream_timeout", "Not shown.").to_dict("request-1")
    site.answer(page, problem, 504, times=1)
    ask(page)
    # `press` does not wait for what is still hidden.
    expect(page.locator(".retry")).to_be_visible()
    page.locator(".retry").press("Enter")
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator("cams-qr .main")).to_be_focused()
    described = page.get_by_role("button", name="Copy link").first.get_attribute("aria-describedby")
    expect(page.locator(f"#{described}")).to_have_text("4O4YGZEG3RIVE1")


def test_nothing_is_asked_of_anybody_else(site: Site) -> None:
    context: BrowserContext = site.browser.new_context()
    page = context.new_page()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.partition("?")[0]))
    page.goto(site.origin)
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    wait_for_drawings(page, 2)
    assert {url for url in asked if not url.startswith(site.origin + "/")} == {f"{site.api}/qr-codes"}
