"""The short form in the terminal: fits, and obeys nothing that a model said."""

import io
from collections.abc import Callable
from functools import partial

import pytest
from rich.cells import cell_len
from rich.console import Console

from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.terminal import print_report
from bench.report.render.view import Cell, Column, Section, Table, View
from bench.suite.tables.conclusions.decision import DecisionOptions
from tests.fakes.flagship import DATA, EVALS, RECIPES
from tests.fakes.known_estimates import known_estimates
from tests.fakes.records import BANNER, FakeRun, make_run

__all__ = ["known_estimates"]


def printed(view: View, width: int = 100, *, full: bool = True) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    print_report(view, console, full=full)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def view() -> View:
    run = make_run(examples=40, hostile=True, missing=0.05, failed_training="alpaca_52k/lora#1")
    return compose(compare(run, replicates=100))


@pytest.mark.parametrize("width", [140, 100, 80, 60, 40])
def test_no_line_is_wider_than_the_terminal(view: View, width: int) -> None:
    """A broken line makes a table unreadable."""
    assert max(cell_len(line) for line in printed(view, width).splitlines()) <= width


@pytest.mark.parametrize("width", [100, 80, 50])
def test_no_figure_is_broken_or_cut(view: View, width: int) -> None:
    text = " ".join(printed(view, width).split())
    table = next(t for s in view.sections if s.title == "choice" for t in s.blocks if isinstance(t, Table))
    for row in table.rows:
        for cell, column in zip(row, table.columns, strict=True):
            assert not column.right or cell.text in text


def test_markup_and_control_codes_are_shown_not_obeyed(view: View) -> None:
    text = printed(view)
    assert "[x](" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def open_run() -> FakeRun:
    """Six claims and the choice of an arm, none decided."""
    sides = (("alpaca_52k", ">=", "instructions"), ("random_1k", ">", "instructions"), ("alpaca_52k", ">=", "cloze"))
    claims = [
        {"says": f"lima_1k/{recipe} {relation} {other}/{recipe}", "on": on, "margin": 0.02 if relation == ">=" else 0}
        for other, relation, on in sides
        for recipe in ("full", "lora")
    ]
    same = dict.fromkeys(("base", *(f"{data}/{recipe}" for data in DATA for recipe in RECIPES)), 0.5)
    run = make_run(examples=40, seeds=(0, 1), rates=dict.fromkeys(EVALS, same), claims=tuple(claims))
    return run.with_suite(decision=DecisionOptions(weights={"instructions": 1, "cloze": 1}))


@pytest.mark.parametrize("made", [partial(make_run, examples=40), open_run], ids=["decided", "open"])
def test_the_first_screen_of_80_columns_has_answer_arms_claims_and_what_puts_them_in_doubt(
    made: Callable[[], FakeRun],
) -> None:
    lines = printed(compose(compare(made(), replicates=100)), 80, full=False).splitlines()
    assert len(lines) <= 43
    assert max(cell_len(line) for line in lines) <= 80
    titles = [line.partition(" ─")[0] for line in lines if "──" in line]
    assert [title.partition(":")[0] for title in titles] == ["Answer", "Arms", "Claims"]
    assert sum(line.startswith("Sanity: ") for line in lines) == 1


def test_marks_are_signs_with_their_meaning_below_and_words_in_full() -> None:
    view = compose(compare(make_run(examples=40), replicates=100))
    short, full = (" ".join(printed(view, 200, full=full).split()) for full in (False, True))
    assert "lima_1k/full 0.616 ↑◇ 0.567 ↑◇ 0.467 ↑◇ 0.825 ↓ " in short
    assert "Against the base: ↑ better, ↓ worse, ↑? maybe better, ↓? maybe worse, ~ unclear, ◇ maybe best." in short
    assert "maybe best: no other is shown to be better." in full
    assert "0.616 better, maybe best" in full
    assert "◇" not in full


def test_jobs_without_a_result_are_a_line_for_each_reason(view: View) -> None:
    """Six rows of a table said five times that a training had failed."""
    text = " ".join(printed(view, 200, full=False).split())
    assert "· train:alpaca_52k/lora#1: out of memory: 3.1 GiB asked" in text
    assert "· 5 jobs for lack of another's result, such as eval:qa:alpaca_52k/lora#1" in text
    assert "eval:choice:alpaca_52k/lora#1" not in text


def test_a_long_table_of_the_first_screen_says_how_much_is_left_out() -> None:
    rows = tuple((Cell(text=f"arm{row}"),) for row in range(15))
    sections = (Section(title="many", blocks=(Table(columns=(Column(title="Arm"),), rows=rows),)),)
    view = View(title="t", banner=None, question="q", status=Cell(text="s"), complete=True, sections=sections)
    short = printed(view, full=False)
    assert "arm11" in short
    assert "arm12" not in short
    assert "3 more: bench report --full" in short
    assert "arm14" in printed(view)


def test_ten_lines_give_the_outcome() -> None:
    """Who reads no further must know it is a simulation, what was asked, and what came out."""
    view = compose(compare(make_run(examples=40), replicates=100))
    lines = printed(view, full=False).strip().splitlines()[:10]
    top = " ".join(" ".join(lines).split())
    assert BANNER in top
    assert "Do 1K curated rows beat 52K mixed ones" in top
    assert "Complete: 6 arms × 3 seeds" in top
    open_ = "2 are inconclusive (1 leans to supported, 1 to refuted)"
    assert f"Decided in part in this simulation: of 4 claims 1 is supported, 1 is refuted and {open_}" in top


def test_what_is_missing_is_said_above_the_results(view: View) -> None:
    text = printed(view, full=False)
    assert text.index("INCOMPLETE: 6 of 119 jobs have no result") < text.index("Answer")
    assert "out of memory: 3.1 GiB asked" in text


def test_a_wide_table_is_split_with_its_names_repeated() -> None:
    columns = (Column(title="Arm"), *(Column(title=f"c{i}", right=True) for i in range(6)))
    rows = tuple((Cell(text=f"arm{r}"), *(Cell(text=f"{r}{i}" * 5) for i in range(6))) for r in range(2))
    section = Section(title="wide", blocks=(Table(columns=columns, rows=rows),))
    view = View(title="t", banner=None, question="q", status=Cell(text="s"), complete=True, sections=(section,))
    text = printed(view, 40)
    assert text.count("arm1") == 2
    assert all(f"1{i}" * 5 in text for i in range(6))


def test_the_first_screen_names_the_columns_that_it_has_no_lines_for() -> None:
    """Ten evals of seven arms were forty lines."""
    columns = (Column(title="Arm"), *(Column(title=f"eval{i}", right=True) for i in range(10)))
    rows = tuple((Cell(text=f"arm{r}"), *(Cell(text=f"{r}{i}" * 5) for i in range(10))) for r in range(7))
    section = Section(title="wide", blocks=(Table(columns=columns, rows=rows),))
    view = View(title="t", banner=None, question="q", status=Cell(text="s"), complete=True, sections=(section,))
    short = printed(view, 80, full=False)
    assert "… and eval6, eval7, eval8, eval9: bench report --full" in " ".join(short.split())
    assert ("65656565" in short, short.count("arm1")) == (True, 1)
    assert printed(view, 80).count("arm1") == 2


def test_a_table_of_sentences_is_a_list_without_what_is_empty() -> None:
    columns = (Column(title="Verdict"), Column(title="Seen"), Column(title="To decide it"))
    cells = (("supported", "better by 2 points, " * 9, ""), ("open", "+2 points, " * 9, "about 590 examples, " * 9))
    rows = tuple(tuple(Cell(text=text) for text in row) for row in cells)
    section = Section(title="Claims", blocks=(Table(columns=columns, rows=rows),))
    view = View(title="t", banner=None, question="q", status=Cell(text="s"), complete=True, sections=(section,))
    text = printed(view, 40)
    assert (text.count("Seen"), text.count("To decide it")) == (2, 1)
