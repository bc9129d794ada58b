"""A browser, and a trigger in front of the function."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page


def is_fault(said: ConsoleMessage) -> bool:
    """Whether something is wrong; whom a server refuses, and that a page may not read why, is the test's to look at."""
    return said.type == "error" and not said.text.startswith(("Failed to load resource", "Access to fetch"))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in which nothing may go wrong."""
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 800, "height": 1200}, locale="en-US")
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if is_fault(said) else None)
    yield page
    context.close()
    assert faults == []
