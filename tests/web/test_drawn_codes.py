"""The element and the function draw the same link."""

import urllib.request

import pytest
import resvg_py

from tests.conftest import NUMBER
from tests.web.site import LINK, Site, ask, read, wait_for_drawings

pytestmark = pytest.mark.browser


def test_both_drawings_read_the_same(site: Site) -> None:
    page = site.open()
    with page.expect_response("**/qr-codes?*") as answered:
        ask(page)
    wait_for_drawings(page, 2)
    codes = answered.value.json()["qrCodes"]
    assert codes[0]["deepLinkUrl"] == LINK
    for code, tile in zip(codes, page.locator(".card .tile").all(), strict=True):
        with urllib.request.urlopen(f"{site.api}/{code['svgUrl']}") as svg:
            by_function = bytes(resvg_py.svg_to_bytes(svg_string=svg.read().decode()))
        assert read(tile.screenshot()) == read(by_function) == [code["deepLinkUrl"]]
        assert NUMBER in code["svgUrl"]
