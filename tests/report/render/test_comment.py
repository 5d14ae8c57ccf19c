"""The comment on a pull request: it fits, has no image, and never leaves out the answer."""

import pytest

from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.comment import LIMIT, render
from bench.report.render.view import Cell, Column, Section, Table, View
from tests.fakes.records import make_run


@pytest.fixture(scope="module")
def view() -> View:
    return compose(compare(make_run(examples=40, hostile=True, failed_training="alpaca_52k/lora#1"), replicates=100))


@pytest.mark.parametrize("limit", [LIMIT, 20_000, 8_000])
def test_it_fits_and_begins_with_the_first_screen(view: View, limit: int) -> None:
    """A comment that is too long is refused by the forge, and nobody sees the report."""
    text = render(view, limit=limit)
    assert len(text.encode()) <= limit
    assert "![" not in text
    assert [title for title in ("## Answer", "## Arms", "## Claims") if title not in text] == []
    assert text.count("<details>") == text.count("</details>")
    if limit < LIMIT:
        left_out = text.partition("### In the whole report")[2]
        assert "What each number means" in left_out


def test_of_two_hundred_arms_the_first_rows_are_there_and_the_others_counted() -> None:
    rows = tuple((Cell(text=f"arm{row}"), Cell(text="0.5" * 300)) for row in range(200))
    table = Table(columns=(Column(title="Arm"), Column(title="qa")), rows=rows)
    section = Section(title="Arms", blocks=(table,))
    text = render(View(title="t", banner=None, question="q", status=Cell(text="s"), complete=True, sections=(section,)))
    assert len(text.encode()) <= LIMIT
    assert "arm0" in text
    assert "more rows in the whole report" in text
