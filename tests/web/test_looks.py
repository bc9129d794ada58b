"""How each state looks, wherever it is seen. With SCREENSHOTS=docs/screenshots the pictures are kept."""

import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cams_qr.problems import Problem
from tests.web.site import (
    MANY,
    Site,
    answer_late,
    ask,
    keep,
    make_list,
    no_barriers,
    read,
    wait_for_drawings,
    watch_shifts,
)

pytestmark = pytest.mark.browser

WIDE = {"viewport": {"width": 1100, "height": 900}}
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
CODES = [
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
    """Leave a picture of all codes, or where there is little room of the first."""
    is_small = place in ("phone", "zoomed")
    if is_small:
        page.locator(".card").first.evaluate("card => card.scrollIntoView()")
    keep(page, name, full_page=not is_small)


@pytest.mark.parametrize("place", PLACES)
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


@pytest.mark.parametrize("place", ["wide", "phone", "forced"])
def test_chosen_with_the_menu_open(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    show(page, site)
    page.locator(".card input").first.check()
    page.locator(".card .more").nth(1).click()
    expect(page.get_by_role("menu")).to_be_visible()
    fits(page)
    keep(page, f"menu-{place}", full_page=False)


@pytest.mark.parametrize("place", ["wide", "phone"])
def test_the_print_dialog(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    show(page, site)
    page.locator("#print").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    fits(page)
    no_barriers(page)
    keep(page, f"print-{place}", full_page=False)


@pytest.mark.parametrize("place", ["wide", "phone"])
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


@pytest.mark.parametrize("place", ["wide", "phone"])
def test_no_codes(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    site.answer(page, make_list())
    ask(page)
    expect(page.get_by_role("button", name="Refresh")).to_be_visible()
    fits(page)
    no_barriers(page)
    keep(page, f"empty-{place}")


@pytest.mark.parametrize("place", ["wide", "phone", "forced"])
def test_a_failure(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    problem = Problem("throttled", "Not shown.", retry_after=30).to_dict("1a2bd70a-1e7d-4334-abb8-112d2f5065d7")
    site.answer(page, problem, 429)
    ask(page)
    expect(page.locator("#retry")).to_be_visible()
    fits(page)
    no_barriers(page)
    keep(page, f"throttled-{place}")


def test_an_old_list(site: Site) -> None:
    page = site.open(**WIDE)
    show(page, site, stale=True)
    expect(page.get_by_role("status")).to_have_text("6 QR codes")
    expect(page.get_by_role("alert")).to_contain_text("WhatsApp cannot be reached right now.")
    no_barriers(page)
    keep(page, "stale-wide", full_page=False)


@pytest.mark.parametrize("place", ["wide", "phone"])
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
    count, label = (page.locator(name).bounding_box() for name in ("#status", "label.pick:has(#all)"))
    assert count
    assert label
    assert label["x"] + label["width"] < count["x"]
    fits(page)
    keep(page, "codes-rtl")


PROBLEM = Problem("not_owned", "Not shown.").to_dict("request-1")


@pytest.mark.parametrize(
    ("answer", "status", "comes"),
    [
        (make_list(*LINKED), 200, "#filter"),
        (make_list(*LINKED, stale=True), 200, "#filter"),
        (make_list(LINKED[0]), 200, ".drawing"),
        (make_list(), 200, ".empty"),
        (PROBLEM, 404, ".alert p"),
    ],
    ids=["codes", "an old list", "one code", "no code", "a failure"],
)
@pytest.mark.parametrize("place", ["wide", "phone"])
def test_nothing_moves_when_the_answer_comes(site: Site, place: str, answer: Any, status: int, comes: str) -> None:
    page = site.open(**PLACES[place])
    shifts = watch_shifts(page)
    # Later than half a second after a key, when a shift would be the user's doing.
    answer_late(page, site, answer, status)
    page.route("**/tools/tools.js", lambda route: (time.sleep(0.3), route.continue_()))
    ask(page)
    page.locator(comes).first.wait_for()
    page.wait_for_timeout(200)
    assert shifts() < 0.001


def test_2000_codes(site: Site) -> None:
    page = site.open(**WIDE)
    ask(page, MANY)
    page.wait_for_selector("#filter")
    page.locator(".card").nth(900).scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    keep(page, "many", full_page=False)
    assert page.locator("#status").is_visible()
    top = page.locator("#status").bounding_box()
    assert top
    assert top["y"] < 200
