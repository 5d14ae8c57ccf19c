"""An engine that learns the same is seen to, and one that learns something else is named."""

from pathlib import Path
from typing import Any

import pytest

from bench.record.jobs.train_job import TrainJob
from bench.train import equality
from bench.train.equality import EngineEquality, compare_engines
from tests.fakes.training import WORLD_ROWS, make_job, make_recipe, resolved_model, stored_data


def job_of(world: Path, **recipe: Any) -> TrainJob:
    data = stored_data(world, WORLD_ROWS)
    budget = {"unit": "steps", "amount": 6}
    return make_job(resolved_model(world / "base"), data, recipe=make_recipe(**recipe), budget=budget)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_one_engine_equals_itself(world: Path, method: str) -> None:
    job = job_of(world, method=method)
    found = compare_engines(job, job, steps=4)
    assert found.differences == (0.0, 0.0, 0.0, 0.0)
    assert found.gradient_cosine == pytest.approx(1.0)
    assert found.equal
    assert found.words == "equal: losses of 4 steps within 0.0000, first gradient's cosine 1.0000"


def test_another_gradient_and_other_steps_are_named(world: Path) -> None:
    job = job_of(world)
    slower = compare_engines(job, job_of(world, learning_rate=1e-4), steps=4)
    assert slower.differences[0] == 0.0
    assert slower.gradient_cosine == pytest.approx(1.0)
    assert slower.largest_difference > 0.02
    assert not slower.equal
    other = compare_engines(job, job_of(world, loss_on="all"), steps=2)
    assert other.gradient_cosine < 0.99
    assert other.words.startswith("learns something else")


def test_another_engine_is_held_against_the_plain_trainer(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def compare(first: TrainJob, second: TrainJob) -> EngineEquality:
        seen.extend((first.recipe.engine, second.recipe.engine))
        return EngineEquality(differences=(0.5,), steps=1, gradient_cosine=0.2)

    monkeypatch.setattr(equality, "compare_engines", compare)
    assert equality.engine_equality(job_of(world)) is None
    words = equality.engine_equality(job_of(world, engine="liger"))
    assert seen == ["trl", "liger"]
    assert words == "learns something else: losses of 1 steps within 0.5000, first gradient's cosine 0.2000"


def test_a_loss_that_is_not_finite_is_no_equality() -> None:
    assert not EngineEquality(differences=(0.0,), steps=2, gradient_cosine=1.0).equal
