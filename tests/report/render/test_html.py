"""report.html: one file to send. What it must hold, and what it must never do."""

import base64
import hashlib
import html
import re
from pathlib import Path

import pytest

from bench.control_codes import visible
from bench.record.rundir import RunDirectory
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.html import _FOLDER, _SCRIPTS, render
from bench.report.render.markdown import render as render_markdown
from bench.report.render.view import Bullets, Cell, Column, Paragraph, Section, Table, View
from bench.report.write import write_report
from tests.fakes.page import Page
from tests.fakes.records import make_run


@pytest.fixture(scope="module")
def hostile() -> View:
    """A report in which names, outputs and reasons come from an enemy."""
    run = make_run(examples=30, missing=0.05, failed_training="alpaca_52k/lora#1", hostile=True)
    return compose(compare(run, replicates=100))


@pytest.fixture(scope="module")
def page(hostile: View) -> Page:
    return Page(render(hostile, {}))


def test_nothing_in_it_runs_or_reaches_out(page: Page) -> None:
    """Whoever opens a report that was sent to them runs nobody's code and tells nobody that they did."""
    page.assert_inert()
    policy = next(value for name, value in page.attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy, "no text becomes HTML, whatever the script does"


def test_the_policy_allows_the_page_s_own_style_and_script_alone() -> None:
    """A browser drops a style or a script whose hash is not the policy's: the page would be bare, or dead."""
    text = render(compose(compare(make_run(examples=20), replicates=100)), {}, "eJw=")
    policy = html.unescape(re.search(r'Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    for name, start in (("style-src", "<style>"), ("script-src", "<script>")):
        inside = text.partition(start)[2].partition("</")[0]
        expected = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert re.search(rf"{name} 'sha256-[^']*'(;|$)", policy)
        assert f"{name} 'sha256-{expected}'" in policy
    scripts = re.findall(r"<script([^>]*)>", text)
    assert scripts == [' type="application/octet-stream" id="data"', ""]


def test_every_part_of_the_script_is_in_the_page() -> None:
    assert {file.stem for file in _FOLDER.glob("*.js")} == set(_SCRIPTS)


def with_its_range(text: str, column: Column) -> list[str]:
    """A value and its interval, between which a line of a narrow cell may end."""
    value, sign, interval = text.partition(" [")
    return [value, f"[{interval}"] if sign and column.right else [text]


def test_it_says_every_word_of_the_report(hostile: View, page: Page) -> None:
    """The page is the report, not an extract of it; foreign text stands there as text."""
    said = set(page.texts)
    sections = [section for section in hostile.sections if section.only != "terminal"]
    assert {visible(section.title) for section in sections} <= said
    assert any("<" in text for text in said), "the enemy's markup must be part of what is tried"
    for block in (block for section in sections for block in section.blocks):
        cells = []
        if isinstance(block, Table) and block.only != "terminal":
            cells = [column.title for column in block.columns]
            cells += [
                part
                for row in block.rows
                for cell, column in zip(row, block.columns, strict=True)
                for part in with_its_range(cell.text, column)
            ]
        elif isinstance(block, Bullets) and block.only != "terminal":
            cells = [item.text for item in block.items]
        elif isinstance(block, Paragraph) and block.only != "terminal":
            cells = [block.text]
        assert {visible(text).strip() for text in cells} <= said | {""}


def test_a_table_with_sentences_is_a_list_on_a_narrow_screen() -> None:
    """Reasons beyond the edge of a telephone's screen were not read: such a row is a list there, each cell with its
    column's title."""
    page = render(compose(compare(make_run(examples=20, failed_training="lima_1k/full#0"), replicates=100)), {})
    stacked = re.findall(r'<table class="stack">.*?</table>', page, re.DOTALL)
    reasons = next(table for table in stacked if "out of memory" in table)
    assert set(re.findall(r'<td[^>]* data-title="([^"]*)"', reasons)) >= {"Why"} or "data-title" in reasons


def test_a_wide_row_of_figures_is_a_grid_on_a_narrow_screen_and_a_short_one_stays_a_row() -> None:
    """At 500 pixels the table of arms showed three of its eight columns, and nothing said that there were more."""
    page = render(compose(compare(make_run(examples=20), replicates=100)), {})
    tables = re.findall(r'<table(?: class="(\w+)")?>(.*?)</table>', page, re.DOTALL)
    assert [layout for layout, table in tables if "Seconds in all" in table] == ["cards", "cards"]
    arms = next(table for _, table in tables if "Seconds in all" in table)
    assert set(re.findall(r'data-title="([^"]*)"', arms)) >= {"qa", "heldout", "Memory"}
    assert [layout for layout, table in tables if ">Baseline<" in table or "seed: p" in table][:1] == [""]


def test_a_table_with_a_summary_is_folded_behind_it() -> None:
    columns, rows = (Column(title="Layers"),), ((Cell(text="layer 0"),),)
    table = Table(columns=columns, rows=rows, summary="42 groups of layers")
    view = View(
        title="t", banner=None, question="q", status=Cell(text="s"), complete=True,
        sections=(Section(title="Applied", blocks=(table,)),),
    )  # fmt: skip
    page = render(view, {})
    Page(page)
    assert re.search(
        r"<summary>42 groups of layers</summary>.*<table.*layer 0.*</table></div>\s*</details>", page, re.S
    )
    folded = render_markdown(view)
    assert "<summary>42 groups of layers</summary>\n\n| Layers |" in folded


def test_plots_are_inside(tmp_path: Path) -> None:
    """One file is enough: moved away from its folder, it still shows everything."""
    make_run(tmp_path, examples=20).write()
    write_report(RunDirectory(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<figure>\s*<div class=\"panels\">", text)) == 7
    assert text.count("<svg ") > 20
    assert "<img" not in text
    assert "plots/" not in text.replace("report.md", "")


def test_a_folded_section_holds_what_is_under_it() -> None:
    view = compose(compare(make_run(examples=20), replicates=100))
    sections = tuple(
        section.model_copy(update={"folded": section.level == 2 and number > 0})
        for number, section in enumerate(view.sections)
    )
    page = render(view.model_copy(update={"sections": sections}), {})
    Page(page)
    folded = [section for section in sections if section.folded and section.only != "terminal"]
    assert len(re.findall(r"<summary><h2 ", page)) == len(folded) > 3
