"""Checkpoints of a training over its steps: gain and forgetting with a band that holds for all steps at once."""

from __future__ import annotations

from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.sections.scores.trajectory import trajectory_section
from bench.suite.tables.arms import Arms
from bench.suite.tables.given_arm import GivenArm
from tests.fakes.records import FakeRun, make_run

STEPS = {"lima_1k/lora": 10, "lima_1k/full": 200, "alpaca_52k/lora": 90}


def of_checkpoints() -> FakeRun:
    """Three arms of the flagship as three checkpoints, each of three seeds, and nothing trained."""
    run = make_run(examples=120)
    given = {
        f"run.{step}": GivenArm(adapter=".", seeds=("a", "b", "c"), trajectory="run", step=step)
        for step in STEPS.values()
    }
    names = {old: f"given/run.{step}" for old, step in STEPS.items()}
    resolved = run.record.resolved
    changes = {"arms": Arms(given=given), "claim": (), "control": None}
    evaluations = tuple(
        e if e.arm is None else e.model_copy(update={"arm": names[e.arm], "subject": f"{names[e.arm]}#{e.seed}"})
        for e in run.record.evaluations
        if e.arm is None or e.arm in names
    )
    record = run.record.model_copy(
        update={
            "resolved": resolved.model_copy(update={"suite": resolved.suite.model_copy(update=changes)}),
            "trainings": (),
            "probes": (),
            "evaluations": evaluations,
        }
    )
    rows = {
        (name, subject if arm == "base" else f"{names[arm]}#{subject.partition('#')[2]}"): scored
        for (name, subject), scored in run.rows.items()
        if (arm := subject.partition("#")[0]) == "base" or arm in names
    }
    return FakeRun(path=run.path, record=record, rows=rows)


def compared() -> Comparison:
    return compare(of_checkpoints(), replicates=200)


def test_gain_and_forgetting_are_said_by_step_with_a_band_over_all_steps() -> None:
    comparison = compared()
    by_measurand = {trajectory.measurand: trajectory for trajectory in comparison.trajectories}
    choice = next(t for name, t in by_measurand.items() if name.startswith("choice"))
    assert [point.step for point in choice.points] == [10, 90, 200]
    assert choice.seeds == 3
    assert choice.best_step == 200
    for point in choice.points:
        alone = comparison.results[point.arm, choice.measurand].versus_base
        assert alone is not None
        assert point.gain.estimate == alone.delta.estimate
        assert None not in {point.gain.low, point.gain.high, alone.delta.low, alone.delta.high}
        assert point.gain.low < alone.delta.low < alone.delta.high < point.gain.high, "wider: it holds for three steps"
    loss = next(t for name, t in by_measurand.items() if name.startswith("heldout"))
    assert not loss.higher_is_better
    best = min(loss.points, key=lambda point: point.gain.estimate or 0.0)
    assert loss.best_step == best.step


def test_the_report_has_a_row_for_each_eval_and_a_column_for_each_step() -> None:
    section = trajectory_section(compared())
    assert section is not None
    (table,) = (block for block in section.blocks if hasattr(block, "columns"))
    assert [column.title for column in table.columns] == ["run (3 seeds)", "step 10", "step 90", "step 200", "Best"]
    assert len(table.rows) == len({trajectory.measurand for trajectory in compared().trajectories})


def test_arms_that_are_no_checkpoints_have_no_trajectory() -> None:
    comparison = compare(make_run(examples=20), replicates=50)
    assert comparison.trajectories == ()
    assert trajectory_section(comparison) is None
