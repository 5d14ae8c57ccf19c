"""Subset draws in a run: each training has its own rows, and the record and report know whose."""

from pathlib import Path

from bench.record.rundir import RunDirectory
from bench.report.analysis.aligned.align import align, draws_by_arm
from bench.report.analysis.aligned.score_rows import read_rows
from bench.report.compare import compare
from bench.report.render.view import Table
from bench.report.sections.scores.variance import variance_section
from tests.fakes.suites import fake_suite, run_below


def go(root: Path) -> RunDirectory:
    loaded = fake_suite(
        root,
        seeds=(0, 1, 2, 3),
        data={
            "few": {"source": "few.jsonl"},
            "drawn": {"source": "few.jsonl", "select": {"by": "random", "size": 4, "seeds": (5, 6)}},
        },
        arms={"data": ("few", "drawn"), "recipe": ("full",)},
        control="drawn",
        eval=({"kind": "lm_eval", "name": "qa", "tasks": ("t",)},),
    )
    return run_below(root, loaded)


def test_draws_are_trained_recorded_and_told_as_a_source_of_noise(tmp_path: Path) -> None:
    """A result that hangs on one lucky draw of the control would otherwise look settled."""
    directory = go(tmp_path)
    record = directory.load()
    data = record.resolved.data
    assert data["drawn"].rows == data["drawn@1"].rows == 4
    assert data["drawn"].sha256 != data["drawn@1"].sha256
    digests = {(t.arm, t.seed): t.job.digest for t in record.trainings}
    assert len(set(digests.values())) == 8
    assert {found.data for found in record.contamination} == {"few", "drawn", "drawn@1"}
    assert draws_by_arm(record) == {"drawn/full": (0, 1, 0, 1)}
    entry = align(record, read_rows(directory, record))[0]
    assert entry.arms["few/full"].draws is None
    assert entry.arms["drawn/full"].draws is not None
    comparison = compare(directory, replicates=50)
    versus = comparison.results["few/full", "qa"].versus_control
    assert versus.delta.noise.endswith("and that of subset draws")
    section = variance_section(comparison)
    table = section.blocks[-1]
    assert isinstance(table, Table)
    assert [[cell.text for cell in row][:3] for row in table.rows] == [["qa", "drawn/full", "2"]]
