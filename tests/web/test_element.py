"""The element on other people's pages: its attributes, events and styles, under a strict Content Security Policy."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Page, Route, expect

from cams_qr.problems import Problem
from local.fc import invoke, make_context, starting
from local.pages import pages
from local.serve import serve
from tests.conftest import NUMBER, Function, further
from tests.web.site import (
    Site,
    answer_late,
    dress,
    fulfil,
    keep,
    later,
    make_list,
    no_barriers,
    problems,
    read,
    roles,
    wait_for,
    wait_for_drawings,
    watch_shifts,
)

pytestmark = pytest.mark.browser

POLICY = (
    "default-src 'none'; script-src 'self'; img-src 'self'; connect-src {api}; "
    "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'"
)
HTML = """<!doctype html><html lang="{lang}"><title>Shop</title><link rel="icon" href="/web/icon.svg">
<script type="module" src="/web/cams-qr.js"></script><main><h1>Shop</h1>{body}</main></html>"""

Open = Callable[..., Page]


@pytest.fixture
def shop(site: Site, function: Function) -> Iterator[Open]:
    """Opens a page of somebody else's with this body; it is the site's origin from then on."""
    shown: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        policy = {"Content-Security-Policy": POLICY.format(api=site.api)}
        return web.Response(text=HTML.format(**shown), content_type="text/html", headers=policy)

    def open_page(body: str, lang: str = "en", **options: Any) -> Page:
        shown.update(body=body, lang=lang)
        return site.open("/shop", **options)

    app = web.Application()
    app.router.add_get("/shop", answer)
    app.add_subapp("/web/", pages())
    with serve(app) as host:
        site.origin = f"http://{host}"
        function.configure(ALLOWED_ORIGINS=site.origin)
        yield open_page


def tag(site: Site, number: str = NUMBER, more: str = "") -> str:
    return f'<cams-qr phone-number="{number}" endpoint="{site.api}" {more}></cams-qr>'


def append(page: Page, site: Site, *elements: str) -> None:
    """Add elements to the page at once; each is given the properties of a JavaScript object."""
    page.evaluate(f"""() => document.querySelector("main").append(...[{", ".join(elements)}].map((properties) =>
      Object.assign(document.createElement("cams-qr"), {{
        phoneNumber: "{NUMBER}", endpoint: "{site.api}", ...properties }})))""")


def requests_of(page: Page, site: Site) -> list[dict[str, str]]:
    """The headers of each request to the function, as they come."""
    seen: list[dict[str, str]] = []
    page.on("request", lambda asked: seen.append(asked.headers) if asked.url.startswith(site.api) else None)
    return seen


def assign(page: Page, **properties: str) -> None:
    """Set properties of the element on the page."""
    page.evaluate("properties => void Object.assign(document.querySelector('cams-qr'), properties)", properties)


def listen(page: Page) -> Callable[[], list[Any]]:
    """Gives what was heard of the element since, when asked."""
    page.evaluate("""() => {
      window.heard = [];
      for (const type of ["cams-qr-load", "cams-qr-error"])
        document.addEventListener(type, ({ detail }) => window.heard.push([type, detail]));
    }""")
    return lambda: list(page.evaluate("window.heard"))


def test_the_tag_is_all_it_takes(site: Site, shop: Open) -> None:
    page = shop(tag(site))
    wait_for_drawings(page, 2)
    assert sorted(read(page.screenshot(full_page=True))) == [
        "https://wa.me/message/4O4YGZEG3RIVE1",
        "https://wa.me/message/WOMVT6TJ2BP7A1",
    ]
    no_barriers(page)


@pytest.mark.thorough
def test_several_of_one_number_ask_once(site: Site, shop: Open) -> None:
    page = shop("")
    asked = requests_of(page, site)
    append(page, site, "{}", "{}", "{ phoneNumber: '6281200001234' }")
    wait_for_drawings(page, 5)
    assert len(asked) == 2


@pytest.mark.thorough
def test_who_asks_with_another_token_asks_apart(site: Site, shop: Open) -> None:
    page = shop("")
    asked = requests_of(page, site)
    append(page, site, "{ token: async () => 'one' }", "{ token: async () => 'other' }")
    wait_for_drawings(page, 4)
    tokens = {headers["authorization"] for headers in asked if "authorization" in headers}
    assert tokens == {"Bearer one", "Bearer other"}


@pytest.mark.thorough
def test_a_new_token_is_tried_where_the_old_was_refused(site: Site, shop: Open) -> None:
    page = shop("<cams-qr></cams-qr>")
    site.answer(page, "{}", 403, times=1)
    assign(page, phoneNumber=NUMBER, endpoint=site.api)
    expect(page.get_by_role("alert")).to_contain_text(problems("en")["refused"])
    page.evaluate("void (document.querySelector('cams-qr').token = () => 'new')")
    wait_for_drawings(page, 2)


def test_what_is_set_before_the_element_is_defined_counts(site: Site, shop: Open) -> None:
    page = shop("")
    page.route("**/cams-qr.js", lambda route: route.abort(), times=1)
    page.reload()
    asked = requests_of(page, site)
    page.evaluate(
        """async ([phoneNumber, endpoint]) => {
          const element = document.createElement("cams-qr");
          Object.assign(element, { phoneNumber, endpoint, custSpaceId: "cams-8filvjc8snw", token: () => "early" });
          element.headers = () => ({ "If-None-Match": '"early"' });
          document.querySelector("main").append(element);
          await import("/web/cams-qr.js?again");
        }""",
        [NUMBER, site.api],
    )
    wait_for_drawings(page, 2)
    assert asked[-1]["authorization"] == "Bearer early"
    assert asked[-1]["if-none-match"] == '"early"'


def test_it_tells_of_the_list_and_of_problems(site: Site, shop: Open) -> None:
    page = shop("<cams-qr></cams-qr>")
    events = listen(page)
    listed = make_list({"code": "A", "prefilledMessage": "Hi", "deepLinkUrl": "https://wa.me/message/A"})
    failed = Problem("not_owned", "Not shown.").to_dict("request-1")
    site.answer(page, failed, 404, times=1)
    site.answer(page, listed, times=1)
    assign(page, phoneNumber="1", endpoint=site.api)
    wait_for(page, lambda: len(events()) == 1)
    assign(page, phoneNumber="2")
    wait_for(page, lambda: len(events()) == 2)
    assert events() == [["cams-qr-load", listed], ["cams-qr-error", failed]]


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (401, {"status": 401, "code": "refused", "retryable": True}),
        (403, {"status": 403, "code": "refused", "retryable": True}),
        (503, {"status": 503, "code": "throttled", "retryable": True, "retryAfter": 1}),
        (500, {"status": 500, "code": "internal_error", "retryable": False}),
        (200, {"status": 200, "code": "internal_error", "retryable": False}),
        (0, {"status": 0, "code": "unreachable", "retryable": True}),
    ],
)
def test_whoever_fails_there_is_a_problem(site: Site, shop: Open, status: int, problem: dict[str, Any]) -> None:
    page = shop("<cams-qr></cams-qr>")
    events = listen(page)
    if status:
        site.answer(page, '{"message": "from a gateway"}', status)
    else:
        page.route("**/qr-codes?*", lambda route: route.abort())
    assign(page, phoneNumber="1", endpoint=site.api)
    wait_for(page, lambda: bool(events()))
    assert events()[0] == ["cams-qr-error", problem]


@pytest.mark.thorough
def test_a_function_that_does_not_start_is_a_failure_that_is_seen(site: Site, shop: Open) -> None:
    def initialize(context: Any) -> None:
        raise ValueError("CAMS_QPS: must be a number")

    page = shop("<cams-qr></cams-qr>")
    events = listen(page)
    invoked = invoke(starting(initialize, lambda event, context: None), b"", make_context("python3.10"))
    site.answer(page, invoked.body.decode())
    assign(page, phoneNumber="1", endpoint=site.api)
    expect(page.get_by_role("alert")).to_contain_text(problems("en")["internal_error"])
    assert events() == [["cams-qr-error", {"status": 200, "code": "internal_error", "retryable": False}]]
    expect(page.get_by_text("no QR codes")).to_have_count(0)


def test_a_closed_root_stays_closed(site: Site, shop: Open) -> None:
    page = shop(tag(site, more='shadow="closed"'))
    wait_for(page, lambda: len(read(page.screenshot(full_page=True))) == 2)
    assert page.evaluate("document.querySelector('cams-qr').shadowRoot") is None


@pytest.mark.thorough
def test_a_closed_root_by_keyboard(site: Site, shop: Open) -> None:
    page = shop(tag(site, more='shadow="closed"'))
    page.evaluate("void (window.print = () => (window.printed = true))")

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    wait_for(page, lambda: "searchbox" in roles(page))
    press("Tab", "Tab")
    page.keyboard.type("hello")
    wait_for(page, lambda: read(page.screenshot()) == ["https://wa.me/message/4O4YGZEG3RIVE1"])
    press("Tab", "Tab", "Enter", "Tab", "Tab", "Tab", "Enter")
    wait_for(page, lambda: page.evaluate("!!window.printed"))
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    with page.expect_download() as table:
        press("Tab", "Enter", "End", "Enter")
    assert len(Path(table.value.path()).read_text().splitlines()) == 2
    with page.expect_download() as drawing:
        press("Tab", "Tab", "Enter")
        wait_for(page, lambda: "menuitem" in roles(page))
        press("ArrowDown", "Enter")
    assert drawing.value.suggested_filename.endswith(".svg")


@pytest.mark.thorough
@pytest.mark.parametrize(("page_lang", "own", "said"), [("zh-CN", "", "2 个二维码"), ("zh", 'lang="id"', "2 kode QR")])
def test_the_language_is_its_own_or_the_pages(site: Site, shop: Open, page_lang: str, own: str, said: str) -> None:
    page = shop(tag(site, more=own), lang=page_lang)
    expect(page.get_by_role("status")).to_have_text(said)
    page.evaluate("document.querySelector('cams-qr').lang = 'en-GB'")
    expect(page.get_by_role("status")).to_have_text("2 QR codes")
    expect(page.get_by_role("button", name="Copy link").first).to_be_visible()


@pytest.mark.thorough
def test_the_page_decides_how_it_looks(site: Site, shop: Open) -> None:
    page = shop(tag(site))
    wait_for_drawings(page, 2)
    dress(page, "cams-qr { --cams-qr-accent: rgb(1, 2, 3) } cams-qr::part(card) { background: rgb(4, 5, 6) }")
    colour = "(node, name) => getComputedStyle(node)[name]"
    assert page.locator(".card .copy").first.evaluate(colour, "backgroundColor") == "rgb(1, 2, 3)"
    assert page.locator(".card").first.evaluate(colour, "backgroundColor") == "rgb(4, 5, 6)"


@pytest.mark.parametrize("place", ["phone", *further("wide")])
def test_it_fits_into_somebody_elses_page(site: Site, shop: Open, place: str) -> None:
    viewport = {"width": 1100 if place == "wide" else 320, "height": 900}
    page = shop("<p>Scan the code at your table.</p><cams-qr></cams-qr><p>Open daily, 9 to 5.</p>", viewport=viewport)
    dress(
        page,
        """
        html { background: #fdf3e4; color: #3b2411; font: 1.1rem/1.4 Georgia, serif }
        body { max-width: 50rem; margin: 0 auto; padding: 1rem }
        button, input { text-transform: uppercase; background: red !important }
        cams-qr { --cams-qr-accent: #8a2b0a; --cams-qr-bubble: #f6e0c8; --cams-qr-behind: #fdf3e4; --cams-qr-radius: 0 }
        cams-qr::part(code) { font-family: inherit }""",
    )
    assign(page, phoneNumber=NUMBER, endpoint=site.api)
    wait_for_drawings(page, 2)
    expect(page.locator("#filter")).to_be_visible()
    assert page.locator(".card .copy").first.evaluate("button => getComputedStyle(button).textTransform") == "none"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    no_barriers(page)
    keep(page, f"elsewhere-{place}")


@pytest.mark.thorough
def test_moving_it_asks_nothing(site: Site, shop: Open) -> None:
    page = shop(tag(site))
    wait_for_drawings(page, 2)
    asked = requests_of(page, site)
    page.evaluate("document.body.append(document.querySelector('cams-qr'))")
    page.wait_for_timeout(200)
    expect(page.locator(".card")).to_have_count(2)
    assert asked == []


@pytest.mark.thorough
def test_once_removed_it_asks_no_more(site: Site, shop: Open) -> None:
    page = shop("<cams-qr></cams-qr>")
    site.answer(page, Problem("throttled", "Not shown.", retry_after=1).to_dict("request-1"), 429)
    asked = requests_of(page, site)
    assign(page, phoneNumber="1", endpoint=site.api)
    expect(page.locator(".retry")).to_be_disabled()
    page.evaluate("document.querySelector('cams-qr').remove()")
    page.wait_for_timeout(1500)
    assert len(asked) == 1


@pytest.mark.thorough
def test_without_a_number_it_waits(site: Site, shop: Open) -> None:
    page = shop(f'<cams-qr endpoint="{site.api}"></cams-qr>')
    asked = requests_of(page, site)
    page.wait_for_timeout(200)
    assert asked == []
    page.evaluate("number => document.querySelector('cams-qr').setAttribute('phone-number', number)", NUMBER)
    wait_for_drawings(page, 2)


@pytest.fixture
def revalidated(site: Site) -> Iterator[tuple[str, list[str | None]]]:
    """A function whose list is to be revalidated each time, and the entity tags it was asked with."""
    tags: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        cors = {"Access-Control-Allow-Origin": site.origin, "ETag": '"one"', "Cache-Control": "private, max-age=0"}
        tags.append(request.headers.get("If-None-Match"))
        if tags[-1] == '"one"':
            return web.Response(status=304, headers=cors)
        return web.json_response(make_list({"code": "A", "deepLinkUrl": "https://wa.me/message/A"}), headers=cors)

    app = web.Application()
    app.router.add_get("/qr-codes", answer)
    with serve(app) as address:
        yield f"http://{address}", tags


def test_a_list_that_has_not_changed_comes_from_the_browser(
    site: Site, revalidated: tuple[str, list[str | None]]
) -> None:
    address, tags = revalidated
    page = site.open("/texts.js")
    page.evaluate(
        """async ([phoneNumber, endpoint]) => {
      await import("/cams-qr.js");
      const element = Object.assign(document.createElement("cams-qr"), { phoneNumber, endpoint });
      document.body.append(element);
    }""",
        [NUMBER, address],
    )
    wait_for_drawings(page, 1)
    page.evaluate("document.querySelector('cams-qr').reload()")
    wait_for(page, lambda: len(tags) == 2)
    wait_for_drawings(page, 1)
    assert tags == [None, '"one"']


def test_one_token_serves_all_that_ask_at_once(site: Site, shop: Open) -> None:
    page = shop("")
    asked = requests_of(page, site)
    page.evaluate("() => { window.issued = 0; window.issue = async () => `token-${window.issued += 1}`; }")
    append(page, site, "{ token: window.issue }", "{ token: window.issue }")
    wait_for_drawings(page, 4)
    assert [headers["authorization"] for headers in asked if "authorization" in headers] == ["Bearer token-1"]
    assert page.evaluate("window.issued") == 1


@pytest.mark.thorough
@pytest.mark.parametrize("property_", ["token", "headers"])
def test_who_cannot_be_authorised_is_refused(site: Site, shop: Open, property_: str) -> None:
    page = shop("<cams-qr></cams-qr>")
    events = listen(page)
    asked = requests_of(page, site)
    page.evaluate(
        """([property, phoneNumber, endpoint]) => void Object.assign(document.querySelector("cams-qr"), {
          phoneNumber, endpoint, [property]: async () => { throw new Error("no session"); },
        })""",
        [property_, NUMBER, site.api],
    )
    expect(page.get_by_role("alert")).to_contain_text(problems("en")["refused"])
    assert events() == [["cams-qr-error", {"status": 0, "code": "refused", "retryable": True}]]
    assert asked == []
    # The developer learns why.
    assert site.errors == ["no session"]
    site.errors.clear()
    page.evaluate("name => void (document.querySelector('cams-qr')[name] = async () => null)", property_)
    wait_for_drawings(page, 2)


@pytest.mark.thorough
def test_a_page_that_sets_a_token_at_every_turn_does_not_ask_forever(site: Site, shop: Open) -> None:
    page = shop("<cams-qr></cams-qr>")
    site.answer(page, "{}", 401)
    page.evaluate("""() => {
      const element = document.querySelector("cams-qr");
      window.failures = 0;
      element.addEventListener("cams-qr-error", () => {
        window.failures += 1;
        element.token = async () => "still wrong";
      });
    }""")
    assign(page, phoneNumber=NUMBER, endpoint=site.api)
    wait_for(page, lambda: page.evaluate("window.failures") == 4)
    page.wait_for_timeout(500)
    assert page.evaluate("window.failures") == 4


@pytest.mark.thorough
def test_what_is_set_while_a_token_is_awaited_counts(site: Site, shop: Open) -> None:
    page = shop("")
    events = listen(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith(site.api) else None)
    append(page, site, "{ phoneNumber: '1', token: () => new Promise((resolve) => (window.giveToken = resolve)) }")
    page.evaluate(
        "number => void Object.assign(document.querySelector('cams-qr'), { phoneNumber: number, token: null })", NUMBER
    )
    wait_for_drawings(page, 2)
    page.evaluate("window.giveToken('late')")
    page.wait_for_timeout(200)
    assert asked == [f"{site.api}/qr-codes?phoneNumber={NUMBER}"]
    assert [kind for kind, _ in events()] == ["cams-qr-load"]


@pytest.mark.thorough
def test_once_removed_it_does_not_even_begin(site: Site, shop: Open) -> None:
    page = shop("")
    asked = requests_of(page, site)
    append(page, site, "{ token: () => new Promise((resolve) => (window.giveToken = resolve)) }")
    wait_for(page, lambda: page.evaluate("!!window.giveToken"))
    page.evaluate("document.querySelector('cams-qr').remove()")
    page.evaluate("window.giveToken('late')")
    page.wait_for_timeout(200)
    assert asked == []


@pytest.mark.thorough
def test_a_token_that_never_comes_can_be_asked_for_again(site: Site, shop: Open) -> None:
    page = shop("")
    page.evaluate("void (window.calls = 0)")
    append(page, site, "{ token: () => ((window.calls += 1) === 1 ? new Promise(() => {}) : 'token') }")
    wait_for(page, lambda: page.evaluate("window.calls") == 1)
    page.evaluate("document.querySelector('cams-qr').reload()")
    wait_for_drawings(page, 2)


@pytest.mark.thorough
@pytest.mark.parametrize("slashes", ["/", *further("", "//")])
def test_the_endpoint_may_end_with_a_slash(site: Site, shop: Open, slashes: str) -> None:
    page = shop(f'<cams-qr phone-number="{NUMBER}" endpoint="{site.api}{slashes}"></cams-qr>')
    wait_for_drawings(page, 2)


@pytest.mark.parametrize("nothing", ["null", "undefined"])
def test_a_property_without_a_value_is_no_attribute(site: Site, shop: Open, nothing: str) -> None:
    page = shop("<cams-qr></cams-qr>")
    asked = requests_of(page, site)
    page.evaluate(f"void (document.querySelector('cams-qr').phoneNumber = {nothing})")
    page.wait_for_timeout(200)
    assert asked == []
    assert page.evaluate("document.querySelector('cams-qr').outerHTML") == "<cams-qr></cams-qr>"


def test_frameworks_find_each_property(shop: Open) -> None:
    page = shop("<cams-qr></cams-qr>")
    table = re.findall(r"^\|.*?\| `(\w+)` \|", Path("docs/web.md").read_text(), re.MULTILINE)
    names = ["phoneNumber", "endpoint", "custSpaceId", "lang", "token", "headers"]
    assert table == names
    assert page.evaluate("names => names.filter((name) => name in document.createElement('cams-qr'))", names) == names


@pytest.mark.thorough
def test_the_language_of_the_page_reaches_into_the_closed_roots_of_others(site: Site, shop: Open) -> None:
    page = shop("<div></div>", lang="id-ID")
    page.evaluate(
        """([phoneNumber, endpoint]) => {
          const root = document.querySelector("div").attachShadow({ mode: "closed" });
          root.append(Object.assign(document.createElement("cams-qr"), { phoneNumber, endpoint, id: "inside" }));
          window.statusInside = () =>
            root.getElementById("inside").shadowRoot?.querySelector("[role=status]")?.textContent;
        }""",
        [NUMBER, site.api],
    )
    wait_for(page, lambda: page.evaluate("window.statusInside()") == "2 kode QR")


@pytest.mark.thorough
def test_it_retries_by_itself_three_times(site: Site, shop: Open) -> None:
    page = shop("<cams-qr></cams-qr>")
    asked = requests_of(page, site)
    site.answer(page, Problem("throttled", "Not shown.", retry_after=1).to_dict("request-1"), 429)
    assign(page, phoneNumber=NUMBER, endpoint=site.api)
    wait_for(page, lambda: len(asked) == 4)
    expect(page.get_by_role("button", name="Try again in 1 s")).to_be_visible()
    expect(page.get_by_role("alert")).not_to_contain_text("Retrying automatically.")
    page.wait_for_timeout(1500)
    assert len(asked) == 4
    page.get_by_role("button", name="Try again", exact=True).click()
    wait_for(page, lambda: len(asked) > 4)


@pytest.mark.thorough
def test_texts_that_come_at_the_second_try(site: Site, shop: Open) -> None:
    page = shop("")
    events = listen(page)
    page.route("**/texts/*.js*", lambda route: route.abort(), times=2)
    append(page, site, "{}")
    expect(page.get_by_role("alert")).to_have_text("The service could not be reached.")
    assert events() == [["cams-qr-error", {"status": 0, "code": "unreachable", "retryable": True}]]
    no_barriers(page)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_have_text("2 QR codes")
    expect(page.get_by_role("alert")).to_be_empty()


ANSWERS = pytest.mark.parametrize(
    ("answer", "status"),
    [
        (make_list({"code": "A", "deepLinkUrl": "https://wa.me/message/A"}), 200),
        *further(
            (make_list(), 200),
            (Problem("not_owned", "Not shown.").to_dict("request-1"), 404),
            (make_list(*({"code": str(index), "deepLinkUrl": f"https://wa.me/{index}"} for index in range(9))), 200),
        ),
    ],
    ids=["one code", "no code", "a failure", "many codes"],
)


@pytest.mark.thorough
@ANSWERS
def test_what_follows_stays_where_it_is(site: Site, shop: Open, answer: dict[str, Any], status: int) -> None:
    page = shop("<cams-qr></cams-qr><p>What follows</p>")
    asked: list[Route] = []
    page.route("**/qr-codes?*", lambda route: asked.append(route))
    assign(page, phoneNumber=NUMBER, endpoint=site.api)
    page.locator(".ghost").first.wait_for()
    while_loading = page.get_by_text("What follows").bounding_box()
    wait_for(page, lambda: bool(asked))
    asked[0].fulfill(json=answer, status=status, headers={"Access-Control-Allow-Origin": site.origin})
    page.locator(".card, .empty, .alert p").first.wait_for()
    is_longer = len(answer.get("qrCodes", [])) > 1
    assert (page.get_by_text("What follows").bounding_box() != while_loading) is is_longer


@pytest.mark.thorough
@ANSWERS
def test_nothing_moves_on_a_page_that_keeps_it_room(
    site: Site, shop: Open, answer: dict[str, Any], status: int
) -> None:
    """As docs/web.md says."""
    (style,) = re.findall(r"`(cams-qr \{.*min-height.*\})`", Path("docs/web.md").read_text())
    page = shop("<cams-qr></cams-qr><p>What follows</p>")
    dress(page, style)
    shifts = watch_shifts(page)
    answer_late(page, site, answer, status)
    page.route("**/texts/*.js", later(0.3, Route.continue_))
    assign(page, phoneNumber=NUMBER, endpoint=site.api)
    page.locator(".card, .empty, .alert p").first.wait_for()
    page.wait_for_timeout(300)
    assert shifts() < 0.001


@pytest.mark.thorough
def test_the_time_to_wait_may_be_a_date(site: Site, shop: Open) -> None:
    page = shop("<cams-qr></cams-qr>")
    events = listen(page)
    cors = {"Access-Control-Allow-Origin": site.origin, "Access-Control-Expose-Headers": "Retry-After"}
    after = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=30), usegmt=True)
    page.route("**/qr-codes?*", fulfil({"status": 429, "body": "", "headers": {**cors, "Retry-After": after}}))
    assign(page, phoneNumber=NUMBER, endpoint=site.api)
    wait_for(page, lambda: bool(events()))
    assert 25 <= events()[0][1]["retryAfter"] <= 30
