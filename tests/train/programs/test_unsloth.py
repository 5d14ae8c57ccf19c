"""A training by unsloth has the batches, first weights and rates of TRL's trainer, and one that learns otherwise is
named. The environment has a stand-in for unsloth over plain transformers and PEFT."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.emit import Event, StepDone, ignore_event
from bench.record.jobs.train_job import TrainJob
from bench.suite.peft_files import ADAPTER_CONFIG
from bench.train.job import run_training
from bench.train.programs.unsloth import run_unsloth
from tests.fakes.training import WORLD_ROWS, make_job, make_recipe, resolved_model, stored_data
from tests.fakes.unsloth import unsloth_environment


def job_of(world: Path, root: Path, *, fake: dict[str, str] | None = None, steps: int = 3, **recipe: Any) -> TrainJob:
    made = make_recipe(**{"method": "lora", "engine": "unsloth", "batch_rows": 2, **recipe})
    data, budget = stored_data(world, WORLD_ROWS), {"unit": "steps", "amount": steps}
    job = make_job(resolved_model(world / "base"), data, recipe=made, budget=budget)
    return job.model_copy(update={"program": (unsloth_environment(root, **(fake or {})),)})


def test_the_same_batches_from_the_same_start_at_the_same_rates(world: Path, tmp_path: Path) -> None:
    recipe = {"accumulation": 2, "schedule": "cosine", "warmup": 1, "max_grad_norm": 0.5, "weight_decay": 0.1}
    job = job_of(world, tmp_path, method="rslora", steps=5, loss_average="batches", **recipe)
    weights = tmp_path / "job" / "weights"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_bytes(b"of a training that was interrupted")
    events: list[Event] = []
    result = run_unsloth(job, tmp_path / "job", events.append)
    plain = job.model_copy(update={"recipe": job.recipe.model_copy(update={"engine": "trl"})})
    expected = run_training(plain, tmp_path / "plain", ignore_event)
    assert expected.applied is not None
    assert result.resolved["engine"] == "equal: losses of 5 steps within 0.0000, first gradient's cosine 1.0000"
    assert result.resolved["unsloth"] == "unsloth 2026.10.9, transformers 5.17.0, peft 0.21.2"
    for step, other in zip(result.steps, expected.steps, strict=True):
        assert step.loss == pytest.approx(other.loss, abs=1e-4)
        assert step.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-2)
        assert step.model_dump(exclude={"loss", "gradient_norm", "seconds"}) == other.model_dump(
            exclude={"loss", "gradient_norm", "seconds"}
        )
    assert result.tail_loss == pytest.approx(expected.tail_loss, abs=1e-4)
    assert (result.parameters, result.trainable_parameters) == (expected.parameters, expected.trainable_parameters)
    assert [event.step for event in events if isinstance(event, StepDone)] == [1, 2, 3, 4, 5], "none of the comparison"
    counted = {"rows", "distinct_rows", "epochs", "steps", "slots", "tokens", "supervised_tokens", "flops"}
    assert result.ledger.model_dump(include=counted) == expected.ledger.model_dump(include=counted)
    assert result.ledger.tokens_per_second is not None
    assert result.ledger.peak_process_bytes is not None
    assert json.loads((weights / ADAPTER_CONFIG).read_text())["use_rslora"] is True
    assert not (weights / "model.safetensors").exists()
    assert [file.name for file in (tmp_path / "job").iterdir()] == ["weights"]
    assert result.weights_check is not None
    assert result.applied is not None
    assert result.applied.norm == pytest.approx(expected.applied.norm, rel=1e-3)
    seconds = result.ledger.seconds
    assert seconds.compute > 0
    assert seconds.wall == pytest.approx(sum(value for name, value in seconds if name != "wall"), rel=1e-3)


def test_a_loss_that_is_not_finite_ends_it_and_another_gradient_is_named(world: Path, tmp_path: Path) -> None:
    wrong = "[part.scaling.update(default=-8.0) for part in model.modules() if hasattr(part, 'lora_A')]"
    job = job_of(world, tmp_path, fake={"in_training": wrong}, learning_rate=1e30, max_grad_norm=0)
    result = run_unsloth(job, tmp_path / "job", ignore_event)
    words = "learns something else: losses of 2 steps within 0.0000, first gradient's cosine -1.0000"
    assert result.resolved["engine"] == words
    assert result.diverged
    assert (result.steps[-1].loss, result.tail_loss, result.weights_check) == (None, None, None)
    assert result.ledger.steps == len(result.steps) == 2


@pytest.mark.parametrize(
    ("fake", "what"),
    [
        ({"in_training": "raise MemoryError('no room')"}, r"unsloth failed \(exit 1\): .*no room"),
        ({"with_adapter": "model.lm_head.weight.requires_grad_(True)"}, "other tensors than PEFT's: .*embed_tokens"),
    ],
)
def test_a_failure_has_the_end_of_its_log(world: Path, tmp_path: Path, fake: dict[str, str], what: str) -> None:
    with pytest.raises(RuntimeError, match=what):
        run_unsloth(job_of(world, tmp_path, fake=fake), tmp_path / "job", ignore_event)
