"""How each state looks at every screen size and colour scheme. With SCREENSHOTS=docs/screenshots keeps the pictures."""

import io
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from cams_qr.problems import Problem
from tests.conftest import NUMBER, further
from tests.web.site import (
    MANY,
    Site,
    answer_late,
    ask,
    keep,
    later,
    make_list,
    no_barriers,
    read,
    wait_for,
    wait_for_drawings,
    watch_shifts,
)

pytestmark = pytest.mark.browser

WIDE: dict[str, Any] = {"viewport": {"width": 1100, "height": 900}}
PHONE = {"viewport": {"width": 320, "height": 720}, "color_scheme": "dark"}
# What is left of a screen of 1280 by 1024 pixels at 400 %.
ZOOMED = {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4}
PLACES: dict[str, dict[str, Any]] = {
    "wide": WIDE,
    "dark": {**WIDE, "color_scheme": "dark"},
    "phone": PHONE,
    "zoomed": ZOOMED,
    "forced": {**WIDE, "forced_colors": "active"},
}
everywhere = pytest.mark.parametrize("place", ["phone", *further("wide", "dark", "zoomed", "forced")])
on_both_widths = pytest.mark.parametrize("place", ["wide", *further("phone")])
CODES: list[dict[str, str | None]] = [
    {"code": "4O4YGZEG3RIVE1", "prefilledMessage": "Hello, I would like to know more about your products."},
    {"code": "WOMVT6TJ2BP7A1", "prefilledMessage": "你好，我想预约 🗓️"},
    {"code": "APDM5HUWH26SG1", "prefilledMessage": "مرحبا، أود حجز طاولة لشخصين (2) الليلة من فضلكم."},
    {"code": "5QBPAD2DC6L5A1", "prefilledMessage": "I have a question about my order. " * 14},
    {"code": "A" * 40, "prefilledMessage": None},
    {"code": "Q3HC4UX7JD2KA1", "prefilledMessage": "Table 12, waiter please"},
]

LINKED = [{**code, "deepLinkUrl": f"https://wa.me/message/{code['code']}"} for code in CODES]


def show(page: Page, site: Site, **changes: Any) -> None:
    site.answer(page, make_list(*LINKED, **changes))
    ask(page)


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def keep_codes(page: Page, name: str, place: str) -> None:
    """Leave a picture of all codes, or where there is little room of the tools and what follows."""
    is_small = place in ("phone", "zoomed")
    if is_small:
        page.locator(".tools, #status").first.evaluate("top => top.scrollIntoView()")
    keep(page, name, full_page=not is_small)


@pytest.mark.thorough
@on_both_widths
def test_before_anything_is_asked(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    no_barriers(page)
    keep(page, f"start-{place}")


@everywhere
def test_codes(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    show(page, site)
    expect(page.locator("#filter")).to_be_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wait_for_drawings(page, len(CODES))
    fits(page)
    no_barriers(page)
    keep_codes(page, f"codes-{place}", place)
    drawn = page.locator(".card .tile").first.screenshot()
    assert read(drawn) == ["https://wa.me/message/4O4YGZEG3RIVE1"]


@pytest.mark.thorough
@everywhere
def test_one_code(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    site.answer(page, make_list(LINKED[0]))
    ask(page)
    wait_for_drawings(page, 1)
    fits(page)
    no_barriers(page)
    if place in ("wide", "phone"):
        keep_codes(page, f"one-{place}", place)


@pytest.mark.thorough
def test_a_code_that_cannot_be_drawn(site: Site) -> None:
    page = site.open(**WIDE)
    site.answer(page, make_list(LINKED[0], {**CODES[1], "deepLinkUrl": "javascript:alert(1)"}, CODES[2]))
    ask(page)
    expect(page.get_by_text("This QR code could not be drawn.")).to_have_count(2)
    wait_for_drawings(page, 1)
    expect(page.locator("#filter")).to_be_visible()
    no_barriers(page)
    keep(page, "not-drawn-wide")


@pytest.mark.thorough
def test_a_link_that_was_copied(site: Site) -> None:
    page = site.open(**WIDE, permissions=["clipboard-write"])
    show(page, site)
    expect(page.locator("#filter")).to_be_visible()
    page.get_by_role("button", name="Copy link").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    keep(page, "copied-wide", full_page=False)


@pytest.mark.thorough
def test_a_long_message_shows_that_it_goes_on(site: Site) -> None:
    page = site.open(**WIDE)
    show(page, site)
    message = page.locator(".long")
    message.evaluate("message => message.scrollIntoView()")
    page.wait_for_timeout(100)
    shaded = lightness_below(message)
    message.focus()
    page.keyboard.press("End")
    end = "message => message.scrollTop + message.clientHeight >= message.scrollHeight - 1"
    wait_for(page, lambda: message.evaluate(end))
    assert shaded < lightness_below(message) - 10


def lightness_below(message: Locator) -> int:
    """Of the lower edge, in the padding beside the text."""
    picture = Image.open(io.BytesIO(message.screenshot())).convert("L")
    return int(picture.getpixel((picture.width - 8, picture.height - 10)))  # type: ignore[arg-type]


@pytest.mark.thorough
@everywhere
def test_chosen_with_the_menu_open(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    show(page, site)
    page.locator(".card input").first.check()
    page.locator(".card .more").nth(1).click()
    expect(page.get_by_role("menu")).to_be_visible()
    fits(page)
    no_barriers(page)
    if place != "zoomed":
        keep(page, f"menu-{place}", full_page=False)


@pytest.mark.thorough
@pytest.mark.parametrize("place", ["phone", *further("wide", "forced")])
def test_the_print_dialog(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    show(page, site)
    page.locator("#print").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    fits(page)
    no_barriers(page)
    keep(page, f"print-{place}", full_page=False)


@pytest.mark.thorough
@on_both_widths
def test_what_takes_long(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    links = [{"code": f"CODE{index}", "deepLinkUrl": f"https://wa.me/message/{index:014}"} for index in range(200)]
    site.answer(page, make_list(*links))
    ask(page)
    page.locator("#download").click()
    # It stays as it is after its first turn.
    page.evaluate("void ([window.later, window.setTimeout] = [window.setTimeout, () => 0])")
    page.get_by_role("menuitem", name="PNG").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.evaluate("void (window.setTimeout = window.later)")
    fits(page)
    no_barriers(page)
    keep(page, f"progress-{place}", full_page=False)


@on_both_widths
def test_no_codes(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    site.answer(page, make_list())
    ask(page)
    expect(page.get_by_role("button", name="Refresh")).to_be_visible()
    fits(page)
    no_barriers(page)
    keep(page, f"empty-{place}")


FAILURES = {
    "throttled": (Problem("throttled", "Not shown.", retry_after=30), 429),
    "not-owned": (Problem("not_owned", "Not shown."), 404),
    "invalid": (Problem("invalid_request", "Not shown."), 400),
}
# Every problem that looks different, and nobody who answers.
FAILED = [(name, place) for name in (*FAILURES, "unreachable") for place in ("wide", "phone")]


@pytest.mark.parametrize(("name", "place"), [*FAILED[:1], *further(*FAILED[1:], ("throttled", "forced"))])
def test_a_failure(site: Site, name: str, place: str) -> None:
    page = site.open(**PLACES[place])
    if name in FAILURES:
        problem, status = FAILURES[name]
        site.answer(page, problem.to_dict("1a2bd70a-1e7d-4334-abb8-112d2f5065d7"), status)
    else:
        page.route("**/qr-codes?*", lambda route: route.abort())
    ask(page, "12" if name == "invalid" else NUMBER)
    expect(page.get_by_role("alert")).not_to_be_empty()
    fits(page)
    no_barriers(page)
    keep(page, f"{name}-{place}")


@pytest.mark.thorough
def test_an_old_list(site: Site) -> None:
    page = site.open(**WIDE)
    show(page, site, stale=True)
    expect(page.get_by_role("status")).to_have_text("6 QR codes")
    expect(page.get_by_role("alert")).to_contain_text("WhatsApp cannot be reached right now.")
    no_barriers(page)
    keep(page, "stale-wide", full_page=False)


@pytest.mark.thorough
@on_both_widths
@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_while_it_loads(site: Site, place: str, motion: Any) -> None:
    page = site.open(**PLACES[place], reduced_motion=motion)
    page.route("**/qr-codes?*", lambda route: None)
    ask(page)
    expect(page.locator(".ghost").first).to_be_visible()
    moving = page.evaluate("document.querySelector('cams-qr').shadowRoot.getAnimations().length")
    assert bool(moving) is (motion == "no-preference")
    no_barriers(page)
    keep(page, f"loading-{place}", full_page=False)


@pytest.mark.thorough
def test_right_to_left(site: Site) -> None:
    page = site.open(**WIDE)
    page.evaluate("document.documentElement.dir = 'rtl'")
    show(page, site)
    expect(page.locator("#filter")).to_be_visible()
    wait_for_drawings(page, len(CODES))
    box, more = (page.locator(name).first.bounding_box() for name in (".card input", ".card .more"))
    assert box
    assert more
    assert box["x"] > more["x"]
    count, label = (page.locator(name).bounding_box() for name in (".status", "label.pick:has(#all)"))
    assert count
    assert label
    assert label["x"] + label["width"] < count["x"]
    fits(page)
    no_barriers(page)
    keep(page, "codes-rtl")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("answer", "status", "comes"),
    [
        (make_list(*LINKED), 200, "#filter"),
        *further(
            (make_list(*LINKED, stale=True), 200, "#filter"),
            (make_list(LINKED[0]), 200, ".drawing"),
            (make_list(), 200, ".empty"),
            (FAILURES["not-owned"][0].to_dict("request-1"), 404, ".alert p"),
        ),
    ],
    ids=["codes", "an old list", "one code", "no code", "a failure"],
)
@on_both_widths
def test_nothing_moves_when_the_answer_comes(site: Site, place: str, answer: Any, status: int, comes: str) -> None:
    page = site.open(**PLACES[place])
    shifts = watch_shifts(page)
    # Later than half a second after a key, when a shift would be the user's doing.
    answer_late(page, site, answer, status)
    page.route("**/tools/tools.js", later(0.3, Route.continue_))
    ask(page)
    page.locator(comes).first.wait_for()
    page.wait_for_timeout(200)
    assert shifts() < 0.001


@pytest.mark.thorough
def test_2000_codes(site: Site) -> None:
    page = site.open(**WIDE)
    ask(page, MANY)
    page.wait_for_selector("#filter")
    page.locator(".card").nth(900).scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    keep(page, "many", full_page=False)
    assert page.locator(".status").is_visible()
    top = page.locator(".status").bounding_box()
    assert top
    assert top["y"] < 200
