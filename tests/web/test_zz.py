import pytest

from tests.web.site import *

pytestmark = pytest.mark.browser


def test_x(site):
    page = site.open()
    page.on("console", lambda m: print(m.text))
    ask(page, "+86 138-0000-1234")
    page.wait_for_timeout(1500)
    page.screenshot(path="/tmp/a.png", full_page=True)
    print(site.errors)
