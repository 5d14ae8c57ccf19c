"""A board: changes between runs are said only where they are resolved, and what cannot be compared is said, too."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.main import app
from bench.record.record import GitState, Record
from bench.report.board.compose import compose_board
from bench.report.board.history import Board, find_runs, make_board
from bench.report.render.view import Figure, Section, Table, View
from tests.fakes.records import make_run

ARM = "lima_1k/full"
GOOD: Mapping[str, Mapping[str, float]] = {"qa": {ARM: 0.95}}


def numbered(record: Record, number: int) -> Record:
    """The record as that of another commit, a day later, with jobs of its own."""
    evaluations = tuple(
        e.model_copy(update={"job": e.job.model_copy(update={"digest": f"{number}" * 64})}) for e in record.evaluations
    )
    return record.model_copy(
        update={
            "created": f"2026-11-0{number}T10:00:00+00:00",
            "git": GitState(commit=f"{number}" * 40, dirty=number == 2),
            "evaluations": evaluations,
        }
    )


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of a suite, the last better in one cell; one whose eval was asked otherwise; a torn one."""
    folder = tmp_path_factory.mktemp("board") / "reports"
    for number, rates in ((1, None), (2, None), (3, GOOD)):
        run = make_run(folder / "lima_vs_alpaca" / f"micro-{number}", examples=60, rates=rates, seed=number == 3)
        (run.write() / "record.json").write_text(numbered(run.record, number).model_dump_json())
    other = make_run(folder / "lima_vs_alpaca" / "micro-4", examples=60)
    first, *others = other.record.resolved.suite.eval
    asked = other.with_suite(eval=(first.model_copy(update={"tasks": ("micro_qa_people",)}), *others))
    record = numbered(asked.record, 4)
    (other.write() / "record.json").write_text(record.model_dump_json())
    torn = folder / "torn" / "micro-5"
    torn.mkdir(parents=True)
    (torn / "record.json").write_text("{")
    return folder


@pytest.fixture(scope="module")
def board(reports: Path) -> Board:
    return make_board(find_runs([str(reports)], reports))


@pytest.fixture(scope="module")
def view(board: Board) -> View:
    return compose_board(board)[0]


def section(view: View, title: str) -> Section:
    return next(section for section in view.sections if section.title == title)


def table(view: View, title: str, number: int = 0) -> list[list[str]]:
    tables = [block for block in section(view, title).blocks if isinstance(block, Table)]
    return [[cell.whole for cell in row] for row in tables[number].rows]


def test_every_run_has_its_row_and_every_arm_its_scores(board: Board, view: View) -> None:
    rows = table(view, "Runs")
    assert [row[0] for row in rows] == ["micro-1", "micro-2", "micro-3", "micro-4"]
    assert [row[3] for row in rows] == ["11111111", "22222222+", "33333333", "44444444"]
    assert all("in this simulation: " in row[6].lower() for row in rows)
    run = board.runs[0].comparison
    cells = {(row[0], row[3], row[5]): row[6] for row in table(view, "Arms")}
    assert len(cells) == sum(len(r.comparison.arms) * len(r.comparison.measurands) for r in board.runs)
    assert cells[ARM, "micro-1", "qa"].startswith(f"{run.results[ARM, 'qa'].value.mean:.3f} [")


def test_only_resolved_changes_are_called_better_or_worse(view: View) -> None:
    """Two runs from the same rates differ in nothing; a history that shows their noise as changes is not read."""
    history = table(view, "History of lima_vs_alpaca")
    assert history[0][2] == "35 unclear"
    changes = table(view, "History of lima_vs_alpaca", 1)
    assert [ARM, "qa", "micro-3 (33333333)"] in [row[:3] for row in changes]
    assert re.fullmatch(r"\+\S+ \[.*\] better", next(row[3] for row in changes if row[:2] == [ARM, "qa"]))
    assert not any(row[2].startswith("micro-2 ") for row in changes)


def test_no_line_leads_to_a_run_that_cannot_be_compared(board: Board) -> None:
    """A line between the scores of two sets of questions shows a change that nobody measured."""
    panel = next(panel for panel in compose_board(board)[1]["history of lima_vs_alpaca"].panels if panel.title == "qa")
    lines = re.findall(rf'<g[^>]*data-arm="{ARM}"[^>]*>.*?class="curve"', panel.svg(), flags=re.DOTALL)
    points = [len(re.findall("[ML]", re.findall(r'd="([^"]+)" class="curve"', line)[-1])) for line in lines]
    assert points == [3, 1]


def test_what_cannot_be_compared_is_said_with_the_reason(view: View) -> None:
    last = table(view, "History of lima_vs_alpaca")[-1]
    assert last[2].startswith("not comparable: ")
    assert "tasks" in last[2]
    missing = section(view, "Not on this board")
    assert "micro-5" in missing.model_dump_json()


def test_the_page_is_one_file_with_the_history_drawn(reports: Path, view: View) -> None:
    page = reports.parent / "board.html"
    done = CliRunner().invoke(app, ["board", str(reports), "--out", str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text
    assert 'http-equiv="Content-Security-Policy"' in text
    assert any(isinstance(block, Figure) for block in section(view, "History of lima_vs_alpaca").blocks)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["board", str(tmp_path)])
    assert done.exit_code != 0
