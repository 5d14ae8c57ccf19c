"""Steps that a training stores for evaluation, and the one that it keeps."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bench.emit import ignore_event
from bench.record.files import STEPS, WEIGHTS
from bench.record.jobs.train_job import KeepBest, TrainJob
from bench.record.results.training.result import TrainResult
from bench.suite.tables.training.evaluate_at import StepPlan
from bench.train.job import run_training
from bench.train.loop.kept_step.best_step import BestStep
from bench.train.loop.kept_step.evaluated_steps import EvaluatedSteps, ScoreStep
from bench.train.processes.ranks import Ranks
from tests.fakes.training import (
    WORLD_ROWS,
    interrupt,
    make_job,
    make_recipe,
    resolved_model,
    stored_data,
    train_unchecked,
)

pytestmark = pytest.mark.usefixtures("uncounted")

DROPOUT = {"method": "lora", "lora": {"r": 2, "alpha": 4, "dropout": 0.5}}
"""A training that draws random numbers at every step."""


def job_in(world: Path, *, steps: int = 8, every: int = 2, patience: int | None = None, **recipe: Any) -> TrainJob:
    """A training whose every second step is stored; the best of them is kept where a test brings scores."""
    model, rows = resolved_model(world / "base"), stored_data(world, WORLD_ROWS)
    job = make_job(
        model, rows, recipe=make_recipe(schedule="constant", **recipe), budget={"unit": "steps", "amount": steps},
        evaluated=StepPlan(every=every),
    )  # fmt: skip
    return job.model_copy(update={"keep_best": KeepBest(scored_by="an eval", patience=patience)})


def scored(scores: Mapping[int, float | None], *, higher_is_better: bool = True) -> ScoreStep:
    """Gives each step its planned score, and draws random numbers as an eval may."""

    def score(stored: Path) -> tuple[float | None, bool]:
        assert list((stored / WEIGHTS).glob("*.safetensors")), "whole before it is scored"
        torch.rand(3), np.random.rand(3), random.random()
        return scores[int(stored.name)], higher_is_better

    return score


def keep(job: TrainJob, folder: Path, scores: Mapping[int, float | None], **options: Any) -> TrainResult:
    return run_training(job, folder, ignore_event, score=scored(scores, **options))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a saved subject."""
    return {name: value for file in folder.glob("*.safetensors") for name, value in load_file(file).items()}


def same(left: Path, right: Path) -> bool:
    ours, theirs = weights(left), weights(right)
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


PISSA = {"method": "pissa", "lora": {"r": 2, "alpha": 4}}
"""An adapter that is converted when it is written, for it moved weights out of the base."""


@pytest.mark.parametrize("recipe", [{}, DROPOUT, PISSA], ids=["full", "lora", "pissa"])
def test_a_stored_step_is_what_a_shorter_training_ends_with(
    world: Path, tmp_path: Path, recipe: dict[str, Any]
) -> None:
    """Storing and scoring change nothing of the training: not even its dropout."""
    plain = job_in(world, **recipe).model_copy(update={"evaluated": None, "keep_best": None})
    train_unchecked(plain, tmp_path / "plain")
    result = keep(job_in(world, **recipe), tmp_path / "stored", {2: 0.1, 4: 0.2, 6: 0.3, 8: 0.4})
    assert result.stored_steps == (2, 4, 6, 8)
    assert same(tmp_path / "stored" / WEIGHTS, tmp_path / "plain" / WEIGHTS)
    shorter = plain.model_copy(update={"budget": plain.budget.model_copy(update={"amount": 4})})
    train_unchecked(shorter, tmp_path / "shorter")
    assert same(tmp_path / "stored" / STEPS / "4" / WEIGHTS, tmp_path / "shorter" / WEIGHTS)
    assert not same(tmp_path / "stored" / STEPS / "2" / WEIGHTS, tmp_path / "shorter" / WEIGHTS)


@pytest.mark.parametrize(
    ("scores", "higher", "best"),
    [
        ({2: 0.1, 4: 0.5, 6: 0.5, 8: 0.2}, True, 4),
        ({2: 0.1, 4: 0.5, 6: 0.5, 8: 0.2}, False, 2),
        ({2: None, 4: None, 6: 0.1, 8: None}, True, 6),
    ],
)
def test_the_kept_step_has_the_best_score_and_of_equals_is_the_first(
    world: Path, tmp_path: Path, scores: dict[int, float | None], higher: bool, best: int
) -> None:
    result = keep(job_in(world), tmp_path, scores, higher_is_better=higher)
    assert result.kept_step == best
    assert {point.step: point.score for point in result.dev} == scores
    assert same(tmp_path / WEIGHTS, tmp_path / STEPS / str(best) / WEIGHTS)
    check = result.weights_check
    assert check.as_evaluated == pytest.approx(check.as_trained, abs=1e-4), "that of the kept step"
    assert result.stopped == "budget"
    assert len(result.steps) == 8


def test_patience_ends_a_training_whose_scores_rise_no_more(world: Path, tmp_path: Path) -> None:
    result = keep(job_in(world, steps=20, patience=2), tmp_path, {2: 0.5, 4: 0.4, 6: 0.5, 8: 0.9})
    assert result.stopped == "early"
    assert len(result.steps) == 6
    assert (result.kept_step, result.stored_steps) == (2, (2, 4, 6))


def test_a_training_that_ends_between_two_steps_stores_its_last(world: Path, tmp_path: Path) -> None:
    job = job_in(
        world, every=100, steps=40, learning_rate=0.05, validation={"every": 1, "patience": 1, "keep_best": False}
    )
    result = train_unchecked(job.model_copy(update={"keep_best": None}), tmp_path)
    assert result.stopped == "early"
    assert result.stored_steps == (len(result.steps),)


def test_an_interrupted_training_goes_on_with_what_it_stored_and_chose(world: Path, tmp_path: Path) -> None:
    job = job_in(world).model_copy(update={"steps_between_saves": 5})
    scores = {2: 0.1, 4: 0.5, 6: 0.2, 8: 0.3}
    whole = keep(job, tmp_path / "whole", scores)
    interrupt(job, tmp_path / "cut", after=7, score=scored(scores))
    again = keep(job, tmp_path / "cut", {6: 0.2, 8: 0.3})
    assert (again.dev, again.kept_step, again.stored_steps) == (whole.dev, whole.kept_step, whole.stored_steps)
    assert same(tmp_path / "cut" / WEIGHTS, tmp_path / "whole" / WEIGHTS)


def test_a_training_that_begins_anew_has_no_steps_of_an_earlier_attempt(world: Path, tmp_path: Path) -> None:
    (tmp_path / STEPS / "99" / WEIGHTS).mkdir(parents=True)
    assert train_unchecked(job_in(world).model_copy(update={"keep_best": None}), tmp_path).stored_steps == (2, 4, 6, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRanks(Ranks):
    """One of two processes, alone: what it would exchange is counted, and the other says stop."""

    sums: list[float] = field(default_factory=list)

    def all_reduce_sum(self, value: float) -> float:
        self.sums.append(value)
        return value + 1.0


@pytest.mark.parametrize("index", [0, 1])
def test_every_process_meets_the_others_after_a_scored_step_and_hears_the_verdict(tmp_path: Path, index: int) -> None:
    """Else the main process would wait for them for ever: it alone scores."""
    ranks, saved = CountedRanks(index=index, size=2), list[Path]()

    def save(folder: Path) -> None:
        saved.append(folder)
        if ranks.is_main_process:
            folder.mkdir(parents=True)
            (folder / "w.safetensors").write_bytes(b"w")

    steps = EvaluatedSteps(
        folder=tmp_path, due=frozenset({2}), save=save, ranks=ranks, best=BestStep(keep=index == 0, patience=3),
        score=scored({2: 0.5}) if index == 0 else None,
    )  # fmt: skip
    assert steps.take(2, torch.nn.Linear(1, 1)), "one process that stops stops all"
    assert ranks.sums == [0.0]
    assert len(saved) == 1, "weights that are sharded are gathered by all"
    assert steps.stored == ((2,) if index == 0 else ())
