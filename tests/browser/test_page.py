"""report.html in a browser: what a reader does with it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.report.render.html import render
from bench.report.render.view import Cell, Column, Section, Table, View
from tests.browser.conftest import Visit

Open = Callable[..., Visit]
UNFOLDED = "document.querySelectorAll('main details').forEach(fold => { fold.open = true; })"
WIDTHS = (360, 768, 1280)


@pytest.fixture
def complete(visit: Open, pages: dict[str, Path]) -> Visit:
    return visit(pages["complete"])


@pytest.mark.parametrize("name", ["complete", "broken", "hostile", "shared"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_loads_itself_alone_and_complains_of_nothing(
    visit: Open, pages: dict[str, Path], name: str, theme: str
) -> None:
    seen = visit(pages[name], theme=theme)
    assert seen.said == []
    assert seen.asked == [pages[name].as_uri()]


def arms_table(seen: Visit) -> Any:
    """The table with a row for each arm and a column for each eval."""
    heads = [seen.page.get_by_role("columnheader", name=name, exact=True) for name in ("Arm", "qa", "Tokens/s")]
    table = seen.page.locator("main table")
    for head in heads:
        table = table.filter(has=head)
    return table.first


def column(table: Any, title: str) -> list[str]:
    """Texts of a column's visible cells."""
    place = 1 + table.locator("thead th").all_inner_texts().index(title)
    return [text.strip() for text in table.locator(f"tbody tr:visible > :nth-child({place})").all_inner_texts()]


def test_a_click_on_a_title_sorts_and_the_third_restores(complete: Visit) -> None:
    table = arms_table(complete)
    head = table.get_by_role("columnheader", name="qa", exact=True)

    def values() -> list[float]:
        return [float(text.split()[0]) for text in column(table, "qa")]

    before = values()
    head.get_by_role("button").click()
    assert values() == sorted(before, reverse=True) != before
    assert head.get_attribute("aria-sort") == "descending"
    head.get_by_role("button").press("Enter")
    assert values() == sorted(before)
    head.get_by_role("button").press("Enter")
    assert values() == before


def test_a_title_s_meaning_is_reached_by_keys(complete: Visit) -> None:
    """A tooltip needs a pointer."""
    button = arms_table(complete).get_by_role("columnheader", name="Tokens/s").get_by_role("button")
    button.focus()
    tip = complete.page.locator(".tip")
    assert "Non-padding tokens per second" in tip.inner_text()
    box = tip.bounding_box()
    assert box["x"] >= 0
    button.blur()
    assert tip.is_hidden()


def test_cells_are_sorted_by_what_they_mean(visit: Open, tmp_path: Path) -> None:
    """`720 MiB` is less than `11.3 GiB`, `3 min 32 s` more than `38 s`; a mark before a number is no part of it; what
    is missing comes last, whichever way."""
    columns = {
        "memory": ["720 MiB", "1,204 MiB", "11.3 GiB", "–"],
        "seconds": ["38 s", "3 min 32 s", "1 h 05 min", "failed: out of memory"],
        "delta": ["−0.020 [−0.03, −0.01]", "0.000 [−0.1, 0.1]", "+0.551 [+0.5, +0.6]", "no pair scored"],
        "p": ["<0.001", "0.031", "1.000", "–"],
        "tokens": ["60.0K", "123,456", "1.9M", "–"],
        "name": ["arm_2", "arm_9", "arm_10", "arm_11"],
    }
    rows = tuple(tuple(Cell(text=text) for text in row) for row in zip(*columns.values(), strict=True))
    table = Table(columns=tuple(Column(title=title) for title in columns), rows=rows[::-1])
    section = Section(title="Table", blocks=(table,))
    status = Cell(text="Complete")
    view = View(title="t", banner=None, question="q", status=status, complete=True, sections=(section,))
    (tmp_path / "page.html").write_text(render(view, {}), encoding="utf-8")
    seen = visit(tmp_path / "page.html")
    for title, ascending in columns.items():
        numbers = title != "name"
        expected = [*ascending[:3][::-1], ascending[3]] if numbers else ascending[::-1]
        shown = seen.page.locator("main table")
        seen.page.get_by_role("columnheader", name=title, exact=True).get_by_role("button").click()
        assert column(shown, title) == expected
        seen.page.get_by_role("columnheader", name=title, exact=True).get_by_role("button").click()
        assert column(shown, title) == ascending


def test_arms_are_filtered_everywhere_and_the_base_stays(complete: Visit) -> None:
    complete.page.keyboard.press("/")
    complete.page.keyboard.type("lima lora")
    assert column(arms_table(complete), "Arm") == ["base", "lima_1k/lora"]
    dimmed = complete.page.locator(".plot g.off").evaluate_all("groups => new Set(groups.map(g => g.dataset.arm)).size")
    assert dimmed >= 5
    complete.page.keyboard.press("Control+a")
    complete.page.keyboard.press("Delete")
    assert len(column(arms_table(complete), "Arm")) == 7


def test_claims_stay_lit_where_one_side_is_the_arm(complete: Visit) -> None:
    """A filter for an arm, or a pointer on it, greyed the claims that it is a side of."""
    claims = complete.page.locator('.beside .plot g[data-arm*=" >= "], .beside .plot g[data-arm*=" > "]')
    named = claims.evaluate_all("groups => groups.map(group => group.dataset.arm)")
    about = {claim for claim in named if "lima_1k/full" in claim.split()}
    assert about
    assert about != set(named)
    dimmed = "groups => groups.filter(group => getComputedStyle(group).opacity < 1).map(group => group.dataset.arm)"
    arms_table(complete).locator("tbody th").filter(has_text="lima_1k/full").hover()
    assert not about & set(claims.evaluate_all(dimmed))
    complete.page.locator("h1").hover()
    complete.page.keyboard.press("/")
    complete.page.keyboard.type("lima_1k/full")
    assert set(claims.evaluate_all(dimmed)) == set(named) - about


def test_a_plot_without_the_arm_stays_as_it_is(complete: Visit) -> None:
    light = complete.page.locator(".plot.lit").count
    arms_table(complete).locator("tbody th").filter(has_text="random_1k/lora").hover()
    assert 0 < light() < complete.page.locator(".plot").count()


def test_rows_are_filtered_and_columns_hidden(complete: Visit) -> None:
    table = arms_table(complete)
    tools = complete.page.locator(".tools").filter(has=complete.page.get_by_label("Tokens/s")).first
    tools.get_by_role("searchbox").fill("alpaca")
    assert column(table, "Arm") == ["alpaca_52k/full", "alpaca_52k/lora"]
    tools.get_by_text("Columns").click()
    tools.get_by_label("qa").uncheck()
    heads = complete.page.locator("main table thead").filter(has_text="Tokens/s").first.locator("th:visible")
    assert "qa" not in heads.all_inner_texts()
    assert "choice" in heads.all_inner_texts()


def unfold(example: Any) -> None:
    """Open an example; what is in it comes a moment after the click."""
    example.locator("summary").click()
    example.locator(".body").wait_for()


def open_cell(seen: Visit, arm: str, name: str) -> Any:
    cell = seen.page.locator(f'button.cell[title^="Examples: {arm} on {name}"]').first
    cell.scroll_into_view_if_needed()
    cell.click()
    seen.page.wait_for_selector("#examples:visible")
    return cell


def test_a_cell_leads_to_its_examples_and_back(complete: Visit) -> None:
    cell = open_cell(complete, "lima_1k/full", "qa")
    pane = complete.page.locator("#examples")
    assert pane.get_by_label("Arm").input_value() == "lima_1k/full"
    assert pane.get_by_label("Against").input_value() == "base"
    assert re.search(r"lima_1k/full − base: \+0\.\d+ \[\+0\.\d+, \+0\.\d+\] better, p", pane.inner_text())
    first = pane.locator(".example").first
    unfold(first)
    said = first.inner_text()
    assert "Prompt" in said
    assert "Expected" in said
    assert {"base", "lima_1k/full"} <= set(first.locator("h4").all_inner_texts())
    assert first.locator("ins, del").count() > 0, "what differs is marked"
    assert re.search(r"#0 [✓✗]", said), "each seed has its score"
    first.get_by_role("button", name="Every arm's answer").click()
    assert first.locator("tbody th").filter(has_text="alpaca_52k/lora").count() > 0
    complete.page.keyboard.press("Escape")
    assert pane.is_hidden()
    assert cell.evaluate("button => button === document.activeElement")


def test_a_claim_leads_to_the_examples_of_its_two_arms(complete: Visit) -> None:
    """The button led to arm and base alone: of what the first sentence compares nothing seemed lost."""
    pane = complete.page.locator("#examples")
    sides = [pane.get_by_label(label) for label in ("Eval", "Arm", "Against")]
    complete.page.get_by_role("button", name="lima_1k/full > random_1k/full on qa", exact=True).click()
    assert [side.input_value() for side in sides] == ["qa", "lima_1k/full", "random_1k/full"]
    assert "Before the arrow: random_1k/full; after it: lima_1k/full. ✓ right, ✗ wrong." in pane.inner_text()
    complete.page.keyboard.press("Escape")
    complete.page.get_by_role("button", name="Examples", exact=True).click()
    assert [side.input_value() for side in sides] == ["instructions", "lima_1k/full", "alpaca_52k/full"]


@pytest.mark.parametrize(("name", "options"), [("choice", 2), ("qa", 0)])
def test_an_example_that_was_chosen_shows_what_it_was_chosen_from(complete: Visit, name: str, options: int) -> None:
    open_cell(complete, "lima_1k/full", name)
    first = complete.page.locator("#examples .example").first
    unfold(first)
    shown = first.locator(".options li").all_inner_texts()
    assert len(shown) == options
    assert sum(option.endswith(" ✓") for option in shown) == min(1, options), "the expected one"


def test_an_example_without_an_answer_says_what_was_scored(complete: Visit) -> None:
    """Of a likelihood of one text it said that options decide, of which there are none."""
    open_cell(complete, "lima_1k/full", "heldout")
    first = complete.page.locator("#examples .example").first
    unfold(first)
    assert first.inner_text().count("no text: the likelihood of the expected text decides") == 2


@pytest.mark.parametrize(("arm", "name", "show"), [("lima_1k/full", "qa", "gained"), ("lima_1k/full", "cloze", "lost")])
def test_a_cell_leads_to_the_examples_behind_its_word(complete: Visit, arm: str, name: str, show: str) -> None:
    """`worse` leads to what was lost, `better` to what was won; so do the differences of the eval's own table."""
    word = {"gained": "better", "lost": "worse"}[show]
    said = {"gained": "better than the other", "lost": "worse than the other"}[show]
    cells = complete.page.locator(f'button.cell:has(small)[title="Examples: {arm} on {name}, {said}"]')
    assert cells.count() >= 2
    complete.page.get_by_role("button", name="Unfold").click()
    for cell in cells.all():
        assert word in cell.inner_text()
        cell.click()
        assert complete.page.locator("#examples").get_by_label("Show").input_value() == show
        assert complete.page.locator("#examples .flip").count() > 0
        complete.page.keyboard.press("Escape")


def test_lost_examples_are_those_that_the_other_answered_better(complete: Visit) -> None:
    open_cell(complete, "lima_1k/full", "cloze")
    pane = complete.page.locator("#examples")
    pane.get_by_label("Show").select_option("lost")
    counted = re.search(r"worse on (\d+) .*of (\d+)", pane.inner_text())
    marks = pane.locator(".flip").all_inner_texts()
    assert len(marks) == min(25, int(counted[1])) > 0
    for mark in marks:
        before, after = (
            1.0 if side == "✓" else 0.0 if side == "✗" else float(side.rstrip("% ✓")) / 100
            for side in mark.split(" → ")
        )
        assert after < before


def test_a_lower_loss_is_better(complete: Visit) -> None:
    open_cell(complete, "lima_1k/full", "heldout")
    pane = complete.page.locator("#examples")
    pane.get_by_label("Show").select_option("gained")
    pairs = [[float(side) for side in mark.split(" → ")] for mark in pane.locator(".flip").all_inner_texts()]
    assert pairs
    assert all(after < before for before, after in pairs)


def test_a_copy_to_publish_sorts_and_leads_nowhere(visit: Open, pages: dict[str, Path]) -> None:
    seen = visit(pages["shared"])
    assert seen.page.locator("button.cell, #to-examples, #data").count() == 0
    arms_table(seen).get_by_role("columnheader", name="qa", exact=True).get_by_role("button").click()
    values = [float(text.split()[0]) for text in column(arms_table(seen), "qa")]
    assert values == sorted(values, reverse=True)


def test_any_two_arms_are_contrasted_by_the_report_s_rules(complete: Visit, pages: dict[str, Path]) -> None:
    open_cell(complete, "lima_1k/full", "qa")
    pane = complete.page.locator("#examples")
    pane.get_by_label("Against").select_option("alpaca_52k/lora")
    assert "(against zero; Holm over all pairs of arms)" in pane.inner_text()
    words = re.search(r"lima_1k/full − alpaca_52k/lora: ([+−]?\d\.\d+) \[", pane.inner_text())
    scores = complete.page.locator('button.cell[title*=" on qa"]').evaluate_all(
        "cells => Object.fromEntries(cells.map(c => [c.title.split(',')[0], parseFloat(c.textContent)]).reverse())"
    )
    shown = scores["Examples: lima_1k/full on qa"] - scores["Examples: alpaca_52k/lora on qa"]
    assert float(words[1].replace("−", "-")) == pytest.approx(shown, abs=0.0015)


def test_a_search_finds_text_of_questions_and_answers(complete: Visit) -> None:
    open_cell(complete, "lima_1k/full", "qa")
    pane = complete.page.locator("#examples")
    identity = pane.locator(".example").nth(3)
    unfold(identity)
    name = re.search(r"Prompt \((.*)\)", identity.inner_text())
    pane.get_by_label("Search").fill(name[1].split(", ")[-1])
    assert 1 <= pane.locator(".example").count() < 25
    pane.get_by_label("Search").fill("nothing has these words")
    assert pane.locator(".example").count() == 0


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("Where is it?", "Where is it?"),
        ("Question: Where is it?\nAnswer:", "Question: Where is it?"),
        (
            "It lies by a river.\n\nQuestion: Where is it?\nThe right answer:\n",
            "It lies by a river. / Question: Where is it?",
        ),
        ("Answer:", "Answer:"),
        ("<|im_start|>user\nWhere is it?<|im_end|>\n<|im_start|>assistant\n", "Where is it?"),
        ("<|start_header_id|>user<|end_header_id|>\n\nWhere is it?<|eot_id|>", "Where is it?"),
    ],
)
def test_an_example_is_named_by_what_its_question_says(complete: Visit, question: str, shown: str) -> None:
    """By the last line alone, six of ten questions of a real run were `Answer:`."""
    script = complete.page.locator("script:not([type])").inner_text()
    (heading,) = re.findall(r"^function heading\(.*?^}$", script, re.S | re.M)
    assert complete.page.evaluate(f"(question) => {{ {heading} return heading(question); }}", question) == shown


def test_training_rows_show_what_is_learned(complete: Visit) -> None:
    complete.page.get_by_role("button", name="Training rows").click()
    rows = complete.page.locator("#rows")
    rows.get_by_label("Arm").select_option("random_1k/lora")
    text = rows.locator("pre")
    assert text.locator("mark").all_inner_texts() == [" In a town.</s>"]
    assert text.inner_text() == "User: Where is it? <b>\nAssistant: In a town.</s>"
    learned, masked = (text.locator(kind).evaluate("node => getComputedStyle(node).color") for kind in ("mark", "span"))
    assert learned != masked


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


def test_plots_are_read_by_pointer_and_by_keys(complete: Visit) -> None:
    complete.page.get_by_role("button", name="Unfold").click()
    plot = complete.page.locator(".plot > svg:has(g[data-arm] ~ g[data-arm])").first
    plot.scroll_into_view_if_needed()
    plot.locator("g[data-arm]").nth(1).hover()
    tip = complete.page.locator(".tip")
    assert re.search(r"\d\.\d", tip.inner_text())
    plot.focus()
    plot.press("ArrowDown")
    first = tip.inner_text()
    plot.press("ArrowDown")
    assert tip.is_visible()
    assert tip.inner_text() != first
    curve = complete.page.locator(".plot > svg:has([data-axes])").first
    curve.scroll_into_view_if_needed()
    box = curve.bounding_box()
    complete.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.6)
    assert re.search(r": [\d.,-]+ at [\d.,]+", tip.inner_text())


def test_an_arm_under_the_pointer_is_lit_in_every_plot(complete: Visit) -> None:
    complete.page.get_by_role("button", name="Unfold").click()
    arms_table(complete).locator("tbody th").filter(has_text="random_1k/lora").hover()
    lit = complete.page.locator(".plot g.on")
    assert set(lit.evaluate_all("groups => groups.map(group => group.dataset.arm)")) == {"random_1k/lora"}
    assert lit.count() >= 10
    complete.page.locator("h1").hover()
    assert lit.count() == 0


def test_a_link_to_examples_opens_them(visit: Open, pages: dict[str, Path], browser: Any) -> None:
    seen = visit(pages["complete"])
    open_cell(seen, "random_1k/full", "choice")
    address = seen.page.url
    other = browser.new_page()
    other.goto(address)
    other.wait_for_selector("#examples:visible")
    assert other.locator("#examples").get_by_label("Arm").input_value() == "random_1k/full"
    other.close()
    seen.page.keyboard.press("Escape")
    seen.page.evaluate("address => { location.hash = address; }", address.partition("#")[2].replace("choice", "qa"))
    seen.page.wait_for_selector("#examples:visible")
    assert seen.page.locator("#examples").get_by_label("Eval").input_value() == "qa", "in an open page, too"


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
