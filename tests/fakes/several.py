"""Trainings in several real processes, on one node or two, and what they are compared in."""

import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from bench.emit import StepDone
from bench.record.files import RESULT
from bench.record.jobs.job import result_adapter
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.result import TrainResult
from bench.run.process.allocation import Allocation
from bench.run.process.invitations import folder_of, invitations
from bench.run.process.server import Child
from bench.train.job import run_training
from tests.fakes.forked import finish, start
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

ROWS = make_rows(21)
EPOCH = {"unit": "epochs", "amount": 1}
TWENTY = {"unit": "steps", "amount": 20}


def job_in(world: Path, *, budget: dict[str, Any] = EPOCH, recipe: dict[str, Any], **fields: Any) -> TrainJob:
    """A job on the world's base, in batches of two rows."""
    data = stored_data(world, ROWS)
    made = make_recipe(**{"batch_rows": 2, **recipe})
    return make_job(resolved_model(world / "base"), data, recipe=made, budget=budget, **fields)


def train(job: TrainJob, folder: Path) -> TrainResult:
    """In as many processes as its recipe says."""
    if job.recipe.processes == 1:
        return run_training(job, folder, lambda event: None)
    child = start("train", job, folder)
    finish(child)
    assert child.failure is None, (folder / "log.txt").read_text()
    return result_in(folder)


def result_in(folder: Path) -> TrainResult:
    """What a child left."""
    result = result_adapter.validate_json((folder / RESULT).read_bytes())
    assert isinstance(result, TrainResult)
    return result


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """What was saved."""
    (file,) = (folder / "weights").glob("*.safetensors")
    return dict(load_file(file))


def assert_same_training(one: tuple[TrainResult, Path], several: tuple[TrainResult, Path]) -> None:
    """Step by step, in what was counted and what was learned; sums of floats may be taken in another order."""
    (left, here), (right, there) = one, several
    exact = ("step", "rows", "tokens", "supervised_tokens", "slots", "learning_rate")
    assert [[getattr(step, name) for name in exact] for step in left.steps] == [
        [getattr(step, name) for name in exact] for step in right.steps
    ]
    losses, norms = ([[getattr(step, name) for step in side.steps] for side in (left, right)]
                     for name in ("loss", "gradient_norm"))  # fmt: skip
    assert losses[1] == pytest.approx(losses[0], rel=0, abs=1e-4)
    assert norms[1] == pytest.approx(norms[0], rel=1e-4)
    ours, theirs = weights(here), weights(there)
    assert set(ours) == set(theirs)
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-4) for name in ours)
    same = {"rows", "distinct_rows", "epochs", "steps", "slots", "tokens", "supervised_tokens", "flops"}
    assert left.ledger.model_dump(include=same) == right.ledger.model_dump(include=same)
    assert [point.loss for point in right.validation] == pytest.approx([point.loss for point in left.validation])
    assert (right.kept_step, right.stopped) == (left.kept_step, left.stopped)


def on_two_nodes(job: TrainJob, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Child, Child]:
    """The head's child and that of the second node; all that they have in common are folders and loopback."""
    here = Allocation(id="two", nodes=2)
    monkeypatch.setenv("BENCH_HOME", str(folder.parent / "home"))
    monkeypatch.setenv("BENCH_ALLOCATION", here.model_dump_json())
    head = start("train", job, folder)
    deadline, invited = time.monotonic() + 60, folder_of(folder.parent / "home", here)
    while not (wanted := list(invitations(invited))):
        assert time.monotonic() < deadline
        assert not head.ended()
        head.wait(0.1)
    monkeypatch.setenv("BENCH_ALLOCATION", here.model_copy(update={"node": 1}).model_dump_json())
    return head, start("join", wanted[0], folder, log="node.txt")


def killed_at(step: int, job: TrainJob, folder: Path) -> tuple[Child, list[psutil.Process]]:
    """The job's child, whose last process was killed after `step`, and all of its processes."""
    child = start("train", job, folder)
    while not any(isinstance(event, StepDone) and event.step == step for event in child.wait(30)):
        assert not child.ended()
    assert child.process.pid is not None
    ranks = sorted(psutil.Process(child.process.pid).children(), key=lambda rank: rank.pid)
    ranks[-1].kill()
    finish(child)
    return child, ranks


def resumed(job: TrainJob, folder: Path) -> tuple[int, TrainResult]:
    """The first step of the next try, and what the training ends with."""
    child, steps = start("train", job, folder), []
    while not child.ended():
        steps += [event.step for event in child.wait(1) if isinstance(event, StepDone)]
    finish(child)
    assert child.failure is None, (folder / "log.txt").read_text()
    return steps[0], result_in(folder)
