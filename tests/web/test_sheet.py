"""The print sheet, as rendered in Chromium's PDF."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Page, expect

from tests.conftest import further
from tests.web.site import Site, ask, dress, keep_image, make_list, no_barriers, read, wait_for

pytestmark = pytest.mark.browser

POINTS = {"A4": (595.3, 841.9), "Letter": (612, 792)}
GRIDS = {1: (1, 1), 4: (2, 2), 8: (2, 4), 12: (3, 4), 24: (4, 6)}
MARGIN = 10 / 25.4 * 72
LONG = "A message that does not end, " * 30
COUNT = 25
# The sheets of which pictures are kept.
PICTURED = [*[("A4", per_page) for per_page in GRIDS], ("Letter", 8)]


def message_of(index: int) -> str:
    return LONG if index == 1 else f"Table {index}"


def link_of(index: int) -> str:
    return f"https://wa.me/message/CODE{index:09}"


def code(index: int) -> dict[str, Any]:
    return {"code": f"CODE{index}", "prefilledMessage": message_of(index), "deepLinkUrl": link_of(index)}


@pytest.fixture
def page(site: Site) -> Page:
    page = site.open()
    page.evaluate("void (window.print = () => (window.printed = true))")
    site.answer(page, make_list(*[code(index) for index in range(COUNT)]))
    ask(page)
    expect(page.locator("#filter")).to_be_visible()
    return page


def print_sheet(page: Page, paper: str, per_page: int) -> None:
    """From the open dialog until the browser's own would come up."""
    page.get_by_label("Paper").select_option(paper)
    page.get_by_label("Codes per page").select_option(str(per_page))
    page.get_by_role("button", name="Print", exact=True).click()
    wait_for(page, lambda: page.evaluate("!!window.printed"))


@contextmanager
def pdf_of(page: Page) -> Iterator[pypdfium2.PdfDocument]:
    """What Chromium prints. Closed here: PDFium bears no garbage collection from the servers' threads."""
    document = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True))
    try:
        yield document
    finally:
        document.close()


def places(sheet: pypdfium2.PdfPage) -> Iterator[tuple[float, float]]:
    """The middle of each link on the page, from its top left corner."""
    text = sheet.get_textpage()
    finder = text.search("https://")
    while found := finder.get_next():
        left, _, _, top = text.get_charbox(found[0])
        end = text.get_text_range(found[0], 40).find("\r")
        right = text.get_charbox(found[0] + (end if end > 0 else 30) - 1)[2]
        yield (left + right) / 2, sheet.get_height() - top


def lowest(drawing: zxingcpp.Barcode) -> float:
    return float(max(drawing.position.bottom_left.y, drawing.position.bottom_right.y)) / 300 * 72


def heights(sheet: pypdfium2.PdfPage, words: str) -> tuple[float, float]:
    """Where the first of these words begins and ends, from the top."""
    text = sheet.get_textpage()
    found = text.search(words).get_next()
    assert found
    _, bottom, _, top = text.get_charbox(found[0])
    return sheet.get_height() - top, sheet.get_height() - bottom


def words(sheet: pypdfium2.PdfPage) -> str:
    """The page's text, without the gaps that depend on the font."""
    return "".join(sheet.get_textpage().get_text_range().split())


# What some pages say of how they are printed, with as much weight as they can give it.
HOSTILE = """@media print {
html, body { height: 100% !important; max-width: 30rem !important; overflow: hidden !important;
  position: fixed !important; transform: rotate(3deg) !important; zoom: 2 !important; columns: 2 !important }
body { display: flex !important; padding: 3rem !important; page: shop !important }
body > div { display: none !important; padding: 3rem !important; border: 1rem solid red !important }
body::before { content: "Shop" !important; display: block !important; height: 50vh !important }
@page { size: landscape; margin: 3cm }
@page :first { margin: 5cm }
@page shop { margin: 4cm }
}"""


# Whether the page's own style is hostile, the paper, and the codes on a page.
SHEETS = [(style, paper, per_page) for style in ("", HOSTILE) for paper in POINTS for per_page in GRIDS]
FIRST = [(HOSTILE, "A4", 8)]


@pytest.mark.parametrize(
    ("style", "paper", "per_page"),
    [*FIRST, *further(*(sheet for sheet in SHEETS if sheet not in FIRST))],
    ids=lambda value: {"": "our page", HOSTILE: "a hostile page"}.get(value),
)
def test_each_code_has_its_place(page: Page, paper: str, per_page: int, style: str) -> None:
    page.locator("#print").click()
    dress(page, style)
    print_sheet(page, paper, per_page)
    link = page.locator(".cams-qr-sheet .link").first
    assert link.evaluate("link => parseFloat(getComputedStyle(link).fontSize)") >= 6 * 96 / 72
    assert "system-ui" in link.evaluate("link => getComputedStyle(link).fontFamily")
    columns, rows = GRIDS[per_page]
    width, height = ((side - 2 * MARGIN) / count for side, count in zip(POINTS[paper], (columns, rows), strict=True))
    with pdf_of(page) as document:
        assert len(document) == -(-COUNT // per_page)
        assert document[0].get_size() == pytest.approx(POINTS[paper], abs=1)
        seen = [
            (number, (x - MARGIN) // width, (y - MARGIN) // height)
            for number, sheet in enumerate(document)
            for x, y in places(sheet)
        ]
        drawings = {code.text: code for code in zxingcpp.read_barcodes(document[0].render(scale=300 / 72).to_pil())}
        for index in range(min(per_page, COUNT)):
            url = link_of(index)
            message, below = (
                heights(document[0], message_of(index)[:8]),
                heights(document[0], url.removeprefix("https://")),
            )
            assert lowest(drawings[url]) < message[0] < message[1] < below[0]
            # Whatever the length of the messages, the drawings of a row are at one height.
            first_of_row = link_of(index // columns * columns)
            assert lowest(drawings[url]) == pytest.approx(lowest(drawings[first_of_row]), abs=1)
        if not style and (paper, per_page) in PICTURED:
            keep_image(document[0].render().to_pil(), f"sheet-{paper}-{per_page}".lower())
    assert seen == [
        (index // per_page, index % per_page % columns, index % per_page // columns) for index in range(COUNT)
    ]
    assert sorted(drawings) == [link_of(index) for index in range(min(per_page, COUNT))]


@pytest.mark.thorough
def test_lines_to_cut_along(page: Page) -> None:
    page.locator("#print").click()
    print_sheet(page, "A4", 4)
    with pdf_of(page) as document:
        image = document[0].render(scale=2).to_pil().convert("L")
    middle = image.width // 2
    across = [min(image.getpixel((x, y)) for x in range(middle - 3, middle + 4)) for y in range(image.height)]
    assert 0.3 < sum(shade < 200 for shade in across) / image.height < 0.8


def edges(page: Page) -> list[bool]:
    """Whether there is a line at the left edge of the first page's codes, and at the right edge."""
    with pdf_of(page) as document:
        image = document[0].render(scale=2).to_pil().convert("L")
    margin = round(2 * MARGIN)
    strips = (range(margin - 3, margin + 4), range(image.width - margin - 4, image.width - margin + 3))
    across = (
        [min(image.getpixel((x, y)) for x in strip) for y in range(margin, image.height - margin)] for strip in strips
    )
    return [sum(shade < 200 for shade in edge) / len(edge) > 0.3 for edge in across]


@pytest.mark.thorough
@pytest.mark.parametrize("direction", ["rtl", *further("ltr")])
def test_lines_to_cut_along_on_both_sides(page: Page, direction: str) -> None:
    page.evaluate("direction => void (document.documentElement.dir = direction)", direction)
    page.locator("#print").click()
    print_sheet(page, "A4", 4)
    assert edges(page) == [True, True]


@pytest.mark.thorough
@pytest.mark.parametrize("colours", [{"color_scheme": "dark"}, {"forced_colors": "active", "color_scheme": "dark"}])
def test_black_on_white_whatever_the_screen_shows(site: Site, colours: Any) -> None:
    page = site.open(**colours)
    page.evaluate("void (window.print = () => (window.printed = true))")
    site.answer(page, make_list(code(1), code(2)))
    ask(page)
    page.locator("#print").click()
    print_sheet(page, "A4", 4)
    with pdf_of(page) as document:
        image = document[0].render(scale=2).to_pil().convert("L")
    assert sorted(read(image)) == ["https://wa.me/message/CODE000000001", "https://wa.me/message/CODE000000002"]
    assert image.getpixel((5, 5)) == 255


def test_only_the_chosen_and_then_the_page_again(page: Page) -> None:
    for index in (2, 4):
        page.locator(".card input").nth(index).check()
    page.locator("#print").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("2 codes · 1 page")
    no_barriers(page)
    print_sheet(page, "A4", 8)
    with pdf_of(page) as document:
        (said,) = map(words, document)
    assert said == "Table2https://wa.me/message/CODE000000002Table4https://wa.me/message/CODE000000004"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator(".cams-qr-sheet")).to_have_count(0)
    with pdf_of(page) as document:
        assert "Table3" in "".join(map(words, document))


@pytest.mark.thorough
def test_a_message_is_written_in_its_own_direction(site: Site) -> None:
    page = site.open()
    page.evaluate("void (window.print = () => (window.printed = true))")
    messages = ["مرحبا، أود حجز طاولة.", "Hello"]
    site.answer(page, make_list(*({**code(index), "prefilledMessage": said} for index, said in enumerate(messages))))
    ask(page)
    direction = "nodes => nodes.map((node) => getComputedStyle(node).direction)"
    page.locator(".card .prefilled").first.wait_for()
    assert page.locator(".card .prefilled").evaluate_all(direction) == ["rtl", "ltr"]
    page.locator("#print").click()
    print_sheet(page, "A4", 4)
    assert page.locator(".cams-qr-sheet .message").evaluate_all(direction) == ["rtl", "ltr"]


@pytest.mark.thorough
def test_one_code_from_its_menu(page: Page) -> None:
    page.get_by_role("button", name="More actions for CODE7").click()
    page.get_by_role("menuitem", name="Print").click()
    print_sheet(page, "Letter", 1)
    with pdf_of(page) as document:
        (drawn,) = (read(sheet.render(scale=2).to_pil()) for sheet in document)
    assert drawn == ["https://wa.me/message/CODE000000007"]


@pytest.mark.thorough
@pytest.mark.parametrize(("locale", "paper"), [("en-US", "Letter"), ("de-DE", "A4")])
def test_the_paper_is_that_of_the_country(site: Site, locale: str, paper: str) -> None:
    page = site.open(locale=locale)
    ask(page)
    page.locator("#print").click()
    expect(page.get_by_label("Paper")).to_have_value(paper)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#print")).to_be_focused()
