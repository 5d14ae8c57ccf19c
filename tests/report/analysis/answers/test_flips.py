"""Flips: what training gained and what it lost, by hand and in the files."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.record.rundir import RunDirectory
from bench.report.analysis.answers.flips import Flips
from bench.report.compare import compare
from bench.report.write import write_report
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"


@pytest.fixture(scope="module")
def run() -> FakeRun:
    return make_run(examples=40)


@pytest.fixture(scope="module")
def flips(run: FakeRun) -> Flips:
    return compare(run, replicates=100).flips


def by_hand(run: FakeRun, name: str, metric: str, before: float, after: float) -> list[set[str]]:
    """By seed: ids of the examples with these scores of base and arm."""
    base = {row.id: row.metrics[metric] for row in run.rows[name, "base"]}
    return [
        {row.id for row in run.rows[name, f"{ARM}#{seed}"] if (base[row.id], row.metrics[metric]) == (before, after)}
        for seed in (0, 1, 2)
    ]


@pytest.mark.parametrize(("name", "metric"), [("choice", "acc"), ("cloze", "acc"), ("instructions", "strict")])
def test_counts_equal_the_hand_computed(run: FakeRun, flips: Flips, name: str, metric: str) -> None:
    gained, lost = by_hand(run, name, metric, 0.0, 1.0), by_hand(run, name, metric, 1.0, 0.0)
    count = next(one for one in flips.counts if (one.arm, one.measurand) == (ARM, name))
    assert (count.gained, count.lost) == (len(set.union(*gained)), len(set.union(*lost)))
    assert (count.always_gained, count.always_lost) == (len(set.intersection(*gained)), len(set.intersection(*lost)))
    listed = {(f.subject, f.id) for f in flips.flips() if (f.arm, f.eval, f.direction) == (ARM, name, "lost")}
    assert listed == {(f"{ARM}#{seed}", example) for seed, ids in enumerate(lost) for example in ids}


def test_every_place_counts_gained_and_lost_alike(run: FakeRun, flips: Flips) -> None:
    """Flips, the table of an eval and the page's examples said 0.5, 1 and 1 of one arm."""
    results = compare(run, replicates=100).results
    for count in flips.counts:
        contrast = results[count.arm, count.measurand].versus_base
        assert (count.gained, count.lost) == (contrast.delta.n_better, contrast.delta.n_worse)


def test_both_outputs_stand_beside_each_other(run: FakeRun, flips: Flips) -> None:
    said = {(name, subject, row.id): row.output for (name, subject), rows in run.rows.items() for row in rows}
    shown = [flip for flip in flips.shown if flip.eval == "choice"]
    assert {flip.direction for flip in shown} == {"gained", "lost"}
    for flip in shown:
        assert flip.base_output == said["choice", "base", flip.id]
        assert flip.output == said["choice", flip.subject, flip.id]


def test_few_are_shown_and_the_draw_does_not_change(run: FakeRun, flips: Flips) -> None:
    """Hand-picked examples prove anything."""
    again = compare(run, replicates=100).flips
    assert (again, [*again.flips()]) == (flips, [*flips.flips()])
    for name in ("qa", "choice", "instructions", "cloze"):
        for direction in ("gained", "lost"):
            drawn = [(f.task, f.id) for f in flips.shown if (f.eval, f.direction) == (name, direction)]
            assert len(drawn) <= 3
            assert len(set(drawn)) == len(drawn)


def test_a_loss_has_no_flips(flips: Flips) -> None:
    assert "heldout" not in {one.measurand for one in flips.counts}


def test_an_example_without_a_score_is_no_flip() -> None:
    flips = compare(make_run(examples=40, missing=0.5).only("choice"), replicates=100).flips
    assert all(flip.base_output is not None for flip in flips.flips())
    run = make_run(examples=40, missing=1.0).only("choice")
    assert compare(run, replicates=100).flips.total == 0


def test_failed_seeds_and_a_failed_base_are_left_out() -> None:
    failed = compare(make_run(examples=40, failed_training=f"{ARM}#0").only("choice"), replicates=100).flips
    assert next(one for one in failed.counts if one.arm == ARM).seeds == 2
    gone = compare(make_run(examples=40, failed_eval="choice:base").only("choice", "cloze"), replicates=100).flips
    assert "choice" not in {one.measurand for one in gone.counts}


def test_the_whole_list_is_a_json_lines_file_in_the_run_directory(tmp_path: Path) -> None:
    run = RunDirectory(make_run(tmp_path, examples=40, hostile=True).write())
    write_report(run)
    lines = (tmp_path / "flips.jsonl").read_text(encoding="utf-8").splitlines()
    flips = compare(run, replicates=100).flips
    assert [json.loads(line) for line in lines] == [asdict(flip) for flip in flips.flips()]
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert f"Those of each training are in flips.jsonl, {len(lines):,} lines." in text
