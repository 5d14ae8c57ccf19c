"""Validation while training: held-out rows must stay held out, and the weights that are kept must be the best."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.data.render.render import make_renderer
from bench.model.loading.load import load_subject, load_tokenizer
from bench.suite.tables.training.validation import Validation
from bench.train.batches.loss_mask import supervised
from bench.train.batches.schedule import plan_schedule
from bench.train.batches.validation_rows import split_rows
from bench.train.loop.kept_step.validation import Watch
from bench.train.training_data import build_training_data
from tests.fakes.training import WORLD_ROWS as ROWS
from tests.fakes.training import interrupt, make_job, make_recipe, resolved_model, stored_data, train, train_unchecked

pytestmark = pytest.mark.usefixtures("uncounted")


def job_in(world: Path, *, steps: int = 12, **recipe: Any) -> Any:
    """A job with validation."""
    settings = {"schedule": "constant", "validation": {"every": 2}, **recipe}
    return make_job(
        resolved_model(world / "base"), stored_data(world, ROWS), recipe=make_recipe(**settings),
        budget={"unit": "steps", "amount": steps},
    )  # fmt: skip


def test_a_tenth_of_the_rows_is_held_out_by_seed() -> None:
    training, held = split_rows(ROWS, Validation(), 3)
    assert (len(training), len(held)) == (36, 4)
    assert {row.origin for row in training}.isdisjoint(row.origin for row in held)
    assert list(held) == list(split_rows(ROWS, Validation(), 3)[1])
    assert list(held) != list(split_rows(ROWS, Validation(), 4)[1])


def test_the_last_rows_are_held_out_by_position() -> None:
    training, held = split_rows(ROWS, Validation(by="last"), 3)
    assert [row.origin for row in training] == [row.origin for row in ROWS[:36]]
    assert [row.origin for row in held] == [row.origin for row in ROWS[36:]]


def test_held_out_rows_are_not_trained_on(world: Path) -> None:
    made = build_training_data(job_in(world), budget=job_in(world).budget)
    assert made.validation_rows == 4
    assert made.schedule.available_rows == 36


def test_the_losses_are_those_of_the_weights_at_that_step(world: Path, tmp_path: Path) -> None:
    """Recomputed row by row from what a training of so many steps saved."""
    job = job_in(world, steps=4, validation={"every": 2, "keep_best": False})
    result = train(job, tmp_path)
    assert [point.step for point in result.validation] == [2, 4]
    subject = load_subject(job.model, tmp_path, precision="fp32", device=torch.device("cpu"))
    renderer = supervised(make_renderer(load_tokenizer(job.model), job.model, 256), "completion")
    _, held = split_rows(ROWS, job.recipe.validation, job.seed)
    schedule = plan_schedule(
        list(held), renderer, make_recipe(batch_rows=1), job.budget.model_copy(update={"unit": "epochs", "amount": 1}),
        max_length=256, seed=0,
    )  # fmt: skip
    total = tokens = 0.0
    for example in schedule.examples():
        ids = torch.from_numpy(example.ids).long()
        with torch.no_grad():
            found = subject(input_ids=ids[None]).logits[0, :-1].log_softmax(-1).gather(1, ids[1:, None])[:, 0]
        total -= float(found[torch.from_numpy(example.labels[1:] >= 0)].sum())
        tokens += example.supervised_tokens
    assert result.validation[-1].loss == pytest.approx(total / tokens, abs=1e-5)


def test_the_best_weights_are_kept_and_a_training_that_stops_improving_ends(world: Path, tmp_path: Path) -> None:
    """At this rate it learns, and then falls apart."""
    recipe = {"learning_rate": 0.05, "validation": {"every": 1, "patience": 3}}
    result = train(job_in(world, steps=60, **recipe), tmp_path / "a")
    losses = {point.step: point.loss for point in result.validation}
    best = min(losses, key=lambda step: losses[step] or 1e9)
    assert result.stopped == "early"
    assert len(result.steps) == best + 3 < 60
    assert result.kept_step == best
    shorter = train_unchecked(job_in(world, steps=best, learning_rate=0.05, validation={"every": 1}), tmp_path / "b")
    assert shorter.kept_step == best
    subjects = [
        load_subject(resolved_model(world / "base"), tmp_path / name, precision="fp32", device=torch.device("cpu"))
        for name in "ab"
    ]
    for left, right in zip(*(subject.parameters() for subject in subjects), strict=True):
        assert torch.equal(left, right)


def test_an_interrupted_training_remembers_its_best(world: Path, tmp_path: Path) -> None:
    job = job_in(world, steps=10, learning_rate=0.05, validation={"every": 1}).model_copy(
        update={"steps_between_saves": 4}
    )
    whole = train_unchecked(job, tmp_path / "whole")
    interrupt(job, tmp_path / "cut", after=6)
    again = train_unchecked(job, tmp_path / "cut")
    assert again.validation == whole.validation
    assert again.kept_step == whole.kept_step


def test_patience_wears_unless_a_loss_is_lower_by_min_delta_and_the_lowest_is_best_all_the_same() -> None:
    watch = Watch(Validation(every=1, patience=2, min_delta=0.1, keep_best=False), steps=10)
    model = torch.nn.Linear(1, 1)
    assert [watch.note(step, loss, model) for step, loss in enumerate((2.0, 1.95, 1.8, 1.75, None), 1)] == [
        False, False, False, False, True,
    ]  # fmt: skip
    assert watch.best.step == 4
    again = Watch(Validation(every=1, patience=2, min_delta=0.1, keep_best=False), steps=10)
    again.resume(watch.state(), {})
    assert again.state() == watch.state()
    assert again.note(6, 1.75, model)
