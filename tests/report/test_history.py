"""The trend in a run's report: a reader must see where times have been going, and must not take it for a verdict."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.report.compare import compare
from bench.report.export.pytest_benchmark import pytest_benchmark_json
from bench.report.history import run_trends, with_history
from bench.report.render.view import Paragraph, Table
from bench.report.sections.training.earlier_times import earlier_times_section
from bench.report.write import write_comparison, write_report
from tests.fakes.records import FakeRun, make_run

TRAINING = "train[lima_vs_alpaca/micro:lima_1k/full]"


@pytest.fixture(scope="module")
def run() -> FakeRun:
    """Whose report is drawn."""
    return make_run(examples=5)


def stored(folder: Path, run: FakeRun, when: str, *, times: float = 1.0, processor: str | None = None) -> Path:
    """An export of an earlier run in which everything took so many `times` as long."""
    content: dict[str, Any] = pytest_benchmark_json(run.record)
    content["datetime"] = when
    if processor is not None:
        content["machine_info"]["cpu"]["brand_raw"] = processor
    for one in content["benchmarks"]:
        one["stats"]["median"] *= times
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{when}.json"
    path.write_text(json.dumps(content))
    return path


def rows(run: FakeRun, folder: Path) -> dict[str, list[str]]:
    """The section's table by its first column."""
    section = earlier_times_section(with_history(compare(run, replicates=20), run.record, [folder]))
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert [table.only for table in tables] == [None, "document"], "evaluations are too many for a terminal"
    assert [{row[0].text.startswith("train[") for row in table.rows} for table in tables] == [{True}, {False}]
    return {row[0].text: [cell.text for cell in row[1:]] for table in tables for row in table.rows}


def test_this_run_stands_beside_the_median_of_the_earlier_ones(tmp_path: Path, run: FakeRun) -> None:
    for day, times in (("01", 0.8), ("02", 1.25), ("03", 1.25)):
        stored(tmp_path, run, f"2020-01-{day}T00:00:00", times=times)
    runs, since, newest, change = rows(run, tmp_path)[TRAINING]
    assert (runs, since, change) == ("4", "2020-01-01", "−20%")
    mine = next(one for one in pytest_benchmark_json(run.record)["benchmarks"] if one["name"] == TRAINING)
    assert float(newest) == pytest.approx(1000 * mine["stats"]["median"], rel=0.01), "in milliseconds"


def test_what_is_newer_or_this_very_run_is_not_its_past(tmp_path: Path, run: FakeRun) -> None:
    stored(tmp_path, run, "2999-01-01T00:00:00", times=2.0)
    stored(tmp_path, run, str(run.record.finished), times=2.0)
    stored(tmp_path, run, "2020-01-01T00:00:00")
    runs, _, _, change = rows(run, tmp_path)[TRAINING]
    assert (runs, change) == ("1", "–")


def test_times_of_another_machine_are_marked(tmp_path: Path, run: FakeRun) -> None:
    stored(tmp_path, run, "2020-01-01T00:00:00", times=2.0, processor="another")
    assert rows(run, tmp_path)[TRAINING][0] == "2 on 2 machines"


def test_the_report_shows_it_as_advice_and_only_when_asked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", examples=5)
    run.write()
    stored(tmp_path / "times", run, "2020-01-01T00:00:00", times=0.5)
    comparison = with_history(compare(run, replicates=20), run.record, [tmp_path / "times"])
    section = earlier_times_section(comparison)
    text = write_comparison(comparison, run.path).read_text(encoding="utf-8")
    assert "## Times of earlier runs" in text
    assert "Advice, no verdict" in text
    assert "+100%" in text
    assert "Times of earlier runs" not in write_report(run).read_text(encoding="utf-8")
    assert next(block.text for block in section.blocks if isinstance(block, Paragraph)).startswith("Advice")


def test_files_that_are_no_history_are_refused(tmp_path: Path, run: FakeRun) -> None:
    with pytest.raises(InputError, match="no history here"):
        run_trends(run.record, [tmp_path / "none"])
