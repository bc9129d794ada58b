"""A real browser on the page, which queries the function on another origin, behind the local gateway."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from local.fc import make_context
from local.gateway import gateway
from local.pages import pages
from local.serve import serve
from tests.conftest import Function
from tests.web.site import Site


@pytest.fixture
def site(function: Function, browser: Browser) -> Iterator[Site]:
    handler: Callable[[bytes, Any], object] = lambda event, context: function.raw(event, context)  # noqa: E731
    app = gateway(handler, lambda: make_context("python3.10", function.timeout))
    with serve(app) as api, serve(pages(f"http://{api}")) as host:
        function.configure(ALLOWED_ORIGINS=f"http://{host}", CACHE_TTL_SECONDS="60")
        site = Site(f"http://{host}", f"http://{api}", browser)
        yield site
        for context in browser.contexts:
            context.close()
        assert site.errors == []
