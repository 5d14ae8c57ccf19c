"""Memory of a step, counted without numbers: a plan that is far off sends a training to a machine that is too small."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from bench.model.head import selected_logits
from bench.model.loading.load import load_base
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import LargestPass, StepBytes
from bench.train.accounting.tensor_memory import LiveBytes
from bench.train.arguments.adapters import add_adapter, peft_config
from bench.train.loop.layers.fused import fused
from bench.train.planning.exact_counts import count_training
from bench.train.planning.step_memory import step_bytes
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

LARGEST = LargestPass(rows=4, width=48, supervised_tokens=60)
RECIPES = [
    {"method": method, "precision": precision, "gradient_checkpointing": checkpointing}
    for method in ("full", "lora")
    for precision in ("fp32", "bf16")
    for checkpointing in (False, True)
]
ELSEWHERE = ("gpt2", "opt", "qwen2")
CASES = [
    *(("llama", recipe) for recipe in RECIPES),
    *((architecture, RECIPES[place]) for architecture in ELSEWHERE for place in (0, 3, 5, 6)),
]
"""Every recipe on one architecture; on each other one four of them, which have every pair of settings."""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny models by architecture."""
    root = tmp_path_factory.mktemp("models")
    return {name: tiny_checkpoint(root / name, name, width=64, layers=3) for name in ("llama", *ELSEWHERE)}


def job_on(base: Path, **recipe: Any) -> TrainJob:
    data = stored_data(base.parent, make_rows(8, words=(4, 24)))
    return make_job(resolved_model(base), data, recipe=make_recipe(**recipe), budget={"unit": "steps", "amount": 3})


def really_made(job: TrainJob, largest: LargestPass) -> int:
    """Peak bytes of one step with numbers, each storage followed."""
    recipe, adapter = job.recipe, peft_config(job.recipe, job.model)
    precision = "fp32" if adapter is None or recipe.precision == "fp32" else "bf16"
    model: Any = load_base(job.model, precision=precision, device=torch.device("cpu"))
    model = model if adapter is None else add_adapter(model, adapter)
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        if adapter is not None:
            model.enable_input_require_grads()
    model.train()
    ids = torch.zeros((largest.rows, largest.width), dtype=torch.long)
    reads = torch.zeros(largest.supervised_tokens, dtype=torch.long)
    with fused(model), LiveBytes() as live:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.precision == "bf16"):
            logits = selected_logits(model, reads, reads, input_ids=ids, use_cache=False)
        logits = logits.float()
        functional.cross_entropy(logits, reads, reduction="none").sum().backward()
    return live.peak


@pytest.mark.parametrize(
    ("architecture", "recipe"), CASES, ids=["-".join((name, *map(str, recipe.values()))) for name, recipe in CASES]
)
def test_a_step_without_numbers_makes_what_one_with_them_makes(
    bases: dict[str, Path], architecture: str, recipe: dict[str, Any]
) -> None:
    """Within what the few operations differ by that torch takes apart where there are no numbers."""
    job = job_on(bases[architecture], **recipe)
    assert 1 <= step_bytes(job, LARGEST, state_bytes=8).made / really_made(job, LARGEST) < 1.08


def test_what_stays_is_weights_and_the_optimisers_states(bases: dict[str, Path]) -> None:
    job = job_on(bases["llama"], precision="bf16")
    parameters, step = count_training(job).parameters, step_bytes(job, LARGEST, state_bytes=8)
    assert (step.held, step.states, step.gradients) == ((4 + 8) * parameters, 8 * parameters, 4 * parameters)
    lora = job_on(bases["llama"], method="lora", precision="bf16")
    counts = count_training(lora)
    frozen = counts.parameters - counts.trainable_parameters
    step = step_bytes(lora, LARGEST, state_bytes=0)
    assert (step.held, step.gradients) == (
        2 * frozen + 4 * counts.trainable_parameters,
        4 * counts.trainable_parameters,
    )


def test_accumulated_gradients_are_there_in_the_next_pass(bases: dict[str, Path]) -> None:
    one, two = (step_bytes(job_on(bases["llama"], accumulation=n), LARGEST, state_bytes=8).made for n in (1, 2))
    assert two > one


def test_packed_rows_are_counted_with_their_mask(bases: dict[str, Path]) -> None:
    packed = job_on(bases["llama"], packing="bfd", max_length=64)
    assert isinstance(step_bytes(packed, LARGEST, state_bytes=8), StepBytes)


def test_a_base_with_a_pad_token_is_counted(tmp_path: Path) -> None:
    """Its embedding's gradient has rows of zeros, which without numbers are not known."""
    base = tiny_checkpoint(tmp_path / "base", width=64, layers=3)
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    plain = step_bytes(job_on(base), LARGEST, state_bytes=8)
    (base / "config.json").write_text(json.dumps(config | {"pad_token_id": 2}), encoding="utf-8")
    assert step_bytes(job_on(base), LARGEST, state_bytes=8) == plain
