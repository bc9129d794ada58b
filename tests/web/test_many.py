"""Many codes: searched, selected by hand, and saved."""

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import resvg_py
from playwright.sync_api import Page, expect

from tests.conftest import further
from tests.web.site import MANY, Site, ask, keep, make_list, no_barriers, read, wait_for, wait_for_drawings

pytestmark = pytest.mark.browser

MESSAGES = ["Table 10", "Table 2", "Café <b>", "=1+1", "+cmd|' /C calc'!A0", None, "a/b: *c*\u202e?", "Table 2"]


def code(index: int, message: str | None) -> dict[str, Any]:
    return {"code": f"CODE{index}", "prefilledMessage": message, "deepLinkUrl": f"https://wa.me/message/CODE{index}"}


@pytest.fixture
def page(site: Site) -> Page:
    """Eight codes with messages of many kinds."""
    page = site.open()
    site.answer(page, make_list(*[code(index, message) for index, message in enumerate(MESSAGES)]))
    ask(page)
    expect(page.locator("#filter")).to_be_visible()
    return page


def shown(page: Page) -> list[str]:
    return page.locator(".card .code").all_text_contents()


def chosen(page: Page) -> list[str]:
    return page.locator(".card:has(:checked) .code").all_text_contents()


def save(page: Page, kind: str) -> tuple[str, bytes]:
    page.locator("#download").click()
    with page.expect_download() as started:
        page.get_by_role("menuitem", name=kind).click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("CAFE", ["2"]),
        *further(("table", ["0", "1", "7"]), ("2 table", ["1", "7"]), ("code5", ["5"]), ("  ", list("01234567"))),
    ],
)
def test_a_filter_looks_at_message_and_code(page: Page, words: str, found: list[str]) -> None:
    page.locator("#filter").fill(words)
    assert shown(page) == [f"CODE{index}" for index in found]
    said = f"{len(found)} of 8 QR codes" if len(found) < 8 else "8 QR codes"
    expect(page.get_by_role("status")).to_have_text(said)


@pytest.mark.thorough
def test_nothing_found_says_what_to_do(page: Page) -> None:
    page.locator("#filter").fill("pizza")
    expect(page.get_by_text("No message or code matches the filter.")).to_be_visible()
    for nothing_to in ("#all", "#print", "#download"):
        expect(page.locator(nothing_to)).to_be_disabled()
    expect(page.locator(".sign")).to_be_hidden()
    no_barriers(page)
    keep(page, "no-match-wide", full_page=False)
    page.get_by_role("button", name="Clear the filter").click()
    assert len(shown(page)) == 8
    expect(page.locator("#filter")).to_be_focused()


@pytest.mark.thorough
def test_sorted_as_people_count(page: Page) -> None:
    page.locator("#sort").select_option("By message")
    messages = page.locator(".card .prefilled").all_text_contents()
    assert messages.index("Table 2") < messages.index("Table 10")
    page.locator("#sort").select_option("As listed")
    assert shown(page) == [f"CODE{index}" for index in range(8)]


@pytest.mark.thorough
def test_sorted_by_code(site: Site) -> None:
    page = site.open()
    site.answer(page, make_list({"code": "TABLE10"}, {"code": "table2"}, {"code": "BAR"}, {"prefilledMessage": "none"}))
    ask(page)
    page.locator("#sort").select_option("By code")
    assert shown(page) == ["", "BAR", "table2", "TABLE10"]


@pytest.mark.thorough
def test_chosen_by_keyboard(page: Page) -> None:
    boxes = page.locator(".card input")
    boxes.first.focus()
    for key in ["Space", "ArrowDown", "ArrowRight", "Shift+ArrowDown", "End"]:
        page.keyboard.press(key)
    assert chosen(page) == ["CODE0", "CODE2", "CODE3"]
    expect(boxes.last).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("8 QR codes · 3 selected")
    page.keyboard.press("Control+a")
    assert len(chosen(page)) == 8
    expect(page.locator("#all")).to_be_checked()


@pytest.mark.thorough
def test_chosen_by_mouse_as_a_range(page: Page) -> None:
    page.locator(".card input").nth(1).click()
    page.locator(".card input").nth(4).click(modifiers=["Shift"])
    assert chosen(page) == ["CODE1", "CODE2", "CODE3", "CODE4"]
    assert page.locator("#all").evaluate("box => box.indeterminate")
    page.locator("#filter").fill("table")
    page.locator("#all").check()
    page.locator("#filter").fill("")
    assert chosen(page) == ["CODE0", "CODE1", "CODE2", "CODE3", "CODE4", "CODE7"]


@pytest.mark.parametrize("image_format", ["svg", *further("png")])
def test_a_zip_of_drawings(page: Page, image_format: str) -> None:
    name, content = save(page, image_format.upper())
    assert name == f"qr-codes-{image_format}.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        assert files.testzip() is None
        drawn = {name: files.read(name) for name in files.namelist()}
    assert [name.removesuffix(f".{image_format}") for name in drawn] == [
        *["CODE0 Table 10", "CODE1 Table 2", "CODE2 Café b", "CODE3 =1+1", "CODE4 +cmd ' C calc'!A0", "CODE5"],
        *["CODE6 a b c", "CODE7 Table 2"],
    ]
    for index, picture in enumerate(drawn.values()):
        png = bytes(resvg_py.svg_to_bytes(svg_string=picture.decode())) if image_format == "svg" else picture
        assert read(png) == [f"https://wa.me/message/CODE{index}"]


@pytest.mark.thorough
def test_names_are_told_apart(site: Site) -> None:
    page = site.open()
    same = {"code": "a" * 80, "deepLinkUrl": "https://wa.me/message/A"}
    site.answer(page, make_list(same, {**same, "code": "A" * 80}, {"code": "none"}))
    ask(page)
    with zipfile.ZipFile(io.BytesIO(save(page, "SVG")[1])) as files:
        assert files.namelist() == [f"{'a' * 60}.svg", f"{'A' * 60} (2).svg"]


def test_only_the_chosen_are_saved(page: Page) -> None:
    page.locator(".card input").nth(3).check()
    page.locator("#filter").fill("table")
    with zipfile.ZipFile(io.BytesIO(save(page, "PNG")[1])) as files:
        assert files.namelist() == ["CODE3 =1+1.png"]


def test_a_table_holds_no_formula(page: Page) -> None:
    name, content = save(page, "Table")
    assert name == "qr-codes.csv"
    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert lines[0] == ["code", "prefilledMessage", "deepLinkUrl", "phoneNumber"]
    assert [line[1] for line in lines[1:]] == [
        *["Table 10", "Table 2", "Café <b>", "'=1+1", "'+cmd|' /C calc'!A0", "", "a/b: *c*\u202e?", "Table 2"]
    ]
    assert lines[1][2] == "https://wa.me/message/CODE0"


def cells(content: bytes) -> list[str]:
    """The messages of a table."""
    return [line[1] for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))][1:]


@pytest.mark.thorough
def test_nor_where_a_spreadsheet_takes_another_separator(site: Site) -> None:
    page = site.open()
    messages = ["a;=1+1;b", 'a;"=1+1&"', "Menu:\n- soup", "a\t@SUM(1)", "\t1", "Tables; 2-4", "a, -b"]
    site.answer(page, make_list(*[code(index, message) for index, message in enumerate(messages)]))
    ask(page)
    assert cells(save(page, "Table")[1]) == [
        *["a;'=1+1;b", 'a;\'"=1+1&"', "Menu:\n'- soup", "a\t'@SUM(1)", "'\t1", "Tables; 2-4", "a, -b"]
    ]


@pytest.mark.thorough
def test_names_of_files_keep_what_people_write(site: Site) -> None:
    page = site.open()
    messages = ["Family 👨‍👩‍👧", "می‌خواهم سفارش بدهم", "cafe\u0301", "x\u2066y\u202ez", "../../etc/passwd", None]
    site.answer(page, make_list(*[code(index, message) for index, message in enumerate(messages)]))
    ask(page)
    with zipfile.ZipFile(io.BytesIO(save(page, "SVG")[1])) as files:
        assert files.namelist() == [
            *["CODE0 Family 👨‍👩‍👧.svg", "CODE1 می‌خواهم سفارش بدهم.svg", "CODE2 café.svg", "CODE3 x y z.svg"],
            *["CODE4 .. .. etc passwd.svg", "CODE5.svg"],
        ]


@pytest.mark.thorough
def test_a_zip_is_offered_where_there_is_something_to_draw(site: Site) -> None:
    page = site.open()
    site.answer(page, make_list({"code": "A"}, {"code": "B", "deepLinkUrl": "javascript:alert(1)"}))
    ask(page)
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator(".card .tile").first).to_have_text("This QR code could not be drawn.")
    page.locator("#download").click()
    expect(page.get_by_role("menuitem")).to_have_text(["Table (CSV)"])


@pytest.mark.thorough
def test_the_count_is_told_in_the_language_that_is_set_meanwhile(page: Page) -> None:
    page.locator("#filter").fill("table")
    page.locator(".card input").first.check()
    expect(page.get_by_role("status")).to_have_text("3 of 8 QR codes · 1 selected")
    page.evaluate("void (document.querySelector('cams-qr').lang = 'id')")
    expect(page.get_by_role("status")).to_have_text("3 dari 8 kode QR · 1 dipilih")
    assert shown(page) == ["CODE0", "CODE1", "CODE7"]
    assert chosen(page) == ["CODE0"]
    expect(page.locator("#filter")).to_have_value("table")


@pytest.mark.thorough
def test_the_count_comes_back_after_something_else_was_told(page: Page) -> None:
    page.context.grant_permissions(["clipboard-write"])
    page.get_by_role("button", name="Copy link").first.click()
    expect(page.get_by_role("status")).to_have_text("The link was copied.")
    expect(page.get_by_role("status")).to_have_text("8 QR codes")


@pytest.mark.thorough
def test_an_old_list_says_so_while_it_is_filtered(site: Site) -> None:
    page = site.open()
    site.answer(page, make_list(code(0, "Table 1"), code(1, "Bar"), stale=True))
    ask(page)
    page.locator("#filter").fill("bar")
    expect(page.get_by_role("status")).to_have_text("1 of 2 QR codes")
    expect(page.get_by_role("alert")).to_contain_text("WhatsApp cannot be reached right now.")


@pytest.mark.thorough
def test_the_chosen_come_in_the_order_that_is_seen(page: Page) -> None:
    page.locator("#all").check()
    page.locator("#sort").select_option("By message")
    lines = save(page, "Table")[1].decode("utf-8-sig").splitlines()[1:]
    assert [line.split('"')[1] for line in lines] == shown(page) != [f"CODE{index}" for index in range(8)]


@pytest.fixture
def many(site: Site) -> Page:
    """The most that WhatsApp allows. Where `expect` has to wait, it describes the page, and takes seconds for this."""
    page = site.open()
    ask(page, MANY)
    page.wait_for_selector("#filter")
    return page


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["PNG", "SVG", "Table"])
def test_2000_are_saved(many: Page, kind: str) -> None:
    _, content = save(many, kind)
    if kind == "Table":
        assert len(cells(content)) == 2000
        return
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        assert len(files.namelist()) == 2000


def start_to_print(many: Page) -> None:
    """A sheet with 24 codes to a page."""
    many.evaluate("void (window.print = () => (window.printedAt = performance.now()))")
    many.locator("#print").click()
    many.locator(".dialog select").last.select_option("24")
    many.locator(".dialog .acts button").last.click()


@pytest.mark.thorough
def test_2000_are_printed(many: Page) -> None:
    start_to_print(many)
    wait_for(many, lambda: many.evaluate("!!window.printedAt"))
    assert many.evaluate("document.querySelector('.cams-qr-sheet').shadowRoot.querySelectorAll('.page').length") == 84


@pytest.mark.thorough
def test_a_sheet_can_be_cancelled(many: Page) -> None:
    start_to_print(many)
    many.wait_for_selector("progress")
    many.keyboard.press("Enter")
    many.wait_for_selector("progress", state="detached")
    many.wait_for_timeout(300)
    assert many.evaluate("window.printedAt") is None
    assert many.locator(".cams-qr-sheet").count() == 0
    assert many.evaluate("document.querySelector('cams-qr').shadowRoot.activeElement.id") == "print"


@pytest.mark.thorough
def test_what_takes_long_shows_how_far_it_is_and_can_be_cancelled(many: Page) -> None:
    downloads: list[object] = []
    many.on("download", lambda download: downloads.append(download))
    many.locator("#download").click()
    many.get_by_role("menuitem", name="PNG").click()
    bar = many.wait_for_selector("progress")
    assert bar
    assert 0 <= bar.evaluate("bar => bar.value") < bar.evaluate("bar => bar.max") == 2000
    told = "document.querySelector('cams-qr').shadowRoot.querySelector('.progress p').textContent"
    wait_for(many, lambda: bool(re.fullmatch(r"Drawing the codes… [\d,]+ of 2,000", many.evaluate(told))))
    many.keyboard.press("Enter")
    many.wait_for_selector("progress", state="detached")
    many.wait_for_timeout(300)
    assert downloads == []


@pytest.mark.thorough
def test_work_ends_with_the_element(many: Page) -> None:
    downloads: list[object] = []
    many.on("download", lambda download: downloads.append(download))
    many.locator("#download").click()
    many.get_by_role("menuitem", name="PNG").click()
    many.wait_for_selector("progress")
    many.evaluate("""() => {
      const element = document.querySelector("cams-qr");
      // Moved, it goes on.
      document.body.append(element);
      window.progress = element.shadowRoot.querySelector("progress");
      window.goesOn = new Promise((resolve) => {
        const before = window.progress.value;
        const look = () => (window.progress.value > before ? resolve(true) : setTimeout(look, 20));
        look();
      });
    }""")
    assert many.evaluate("window.goesOn")
    many.evaluate("document.querySelector('cams-qr').remove()")
    many.wait_for_timeout(500)
    stopped = many.evaluate("window.progress.value")
    many.wait_for_timeout(500)
    assert many.evaluate("window.progress.value") == stopped < 2000
    assert downloads == []


@pytest.mark.thorough
def test_2000_are_filtered_as_one_types(many: Page) -> None:
    took = many.evaluate("""() => new Promise((resolve) => {
      const filter = document.querySelector("cams-qr").shadowRoot.querySelector("#filter");
      const began = performance.now();
      filter.value = "Table 19";
      filter.dispatchEvent(new Event("input"));
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
    })""")
    assert took < 500
    assert many.locator(".status").text_content() == "139 of 2,000 QR codes"


@pytest.mark.thorough
def test_what_comes_into_sight_is_drawn(many: Page) -> None:
    assert many.locator(".drawing").count() < 100
    last = many.locator(".card").last
    last.scroll_into_view_if_needed()
    last.locator(".drawing").wait_for()


@pytest.mark.thorough
def test_one_code_needs_no_bar(site: Site) -> None:
    page = site.open()
    ask(page, "6281200001234")
    wait_for_drawings(page, 1)
    page.get_by_role("button", name="More actions for").click()
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator(".card input")).to_be_hidden()
