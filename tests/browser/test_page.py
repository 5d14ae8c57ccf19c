"""report.html in a browser: the page as a whole, on any screen, by keys, on paper."""

from pathlib import Path

import pytest

from tests.browser.conftest import Visit
from tests.browser.parts import Open, arms_table, unfold

UNFOLDED = "document.querySelectorAll('main details').forEach(fold => { fold.open = true; })"
WIDTHS = (360, 768, 1280)


@pytest.mark.parametrize("name", ["complete", "broken", "hostile", "shared"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_loads_itself_alone_and_complains_of_nothing(
    visit: Open, pages: dict[str, Path], name: str, theme: str
) -> None:
    seen = visit(pages[name], theme=theme)
    assert seen.said == []
    assert seen.asked == [pages[name].as_uri()]


def test_keys_do_what_the_list_says(complete: Visit) -> None:
    complete.page.keyboard.press("?")
    assert complete.page.get_by_role("dialog").is_visible()
    complete.page.get_by_role("button", name="Close").click()
    complete.page.keyboard.press("e")
    complete.page.keyboard.press("j")
    complete.page.keyboard.press("j")
    opened = complete.page.locator("#examples .example[open]")
    assert opened.count() == 1
    assert complete.page.locator("#examples .example").nth(1).get_attribute("open") is not None
    complete.page.keyboard.press("k")
    assert complete.page.locator("#examples .example").nth(0).get_attribute("open") is not None


def test_hostile_text_stays_text(visit: Open, pages: dict[str, Path]) -> None:
    seen = visit(pages["hostile"])
    before = seen.page.locator("script, img, iframe, a[href^=javascript]").count()
    cell = seen.page.locator("button.cell").first
    cell.click()
    for number in range(3):
        example = seen.page.locator("#examples .example").nth(number)
        unfold(example)
        example.get_by_role("button", name="Every arm's answer").click()
    assert "<" in seen.page.locator("#examples").inner_text(), "the enemy's markup must be part of what is tried"
    assert seen.page.locator("script, img, iframe, a[href^=javascript]").count() == before
    assert seen.page.evaluate("Object.keys(window).filter(key => /hack|pwn|owned/i.test(key))") == []
    assert seen.said == []


def test_the_page_is_whole_without_script(visit: Open, pages: dict[str, Path]) -> None:
    seen = visit(pages["complete"], script=False)
    assert seen.page.locator("main table").first.is_visible()
    assert seen.page.locator(".plot > svg").count() > 10
    assert seen.page.locator("button").count() == 0
    assert "With script" in seen.page.locator("noscript").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["complete", "broken"])
def test_nothing_is_beyond_the_edge_of_the_screen(visit: Open, pages: dict[str, Path], width: int, name: str) -> None:
    """Reasons were off the screen of a telephone: a table with sentences is a list there, tables of figures scroll."""
    seen = visit(pages[name], width=width)
    seen.page.evaluate(UNFOLDED)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = seen.page.locator("table.stack td").evaluate_all(
        "(cells, width) => cells.filter(c => c.getBoundingClientRect().right > width + 1).map(c => c.textContent)",
        width,
    )
    assert width > 700 or beyond == []


def test_the_arms_table_fits_a_small_laptop(visit: Open, pages: dict[str, Path]) -> None:
    """Its last column was cut at 1024 pixels."""
    table = arms_table(visit(pages["complete"], width=1024))
    wide = table.locator("xpath=..").evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert wide[0] <= wide[1]


@pytest.mark.parametrize("width", [360, 500])
def test_every_figure_of_an_arm_is_on_a_telephone(visit: Open, pages: dict[str, Path], width: int) -> None:
    """The table of arms was cut at 500 pixels, and nothing said that it goes on."""
    table = arms_table(visit(pages["complete"], width=width))
    cells = table.locator("tbody td, tbody th").evaluate_all(
        "cells => cells.map(cell => [cell.getBoundingClientRect().left, cell.getBoundingClientRect().right])"
    )
    assert len(cells) == 7 * 9
    assert all(0 <= left < right <= width for left, right in cells)


def test_the_picture_is_beside_the_answer_on_a_wide_screen_and_below_it_on_a_narrow_one(
    visit: Open, pages: dict[str, Path]
) -> None:
    """The first screen is the answer and one picture: at 1440 pixels the picture was below it."""
    for width, beside in ((1440, True), (768, False)):
        page = visit(pages["complete"], width=width).page
        picture, text = (page.locator(which).first.bounding_box() for which in (".beside figure", ".beside p"))
        assert (picture["x"] > text["x"] + text["width"]) is beside
        assert not beside or picture["y"] < 400


def test_print_leaves_the_tools_out(complete: Visit) -> None:
    complete.page.emulate_media(media="print", color_scheme="dark")
    assert complete.page.locator(".bar").is_hidden()
    assert complete.page.locator(".tools").first.is_hidden()
    paper = complete.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1280, "light")])
def test_axe_finds_nothing_serious(visit: Open, pages: dict[str, Path], width: int, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    seen = visit(pages["broken"], width=width, theme=theme)
    seen.page.evaluate(UNFOLDED)
    seen.page.locator("button.cell").first.click()
    seen.page.locator("#examples .example > summary").first.click()
    found = axe.run(seen.page).response["violations"]
    serious = [
        (entry["id"], entry["nodes"][0]["html"][:200]) for entry in found if entry["impact"] in {"serious", "critical"}
    ]
    assert serious == []
