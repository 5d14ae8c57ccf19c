"""What a training took until a target: of dev scores alone, and never guessed."""

from typing import Any

import pytest

from bench.report.analysis.completeness import Completeness
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.training.costs.cost_kinds import COSTS, figures
from bench.report.analysis.training.kept_steps import kept_steps, reached
from bench.report.compare import compare
from bench.report.render.view import Table
from bench.report.sections.training.training import training_section
from tests.fakes.records import FakeRun
from tests.fakes.stepped import stepped_run

ARMS = ("lima_1k/full", "lima_1k/lora")


def target(value: float, name: str = "qa") -> dict[str, Any]:
    return {"target": {"eval": name, "value": value}}


def decided(value: float, on: str, *, alone: bool = True) -> tuple[ClaimResult, Completeness]:
    """The claim that full fine-tuning is at the target as soon as LoRA is."""
    claim = {"says": f"{ARMS[0]} >= {ARMS[1]}", "on": on, "margin": 0.1}
    run = stepped_run(claims=(claim,), **target(value))
    comparison = compare(undisturbed(run) if alone else run, replicates=100)
    return comparison.claims[0], comparison.completeness


def undisturbed(run: FakeRun) -> FakeRun:
    """The run with every training alone on the machine."""
    trainings = tuple(
        training.model_copy(update={"job": training.job.model_copy(update={"alone": True})})
        for training in run.record.trainings
    )
    return run.changed(trainings=trainings)


def test_the_target_is_reached_at_the_first_step_that_has_it_with_the_tokens_and_seconds_until_then() -> None:
    record = undisturbed(stepped_run(**target(0.3))).record
    first = reached(record)[0]
    assert (first.arm, first.seed, first.step) == ("lima_1k/full", 0, 30)
    assert first.tokens == 30 * 1200
    assert first.seconds == pytest.approx(30 * 0.1)
    assert reached(stepped_run(**target(0.3)).record)[0].seconds is None, "other jobs ran beside it"
    assert reached(stepped_run().record) == ()


def test_of_a_retention_eval_the_first_step_may_have_it() -> None:
    assert {one.step for one in reached(stepped_run(**target(0.5, "cloze")).record)} == {10}


def test_tokens_to_a_target_that_all_reach_are_exact() -> None:
    claim, completeness = decided(0.3, "cost:tokens_to_target")
    assert claim.verdict.outcome == "supported"
    assert claim.ratio.exact
    assert claim.ratio.ratio == 1.0
    assert completeness.complete


@pytest.mark.parametrize("on", ["cost:tokens_to_target", "cost:seconds_to_target"])
def test_a_target_that_was_not_reached_leaves_the_claim_open(on: str) -> None:
    claim, completeness = decided(0.99, on)
    assert claim.verdict.outcome == "inconclusive"
    assert "lima_1k/full#0" in claim.why
    assert "did not reach the target" in claim.why
    assert completeness.complete, "every job has its result"


def test_seconds_beside_other_work_are_no_figure() -> None:
    claim, completeness = decided(0.3, "cost:seconds_to_target", alone=False)
    assert claim.verdict.outcome == "incomplete"
    assert "ran beside it" in claim.why
    assert not completeness.complete


def test_a_run_without_steps_has_no_such_figure() -> None:
    record = stepped_run().record
    for name in ("tokens_to_target", "seconds_to_target"):
        assert set(figures(record, ARMS[0], COSTS[name])) == {None}


def test_a_kept_step_is_told_with_the_score_that_chose_it_and_the_last_ones() -> None:
    kept = kept_steps(stepped_run(kept=True).record)
    assert {one.seed for one in kept} == {0}, "the other seeds of this run chose nothing"
    first = kept[0]
    assert (first.by, first.step, first.score, first.evaluated) == ("qa", 30, 0.6, 3)
    assert (first.last_step, first.last_score, first.stopped_early) == (50, 0.5, True)
    assert kept_steps(stepped_run().record) == ()


def ended(run: FakeRun, **changes: Any) -> FakeRun:
    """The run whose first training has other facts."""
    first, *others = run.record.trainings
    changed = first.model_copy(update={"result": first.result.model_copy(update=changes)})
    return run.changed(trainings=(changed, *others))


def test_a_training_that_kept_an_earlier_step_is_not_said_to_have_kept_its_last() -> None:
    """Though it spent its budget."""
    comparison = compare(ended(stepped_run(), stopped="budget", kept_step=30), replicates=100)
    section = training_section(comparison)
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert [(row[0].text, row[-1].text) for row in table.rows] == [("lima_1k/full#0", "step 30")]


def test_patience_on_a_dev_score_is_not_said_to_be_validation() -> None:
    run = stepped_run()
    result = run.record.trainings[0].result
    half = result.ledger.model_copy(update={"tokens": result.ledger.tokens // 2})
    comparison = compare(ended(run, stopped="early", ledger=half), replicates=100)
    [finding] = [one for one in comparison.sanity if one.name == "stopped early"]
    assert "where its dev score no longer improved" in finding.detail
