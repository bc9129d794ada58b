"""The element in a plain page, in React and in Vue: built, opened in a browser, authorised by a token."""

import mimetypes
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.sync_api import Page, expect

from local.gateway import gateway
from local.serve import serve
from local.trigger_auth import check_token
from tests.conftest import Function
from tests.npm import needs_npm, run
from tests.tokens import Issuer

pytestmark = pytest.mark.browser

ENDPOINT = "https://cams-qr.example"
LISTEN = """
window.told = [];
for (const name of ["cams-qr-load", "cams-qr-error"]) addEventListener(name, () => told.push(name), true);
"""


@pytest.fixture(
    scope="module", params=["plain", pytest.param("react", marks=needs_npm), pytest.param("vue", marks=needs_npm)]
)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a static host serves."""
    root: Path = tmp_path_factory.mktemp(request.param)
    shutil.copytree("web", root / "web")
    if request.param == "plain":
        page = Path("examples/plain.html").read_text().replace("../web/", "./web/")
        (root / "index.html").write_text(page)
        return root
    source = Path("examples", request.param)
    app = root / source
    shutil.copytree(source, app, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (app / "node_modules").symlink_to((source / "node_modules").absolute())
    run(source, "vite", "build", "--logLevel=warn", cwd=app, VITE_ENDPOINT=ENDPOINT)
    return app / "dist"


@pytest.mark.thorough
def test_a_bundler_leaves_the_second_url_alone(site: Path) -> None:
    assets = [file.name for file in site.glob("assets/*.js")]
    assert not [name for name in assets if name.startswith(("view", "request", "style"))]


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def url(site: Path, function: Function, issuer: Issuer, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the site, whose server issues tokens; the function is on another origin."""
    check = check_token(issuer.config())
    who_issues = getattr(request, "param", issuer)

    async def token(_: web.Request) -> web.Response:
        return web.Response(text=who_issues.token())

    with serve(gateway(lambda event, context: function.raw(event, context), function.context, check=check)) as api:

        async def file(asked: web.Request) -> web.Response:
            found = site / (asked.match_info["path"] or "index.html")
            if not found.is_file():
                raise web.HTTPNotFound
            body = found.read_text().replace(ENDPOINT, f"http://{api}")
            return web.Response(text=body, content_type=mimetypes.guess_type(found.name)[0] or "text/plain")

        app = web.Application()
        app.router.add_get("/token", token)
        app.router.add_get("/{path:.*}", file)
        with serve(app) as host:
            function.configure(ALLOWED_ORIGINS=f"http://{host}", CACHE_TTL_SECONDS="60")
            yield f"http://{host}"


def test_it_shows_the_codes(page: Page, url: str) -> None:
    page.add_init_script(LISTEN)
    page.goto(url)
    expect(page.get_by_text("Hello, I would like to know more about your products.").first).to_be_visible()
    assert page.evaluate("told") == ["cams-qr-load"]


@pytest.mark.thorough
@pytest.mark.parametrize("url", [Issuer()], indirect=True, ids=["another issuer"])
def test_it_is_told_of_a_token_that_is_not_good(page: Page, url: str) -> None:
    page.add_init_script(LISTEN)
    page.goto(url)
    page.wait_for_function("told.includes('cams-qr-error')", timeout=10_000)
    assert "cams-qr-load" not in page.evaluate("told")


@pytest.mark.thorough
@pytest.mark.parametrize("url", [Issuer()], indirect=True, ids=["another issuer"])
@pytest.mark.parametrize("site", ["react", "vue"], indirect=True)
def test_a_listener_hears_of_it(page: Page, url: str) -> None:
    with page.expect_console_message(lambda message: message.text.startswith("cams-qr:")):
        page.goto(url)


def test_they_are_short_enough_to_copy() -> None:
    for name, lines in {"plain.html": 10, "react/main.jsx": 12, "vue/App.vue": 12}.items():
        assert len(Path("examples", name).read_text().splitlines()) <= lines, name
