"""What a training did on its own account (stopped, kept other weights, chose a precision) must be there to be read."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.record.results.training.result import TrainResult, ValidationPoint
from bench.report.analysis.training.endings import endings, settings
from bench.report.analysis.training.losses.loss_curves import loss_curves
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.markdown import render
from bench.report.render.view import Paragraph, Table
from bench.report.sections.training.training import training_section
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"
RESOLVED = {"optimizer": "adamw_torch_fused", "attention": "sdpa", "max_length": "256"}


def with_results(change: Callable[[str, int, TrainResult], dict[str, Any]]) -> FakeRun:
    """A run in which `change` says what is different in the result of an arm's seed."""
    run = make_run(examples=5)
    trainings = tuple(
        t.model_copy(update={"result": t.result.model_copy(update=change(t.arm, t.seed, t.result))})
        for t in run.record.trainings
        if t.result is not None
    )
    return run.changed(trainings=trainings)


def stopped(arm: str, seed: int, result: TrainResult) -> dict[str, Any]:
    """Seed 1 of one arm stopped after ten of its fifty steps; its best weights were those of step 5."""
    if (arm, seed) != (ARM, 1):
        return {}
    steps = result.steps[:10]
    tokens = sum(step.tokens for step in steps)
    losses = ((5, 1.5), (8, None), (10, 1.75))
    return {
        "steps": steps,
        "ledger": result.ledger.model_copy(update={"steps": 10, "tokens": tokens}),
        "stopped": "early",
        "validation": tuple(ValidationPoint(step=step, loss=loss) for step, loss in losses),
        "validation_rows": 80,
        "kept_step": 5,
    }


def section_of(run: FakeRun) -> tuple[Table, ...]:
    found = training_section(compare(run, replicates=100))
    return tuple(block for block in found.blocks if isinstance(block, Table))


def test_an_early_end_is_told_with_what_it_left_unused() -> None:
    run = with_results(stopped)
    (table,) = section_of(run)
    said = {column.title: cell.text for column, cell in zip(table.columns, table.rows[0], strict=True)}
    assert len(table.rows) == 1
    assert said == {
        "Training": "lima_1k/full#1", "Ended": "early", "Steps": "10", "Budget left": "80.0%",
        "Training loss at the end": "1.900", "Validation rows": "80", "Evaluations": "3",
        "Lowest validation": "1.500 at step 5", "Last validation": "1.750", "Kept": "step 5",
    }  # fmt: skip


def test_an_early_end_is_part_of_the_budgets_sentence_and_a_sanity_verdict() -> None:
    """Nine tenths of the seeds at full budget hide it in the mean."""
    comparison = compare(with_results(stopped), replicates=100)
    text = render(compose(comparison))
    assert (
        "The arms are not matched: they differ by up to 36.4%. Early stopping ended lima_1k/full#1 with 80.0%" in text
    )
    (finding,) = [one for one in comparison.sanity if one.name == "stopped early"]
    assert finding.arm == ARM
    assert "seed 1 ended at step 10" in finding.detail
    assert "80.0% of its 60,000 tokens left" in finding.detail


def test_arms_that_all_stop_alike_are_not_passed_off_as_having_spent_their_budget() -> None:
    run = with_results(lambda arm, seed, result: stopped(ARM, 1, result))
    comparison = compare(run, replicates=100)
    assert "matched within 1%. Early stopping ended" in render(compose(comparison))
    assert len([one for one in comparison.sanity if one.name == "stopped early"]) == 18


def test_without_validation_every_training_spent_its_budget() -> None:
    found = training_section(compare(make_run(examples=5), replicates=100))
    first = found.blocks[0]
    assert isinstance(first, Paragraph)
    assert first.text == "Every finished training spent its budget, and the weights of its last step were kept."
    assert {one.unspent for one in endings(make_run(examples=5).record)} == {0.0}


def test_what_was_resolved_is_said_once_where_all_agree_and_by_arm_where_not() -> None:
    def resolved(arm: str, seed: int, result: TrainResult) -> dict[str, Any]:
        lora = {"adapter_modules": "q_proj, v_proj"} if arm.endswith("lora") else {}
        return {"resolved": {**RESOLVED, **lora}, "precision": "bf16" if (arm, seed) == (ARM, 2) else "fp32"}

    run = with_results(resolved)
    found = settings(run.record)
    assert found.common == {"device": "cpu", **RESOLVED, "template": "dialogue"}
    assert found.varying == ("precision", "adapter_modules")
    assert found.by_arm[ARM] == {"precision": "fp32; bf16"}
    (table,) = section_of(run)
    assert [column.title for column in table.columns] == ["Arm", "Precision", "Adapter on"]
    assert [cell.text for cell in table.rows[0]] == [ARM, "fp32; bf16", "–"]
    text = render(compose(compare(run, replicates=100)))
    assert "optimiser adamw_torch_fused; attention sdpa; maximum length 256" in text


def test_validation_is_on_the_loss_plot_at_the_tokens_it_was_taken_at() -> None:
    (curve,) = [one for one in loss_curves(with_results(stopped).record) if one.validation]
    assert curve.validation == (((6000.0, 12000.0), (1.5, 1.75)),)


@pytest.mark.parametrize(("ending", "diverged", "said"), [("seconds", False, "seconds spent"),
                                                          ("budget", True, "diverged")])  # fmt: skip
def test_other_endings_are_told_too(ending: str, diverged: bool, said: str) -> None:
    run = with_results(lambda arm, seed, result: {"stopped": ending, "diverged": diverged} if arm == ARM else {})
    (table,) = section_of(run)
    assert [row[1].text for row in table.rows] == [said] * 3
    assert [row[-1].text for row in table.rows] == ["–" if diverged else "step 50"] * 3
