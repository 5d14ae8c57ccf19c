"""Losses that a reader holds against a published log: each window's mean, none of the unfinished one, and the whole."""

from typing import Any

import pytest

from bench.report.analysis.training.losses.logged_losses import LoggedLosses, logged_losses
from bench.report.compare import compare
from bench.report.render.view import Table
from bench.report.sections.training.logged_losses import logged_losses_blocks
from bench.report.sections.training.training import training_section
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"
LOSSES = {0: (4.0, 3.0, 2.0, 1.0, 9.0), 1: (2.0, 1.0, 1.0, 0.0, 7.0), 2: (3.0, 2.0, 0.0, 2.0, 5.0)}
"""By seed."""


def logging(every: int | None, recipe: dict[str, Any] | None = None, **change: Any) -> FakeRun:
    """A run whose arm has five steps; the last is of half as many rows."""
    run = make_run(examples=5)
    suite = run.record.resolved.suite
    full = suite.recipe["full"].model_copy(update=recipe or {})
    suite = suite.model_copy(
        update={"run": suite.run.model_copy(update={"log_every": every}), "recipe": {**suite.recipe, "full": full}}
    )
    trainings = []
    for training in run.record.trainings:
        assert training.result is not None
        if training.arm == ARM:
            rows = (2 * full.batch_rows,) * 4 + (full.batch_rows,)
            steps = tuple(
                training.result.steps[at].model_copy(update={"loss": loss, "rows": rows[at], **change})
                for at, loss in enumerate(LOSSES[training.seed])
            )
            result = training.result.model_copy(update={"steps": steps})
            training = training.model_copy(update={"result": result})
        trainings.append(training)
    return run.with_suite(suite).changed(trainings=tuple(trainings))


def of_arm(run: FakeRun) -> LoggedLosses:
    return next(logged for logged in logged_losses(run.record) if logged.arm == ARM)


def test_each_log_is_the_mean_of_its_steps_over_the_seeds_and_the_rest_is_in_none() -> None:
    logged = of_arm(logging(2))
    assert logged.losses == pytest.approx((2.5, 1.0))  # (3.5 + 1.5 + 2.5) / 3 and (1.5 + 0.5 + 1) / 3
    assert logged.whole == pytest.approx((19 + 11 + 12) / 15)


def test_a_mean_over_batches_counts_forward_passes() -> None:
    """Two of each step, one of the last."""
    logged = of_arm(logging(2, {"loss_average": "batches"}))
    assert logged.whole == pytest.approx((2 * (10 + 4 + 7) + 9 + 7 + 5) / 27)


def test_a_step_without_a_loss_is_in_no_mean() -> None:
    assert of_arm(logging(2, loss=None)).losses == (None, None)


def test_nothing_is_listed_unless_the_suite_asks() -> None:
    assert logged_losses(logging(None).record) == ()


def test_the_section_lists_them_with_the_mean_of_all_steps() -> None:
    section = training_section(compare(logging(2), replicates=100))
    (table,) = [block for block in section.blocks if isinstance(block, Table) and "loss" in block.columns[0].title]
    column = [column.title for column in table.columns].index(ARM)
    shown = {row[0].text: row[column].text for row in table.rows}
    assert (shown["steps 1 to 2"], shown["steps 3 to 4"], shown["all steps"]) == ("2.5000", "1.0000", "2.8000")


def test_of_a_long_log_the_first_ten_and_some_of_the_rest_are_shown() -> None:
    logged = LoggedLosses(arm=ARM, every=1, losses=tuple(float(step) for step in range(1, 42)), whole=21.0)
    _, table = logged_losses_blocks([logged])
    assert isinstance(table, Table)
    steps = [row[0].text.removeprefix("step ") for row in table.rows[:-1]]
    assert steps == [*map(str, range(1, 11)), "14", "18", "22", "26", "30", "34", "38"]
    assert [row[1].text for row in table.rows[:-1]] == [f"{int(step)}.0000" for step in steps]
