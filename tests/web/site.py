"""What the tests of the page share."""

import io
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from local.pages import WEB
from tests.conftest import NUMBER

LINK = "https://wa.me/message/4O4YGZEG3RIVE1"
MANY = "8613800002000"
# Where a run with SCREENSHOTS=docs/screenshots leaves its pictures.
SCREENSHOTS = os.environ.get("SCREENSHOTS")


@dataclass
class Site:
    """The page's origin, the function's, what opens the page, and the errors of those that were opened."""

    origin: str
    api: str
    browser: Browser
    errors: list[str] = field(default_factory=list)

    def open(self, path: str = "/", **options: Any) -> Page:
        context = self.browser.new_context(**{"locale": "en-US", "viewport": {"width": 1000, "height": 900}, **options})
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if "Security Policy" in said.text else None)
        page.goto(self.origin + path)
        return page

    def answer(self, page: Page, answer: Any, status: int = 200, times: int | None = None) -> None:
        """Have the function's route answer so, instead of the function."""
        headers = {"Access-Control-Allow-Origin": self.origin, "Content-Type": "application/json"}
        body = answer if isinstance(answer, str) else json.dumps(answer)
        page.route("**/qr-codes?*", fulfil({"status": status, "body": body, "headers": headers}), times=times)


def answer_late(page: Page, site: Site, answer: Any, status: int = 200) -> None:
    """Have the function's route answer so, after 0.7 s."""
    site.answer(page, answer, status)
    page.route("**/qr-codes?*", later(0.7, Route.fallback))


def dress(page: Page, style: str) -> None:
    """Give the document this style; the page's policy forbids it anything less."""
    page.evaluate(
        """style => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(style);
          document.adoptedStyleSheets = [sheet];
        }""",
        style,
    )


def watch_shifts(page: Page) -> Callable[[], float]:
    """Gives the layout shifts on the page from the next frame on, when asked."""
    page.evaluate("""async () => {
      const frame = () => new Promise(requestAnimationFrame);
      await frame().then(frame);
      window.shifts = [];
      new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(({ value }) => value)))
        .observe({ type: "layout-shift" });
    }""")
    return lambda: sum(page.evaluate("window.shifts"))


def make_list(*codes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An answer of the function; a code holds what is given of it."""
    nothing = dict.fromkeys(
        ["code", "phoneNumber", "prefilledMessage", "deepLinkUrl", "imageUrl", "imageFormat", "svgUrl"]
    )
    return {
        "phoneNumber": NUMBER,
        "custSpaceId": None,
        "qrCodes": [{**nothing, **code} for code in codes],
        "requestId": "request-1",
        "fetchedAt": "2026-11-23T09:00:00Z",
        "stale": False,
        **changes,
    }


def ask(page: Page, number: str = NUMBER) -> None:
    page.locator("#phone-number").fill(number)
    page.locator("#submit").click()


def keep(page: Page, name: str, full_page: bool = True) -> None:
    """Leave a picture of a page, where they are wanted."""
    if SCREENSHOTS:
        keep_image(Image.open(io.BytesIO(page.screenshot(full_page=full_page))), name)


def keep_image(image: Image.Image, name: str) -> None:
    """Leave a picture, where they are wanted; in few colours, for it goes into the repository."""
    if SCREENSHOTS:
        few = image.convert("RGB").quantize(64, dither=Image.Dither.NONE)
        few.save(Path(SCREENSHOTS) / f"{name}.png", optimize=True)


def read(picture: bytes | Image.Image) -> list[str]:
    image = picture if isinstance(picture, Image.Image) else Image.open(io.BytesIO(picture))
    return [found.text for found in zxingcpp.read_barcodes(image.convert("RGB"))]


def no_barriers(page: Page) -> None:
    results = Axe().run(page)
    # The report that comes with it cannot name what is in a shadow root.
    assert results.response["violations"] == []


def roles(page: Page) -> set[str]:
    """The roles that assistive technology finds, in closed shadow roots, too."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return {node["role"]["value"] for node in nodes if not node["ignored"]}


def wait_for(page: Page, condition: Callable[[], bool]) -> None:
    """Ask from outside: the page's policy forbids what the browser would wait with."""
    for _ in range(200):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail("waited 10 s in vain")


def wait_for_drawings(page: Page, count: int) -> None:
    expect(page.locator(".drawing")).to_have_count(count)


def fulfil(answer: dict[str, Any]) -> Callable[[Route], None]:
    return lambda route: route.fulfill(**answer)


def later(seconds: float, handle: Callable[[Route], None]) -> Callable[[Route], None]:
    def handle_later(route: Route) -> None:
        time.sleep(seconds)
        handle(route)

    return handle_later


def problems(language: str) -> dict[str, str]:
    """The element's sentences in a language, by code."""
    source = (WEB / "cams-qr" / "texts" / f"{language}.js").read_text()
    return dict(re.findall(r'^    (\w+): "(.*)",$', source, flags=re.MULTILINE))
