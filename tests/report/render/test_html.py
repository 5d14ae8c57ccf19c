"""report.html: one file to send. What it must hold, and what it must never do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.control_codes import visible
from bench.record.rundir import RunDirectory
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.html import render
from bench.report.render.view import Bullets, Paragraph, Table, View
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
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in page.attributes


def test_it_says_every_word_of_the_report(hostile: View, page: Page) -> None:
    """The page is the report, not an extract of it; foreign text stands there as text."""
    said = set(page.texts)
    sections = [section for section in hostile.sections if section.only != "terminal"]
    assert {visible(section.title) for section in sections} <= said
    assert any("<" in text for text in said), "the enemy's markup must be part of what is tried"
    for block in (block for section in sections for block in section.blocks):
        cells = []
        if isinstance(block, Table) and block.only != "terminal":
            cells = [column.title for column in block.columns] + [cell.text for row in block.rows for cell in row]
        elif isinstance(block, Bullets):
            cells = [item.text for item in block.items]
        elif isinstance(block, Paragraph) and block.only != "terminal":
            cells = [block.text]
        assert {visible(text).strip() for text in cells} <= said | {""}


def test_a_sentence_in_a_table_keeps_its_width_on_a_narrow_screen() -> None:
    """Squeezed to a word a line it makes a row as tall as the screen; the table scrolls sideways instead."""
    text = render(compose(compare(make_run(examples=20), replicates=50)), {})
    said = re.findall(r'<td( class="prose")?>(?:<span[^>]*>)?([^<]+)', text)
    assert {bool(mark) for mark, words in said if len(words) > 70} == {True}
    assert not any(mark for mark, words in said if len(words) < 50)


def test_plots_are_inside(tmp_path: Path) -> None:
    """One file is enough: moved away from its folder, it still shows everything."""
    make_run(tmp_path, examples=20).write()
    write_report(RunDirectory(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r'<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]{1000,}"', text)) == 4
    assert 'src="plots/' not in text
