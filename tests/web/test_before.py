"""How the page looked before the element existed, for comparison; run only by `make screenshots`."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import segno
from playwright.sync_api import Browser, Page, expect

from local.pages import pages
from local.serve import serve
from tests.web.site import SCREENSHOTS, Site, ask, keep, make_list, wait_for
from tests.web.test_looks import CODES, FAILED_IN, PLACES, WIDE, fail, keep_codes

# The last commit without the element.
COMMIT = "feb0191cb296ddc9ee8b78af59a99571deef35d5"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(SCREENSHOTS is None, reason="no pictures are wanted")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of that commit, which a shallow clone has not."""
    archive = subprocess.run(["git", "archive", COMMIT, "web"], capture_output=True)
    if archive.returncode:
        pytest.skip("the commit is not here")
    root: Path = tmp_path_factory.mktemp("before").resolve()
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(root)
    return root / "web"


@pytest.fixture
def site(folder: Path, browser: Browser) -> Iterator[Site]:
    with serve(pages(folder=folder)) as host:
        yield Site(f"http://{host}", f"http://{host}", browser)
        for context in browser.contexts:
            context.close()


def show(page: Page, site: Site, codes: list[dict[str, Any]], **changes: Any) -> None:
    """The list; a drawing that is asked for is drawn as the function does."""
    links = {str(code["code"]): f"https://wa.me/message/{code['code']}" for code in codes}
    drawings = [
        {**code, "deepLinkUrl": links[code["code"]], "svgUrl": f"qr-codes/{code['code']}.svg?"} for code in codes
    ]

    def draw(route: Any) -> None:
        drawn = io.BytesIO()
        segno.make(links[route.request.url.split("/")[-1].split(".")[0]], error="m", micro=False).save(
            drawn, kind="svg", scale=8, light="#fff"
        )
        route.fulfill(body=drawn.getvalue(), content_type="image/svg+xml")

    page.route("**/qr-codes/*.svg?*", draw)
    site.answer(page, make_list(*drawings, **changes))
    ask(page)


@pytest.mark.parametrize("place", [*PLACES, "rtl"])
def test_codes(site: Site, place: str) -> None:
    page = site.open(**PLACES.get(place, WIDE))
    if place == "rtl":
        page.evaluate("document.documentElement.dir = 'rtl'")
    show(page, site, CODES)
    for image in page.locator(".drawing").all():
        image.scroll_into_view_if_needed()
    wait_for(page, lambda: page.evaluate("[...document.images].every((image) => image.naturalWidth)"))
    keep_codes(page, f"before/codes-{place}", place)


@pytest.mark.parametrize("place", ["wide", "phone"])
def test_no_codes(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    show(page, site, [])
    expect(page.get_by_role("status")).to_contain_text("no QR codes")
    keep(page, f"before/empty-{place}")


def test_an_old_list(site: Site) -> None:
    page = site.open(**WIDE)
    show(page, site, CODES, stale=True)
    wait_for(page, lambda: page.evaluate("[...document.images].slice(0, 4).every((image) => image.naturalWidth)"))
    keep(page, "before/stale-wide", full_page=False)


@pytest.mark.parametrize("place", ["wide", "phone"])
def test_before_anything_is_asked(site: Site, place: str) -> None:
    keep(site.open(**PLACES[place]), f"before/start-{place}")


@pytest.mark.parametrize("place", ["wide", "phone"])
def test_one_code(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    show(page, site, CODES[:1])
    wait_for(page, lambda: page.evaluate("[...document.images].every((image) => image.naturalWidth)"))
    keep_codes(page, f"before/one-{place}", place)


def test_a_code_that_cannot_be_drawn(site: Site) -> None:
    page = site.open(**WIDE)
    page.route("**/qr-codes/WOMVT6TJ2BP7A1.svg?*", lambda route: route.fulfill(status=404))
    show(page, site, CODES[:3])
    page.wait_for_timeout(1000)
    keep(page, "before/not-drawn-wide")


def test_a_link_that_was_copied(site: Site) -> None:
    page = site.open(**WIDE, permissions=["clipboard-write"])
    show(page, site, CODES)
    page.locator(".copy").first.click()
    page.wait_for_timeout(300)
    keep(page, "before/copied-wide", full_page=False)


@pytest.mark.parametrize(("name", "place"), FAILED_IN)
def test_a_failure(site: Site, name: str, place: str) -> None:
    page = site.open(**PLACES[place])
    fail(page, site, name)
    keep(page, f"before/{name}-{place}")


@pytest.mark.parametrize("place", ["wide", "phone"])
def test_while_it_loads(site: Site, place: str) -> None:
    page = site.open(**PLACES[place])
    page.route("**/qr-codes?*", lambda route: None)
    ask(page)
    expect(page.get_by_role("status")).not_to_be_empty()
    keep(page, f"before/loading-{place}", full_page=False)


def test_2000_codes(site: Site) -> None:
    page = site.open(**WIDE)
    show(page, site, [{"code": f"CODE{index:04}", "prefilledMessage": f"Table {index}"} for index in range(2000)])
    page.unroute("**/qr-codes/*.svg?*")
    page.route("**/qr-codes/*.svg?*", lambda route: None)
    page.locator(".card").nth(900).scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    keep(page, "before/many", full_page=False)
