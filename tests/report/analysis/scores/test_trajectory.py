"""Checkpoints of a training over its steps: gain and forgetting with a band that holds for all steps at once."""

from dataclasses import replace
from functools import lru_cache

from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.plots.draw import draw
from bench.report.render.view import Paragraph, Table
from bench.report.sections.scores.trajectory import trajectory_section
from bench.suite.tables.arms.arms import Arms
from bench.suite.tables.arms.given_arm import GivenArm
from tests.fakes.records import FakeRun, make_run
from tests.fakes.stepped import stepped_run

STEPS = {"lima_1k/lora": 10, "lima_1k/full": 200, "alpaca_52k/lora": 90}


def of_checkpoints() -> FakeRun:
    """Three arms of the flagship as three checkpoints, each of three seeds, and nothing trained."""
    run = make_run(examples=120)
    given = {
        f"run.{step}": GivenArm(adapter=".", seeds=("a", "b", "c"), trajectory="run", step=step)
        for step in STEPS.values()
    }
    names = {old: f"given/run.{step}" for old, step in STEPS.items()}
    evaluations = tuple(
        e if e.arm is None else e.model_copy(update={"arm": names[e.arm], "subject": f"{names[e.arm]}#{e.seed}"})
        for e in run.record.evaluations
        if e.arm is None or e.arm in names
    )
    rows = {
        (name, subject if arm == "base" else f"{names[arm]}#{subject.partition('#')[2]}"): scored
        for (name, subject), scored in run.rows.items()
        if (arm := subject.partition("#")[0]) == "base" or arm in names
    }
    given_alone = run.with_suite(arms=Arms(given=given), claim=(), control=None)
    return given_alone.changed(trainings=(), probes=(), evaluations=evaluations, rows=rows)


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
        assert point.gain.estimate == alone.delta.estimate
        assert None not in {point.gain.low, point.gain.high, alone.delta.low, alone.delta.high}
        assert point.gain.low < alone.delta.low < alone.delta.high < point.gain.high, "wider: it holds for three steps"
    loss = next(t for name, t in by_measurand.items() if name.startswith("heldout"))
    assert not loss.higher_is_better
    best = min(loss.points, key=lambda point: point.gain.estimate or 0.0)
    assert loss.best_step == best.step


def test_the_report_has_a_row_for_each_eval_and_a_column_for_each_step() -> None:
    section = trajectory_section(compared())
    (table,) = (block for block in section.blocks if hasattr(block, "columns"))
    assert [column.title for column in table.columns] == ["run (3 seeds)", "step 10", "step 90", "step 200", "Best"]
    assert len(table.rows) == len({trajectory.measurand for trajectory in compared().trajectories})


def test_arms_that_are_no_checkpoints_have_no_trajectory() -> None:
    comparison = compare(make_run(examples=20), replicates=100)
    assert comparison.trajectories == ()
    assert trajectory_section(comparison) is None


@lru_cache
def stepped() -> Comparison:
    return compare(stepped_run(kept=True, target={"eval": "qa", "value": 0.4}), replicates=200)


def test_trainings_are_compared_with_the_base_on_dev_examples_at_every_step() -> None:
    comparison = stepped()
    assert {row.on for row in comparison.trajectories} == {"dev"}
    assert [row.measurand for row in comparison.trajectories if row.name == "lima_1k/full"] == ["qa", "cloze"]
    qa = next(row for row in comparison.trajectories if (row.name, row.measurand) == ("lima_1k/full", "qa"))
    first, second, third = qa.points
    assert [point.step for point in qa.points] == [10, 30, 50]
    assert first.gain.estimate == 0.0, "scored as the base is"
    test = comparison.results["lima_1k/full", "qa"].versus_base
    assert test is not None
    assert second.gain.estimate == third.gain.estimate == test.delta.estimate
    assert 0.95 < qa.level <= 1 - 0.05 / 3
    assert qa.best_step == 30, "of equals the first"


def test_steps_that_a_seed_did_not_reach_are_left_out() -> None:
    run = stepped_run()
    first = next(entry for entry in run.record.trajectories if entry.subject == "lima_1k/full#0")
    shorter = first.model_copy(update={"steps": first.steps[:2]})
    changed = tuple(shorter if entry is first else entry for entry in run.record.trajectories)
    record = run.record.model_copy(update={"trajectories": changed})
    comparison = compare(replace(run, record=record), replicates=100)
    steps = {(row.name, row.measurand): [point.step for point in row.points] for row in comparison.trajectories}
    assert steps["lima_1k/full", "qa"] == [10, 30]
    assert steps["lima_1k/full", "cloze"] == [10, 30, 50]


def test_a_failed_trajectory_is_named_and_harms_no_claim() -> None:
    run = stepped_run(claims=({"says": "lima_1k/full > base", "on": "qa"},))
    first = next(entry for entry in run.record.trajectories if entry.subject == "lima_1k/full#0")
    gone = first.model_copy(update={"steps": ()})
    changed = tuple(gone if entry is first else entry for entry in run.record.trajectories)
    comparison = compare(run.changed(trajectories=changed), replicates=100)
    assert [absence.job for absence in comparison.missing] == [first.job.id]
    assert comparison.claims[0].verdict.outcome == "supported"
    names = {(row.name, row.measurand) for row in comparison.trajectories}
    assert ("lima_1k/full", "qa") not in names
    assert ("lima_1k/full", "cloze") in names


def test_the_report_says_what_was_kept_by_what_and_draws_the_steps() -> None:
    comparison = stepped()
    section = trajectory_section(comparison)
    said = " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))
    assert "The test examples had no part in the choice" in said
    assert "hold for all its steps at once" in said
    first = next(block for block in section.blocks if isinstance(block, Table))
    assert [row[0].text for row in first.rows] == ["qa, 60 dev examples", "cloze, 60 dev examples"]
    kept = next(t for t in section.blocks if isinstance(t, Table) and t.columns[2].title == "Chosen by")
    assert [cell.text for cell in kept.rows[0]] == [
        "lima_1k/full", "0", "qa", "step 30", "3 steps", "0.600", "50 (patience)", "0.500",
    ]  # fmt: skip
    assert "trajectory" in comparison.plots
    panels = draw(comparison)["trajectory"].panels
    assert [panel.title for panel in panels] == ["qa", "cloze"]
    for panel in panels:
        assert panel.body.count('class="area"') == 6, "a band for each arm"
        assert 'class="span"' not in panel.body
