"""report.html in a browser: tables and plots are sorted, filtered and lit."""

import re
from pathlib import Path

from bench.report.render.html import render
from bench.report.render.view import Cell, Column, Section, Table, View
from tests.browser.conftest import Visit
from tests.browser.parts import Open, arms_table, column


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


def test_a_copy_to_publish_sorts_and_leads_nowhere(visit: Open, pages: dict[str, Path]) -> None:
    seen = visit(pages["shared"])
    assert seen.page.locator("button.cell, #to-examples, #data").count() == 0
    arms_table(seen).get_by_role("columnheader", name="qa", exact=True).get_by_role("button").click()
    values = [float(text.split()[0]) for text in column(arms_table(seen), "qa")]
    assert values == sorted(values, reverse=True)


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
