"""The server-rendered page and the e-mail, in a real browser, behind a trigger that requires authorisation."""

import io
import threading
from collections.abc import Iterator
from email.policy import SMTP
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
import zxingcpp
from aiohttp import web
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page

from examples.ask_http import Caller, with_signature
from examples.email_code import compose
from examples.page import application
from local.gateway import gateway
from local.serve import serve
from local.trigger_auth import check_signature, check_token
from tests.conftest import NUMBER, Function
from tests.tokens import Issuer, demo_credentials

pytestmark = pytest.mark.browser

CODE = "4O4YGZEG3RIVE1"
LINKS = {"https://wa.me/message/4O4YGZEG3RIVE1", "https://wa.me/message/WOMVT6TJ2BP7A1"}


@pytest.fixture
def caller(function: Function) -> Iterator[Caller]:
    function.configure(CACHE_TTL_SECONDS="60")
    with serve(gateway(function.raw, function.context, check=check_signature)) as address:
        yield Caller(f"http://{address}", with_signature(demo_credentials()))


class Silent(WSGIRequestHandler):
    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def url(caller: Caller, request: pytest.FixtureRequest) -> Iterator[str]:
    number = getattr(request, "param", NUMBER)
    with make_server("127.0.0.1", 0, application(caller, number), handler_class=Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def read(page: Page) -> set[str]:
    """What a phone reads off the screen."""
    loaded = "[...document.images].every((image) => image.complete && image.naturalWidth)"
    for _ in range(200):
        if page.evaluate(loaded):
            break
        page.wait_for_timeout(50)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    return {found.text for found in zxingcpp.read_barcodes(picture)}


def test_a_server_renders_the_page(page: Page, url: str) -> None:
    page.goto(url)
    assert read(page) == LINKS
    assert page.locator("img").first.get_attribute("src") == f"qr-codes/{CODE}.svg?phoneNumber={NUMBER}"
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("url", ["6281200001234"], indirect=True)
def test_a_message_is_text_on_it(page: Page, url: str) -> None:
    page.goto(url)
    assert "<" in page.locator("figcaption").inner_text()
    assert page.locator("figcaption *").count() == 0


def test_it_draws_for_nobody_elses_number(url: str) -> None:
    assert requests.get(f"{url}/qr-codes/{CODE}.svg?phoneNumber=6281200001234", timeout=10).ok
    assert requests.get(f"{url}/qr-codes/other.svg?phoneNumber={NUMBER}", timeout=10).status_code == 404


@pytest.mark.parametrize("url", ["4915112345678"], indirect=True)
def test_a_problem_is_not_shown_to_visitors(url: str) -> None:
    answer = requests.get(url, timeout=10)
    assert (answer.status_code, "try later" in answer.text) == (503, True)
    assert "account" not in answer.text


def test_an_image_straight_from_the_function_is_let_in_by_a_cookie(page: Page, function: Function) -> None:
    """As docs/calling.md says, of a domain of your own."""
    issuer = Issuer()
    check = check_token(issuer.config(tokenLookup="header:Authorization:Bearer ,cookie:cams_qr"))
    with serve(gateway(function.raw, function.context, check=check)) as api:
        shown = f'<img src="http://{api}/qr-codes/{CODE}.svg?phoneNumber={NUMBER}" alt="QR code">'

        async def document(_: web.Request) -> web.Response:
            response = web.Response(text=shown, content_type="text/html")
            response.set_cookie("cams_qr", issuer.token(), httponly=True, samesite="Lax")
            return response

        app = web.Application()
        app.router.add_get("/", document)
        with serve(app) as host:
            page.goto(f"http://{host}")
            assert read(page) == {f"https://wa.me/message/{CODE}"}


def test_the_email_shows_its_code(page: Page, caller: Caller, tmp_path: Path) -> None:
    mail = compose(caller, NUMBER, CODE)
    # A browser opens a message's related parts as a page of its own.
    archive = tmp_path / "code.mhtml"
    archive.write_bytes(mail.get_payload()[1].as_bytes(policy=SMTP))  # type: ignore[index,union-attr]
    page.goto(archive.as_uri())
    assert read(page) == {f"https://wa.me/message/{CODE}"}
    assert page.get_by_role("link").get_attribute("href") == f"https://wa.me/message/{CODE}"


def test_the_email_for_programs_without_html(caller: Caller) -> None:
    mail = compose(caller, "6281200001234", next(iter(codes(caller, "6281200001234"))))
    plain, page = mail.iter_parts()
    assert "https://wa.me/message/" in plain.get_content()
    assert "<b>" not in next(page.iter_parts()).get_content()
    with pytest.raises(KeyError):
        compose(caller, NUMBER, "other")


def codes(caller: Caller, number: str) -> list[str]:
    answer = caller.list_codes(phoneNumber=number)
    assert "result" in answer
    return [str(code["code"]) for code in answer["result"]["qrCodes"]]
