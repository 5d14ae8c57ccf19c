"""An engine that learns the same is seen to, and one that learns something else is named."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.record.jobs.train_job import TrainJob
from bench.train import equality
from bench.train.equality import EngineEquality, FirstSteps, compare, first_steps
from tests.fakes.training import WORLD_ROWS, make_job, make_recipe, resolved_model, stored_data


def job_of(world: Path, **recipe: Any) -> TrainJob:
    data = stored_data(world, WORLD_ROWS)
    budget = {"unit": "steps", "amount": 6}
    return make_job(resolved_model(world / "base"), data, recipe=make_recipe(**recipe), budget=budget)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_one_engine_equals_itself(world: Path, method: str) -> None:
    job = job_of(world, method=method)
    found = compare(first_steps(job, 4), first_steps(job, 4))
    assert found.differences == (0.0, 0.0, 0.0, 0.0)
    assert found.gradient_cosine == pytest.approx(1.0)
    assert found.equal
    assert found.words == "equal: losses of 4 steps within 0.0000, first gradient's cosine 1.0000"


def test_another_gradient_and_other_steps_are_named(world: Path) -> None:
    job = job_of(world)
    slower = compare(first_steps(job, 4), first_steps(job_of(world, learning_rate=1e-4), 4))
    assert slower.differences[0] == 0.0
    assert slower.gradient_cosine == pytest.approx(1.0)
    assert slower.largest_difference > 0.02
    assert not slower.equal
    other = compare(first_steps(job, 2), first_steps(job_of(world, loss_on="all"), 2))
    assert other.gradient_cosine < 0.99
    assert other.words.startswith("learns something else")


def test_another_engine_is_held_against_the_plain_trainer(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def steps(job: TrainJob, steps: int = 1) -> FirstSteps:
        seen.append(job.recipe.engine)
        plain = job.recipe.engine == "trl"
        gradient = {"a": torch.tensor([1.0, 0.0])} if plain else {"a": torch.tensor([0.2, 0.0]), "b": torch.ones(1)}
        return FirstSteps(losses=(1.0, 2.0) if plain else (1.5, None), gradient=gradient)

    monkeypatch.setattr(equality, "first_steps", steps)
    assert equality.engine_equality(job_of(world)) is None
    words = equality.engine_equality(job_of(world, engine="liger"))
    assert seen == ["trl", "liger"]
    assert words == "learns something else: losses of 2 steps within 0.5000, first gradient's cosine 0.1961"


def test_an_engine_that_ends_early_is_not_equal() -> None:
    gradient = {"a": torch.ones(2)}
    found = compare(FirstSteps(losses=(1.0, 1.0), gradient=gradient), FirstSteps(losses=(1.0,), gradient=gradient))
    assert (found.steps, found.differences, found.equal) == (2, (0.0,), False)


def test_a_loss_that_is_not_finite_is_no_equality() -> None:
    assert not EngineEquality(differences=(0.0,), steps=2, gradient_cosine=1.0).equal
