"""A forecast of memory that is far off sends a training to a machine that is too small."""

from pathlib import Path
from typing import Any

import pytest

from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import ExactCounts
from bench.run.estimate.memory.from_shapes import (
    device_memory,
    model_shape,
    quantized_bytes,
    state_bytes,
    training_memory,
)
from bench.suite.tables.training.adapter import QuantizationSpec
from bench.train.planning.exact_counts import training_facts
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

WIDTH, LAYERS, VOCABULARY = 64, 2, 384
COUNTS = ExactCounts(
    rows=0, steps=2, tokens=0, supervised_tokens=0, slots=0, truncated_rows=0, dropped_rows=0, parameters=1_000_000,
    trainable_parameters=10_000,
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with one matrix for embeddings and head."""
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "base", width=WIDTH)


def job_on(base: Path, **recipe: Any) -> TrainJob:
    data = stored_data(base.parent, make_rows(32, words=(12, 14)))
    return make_job(resolved_model(base), data, recipe=make_recipe(**recipe), budget={"unit": "steps", "amount": 2})


def gpu_bytes(base: Path, *, trained: int = 10_000, slots: int = 0, **recipe: Any) -> int:
    counts = COUNTS.model_copy(update={"trainable_parameters": trained, "slots": slots})
    return training_memory(job_on(base, **recipe), counts, device="cuda")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_forecast_is_near_the_tensors_that_are_really_alive(tmp_path: Path, architecture: Architecture) -> None:
    """Against every storage of one pass, counted one by one."""
    base = tiny_checkpoint(tmp_path / "base", architecture, width=128, layers=4)
    for recipe in ({}, {"method": "lora", "batch_rows": 32}, {"gradient_checkpointing": True, "batch_rows": 32}):
        job = job_on(base, **recipe)
        facts = training_facts(job)
        assert facts.peak_tensor_bytes is not None
        forecast = training_memory(job, facts, device="cpu")
        assert 0.5 < forecast / facts.peak_tensor_bytes < 1.4, recipe


def test_the_method_decides_what_is_held(base: Path) -> None:
    frozen, trained, embeddings = 990_000, 10_000, WIDTH * VOCABULARY
    assert gpu_bytes(base, method="lora") == 2 * frozen + 16 * trained
    assert gpu_bytes(base, method="lora", precision="fp32") == 4 * frozen + 16 * trained
    assert gpu_bytes(base, trained=1_000_000) == (16 + 2) * 1_000_000, "fp32 masters, and a bf16 copy to compute with"
    four_bits = (frozen - embeddings) * quantized_bytes(QuantizationSpec())
    assert gpu_bytes(base, method="qlora") == int(2 * embeddings + four_bits + (2 + 2 + 8) * trained)
    eight = {"method": "qlora", "quantization": {"bits": 8}}
    assert gpu_bytes(base, **eight) == 2 * embeddings + (frozen - embeddings) + 12 * trained


def test_four_bits_are_four_and_their_scales() -> None:
    """Dettmers et al. 2023, section 3: double quantisation takes 0.373 bits of 4.5 away."""
    assert 8 * quantized_bytes(QuantizationSpec(double=False)) == 4.5
    assert 8 * quantized_bytes(QuantizationSpec()) == pytest.approx(4.5 - 0.373, abs=1e-3)


@pytest.mark.parametrize(
    ("optimizer", "states"),
    [
        ("adamw", 8), ("adamw_torch", 8), ("paged_adamw_32bit", 8), ("adamw_8bit", 2), ("paged_adamw_8bit", 2),
        ("adamw_torch_4bit", 1), ("lion_32bit", 4), ("lion_8bit", 1), ("ademamix", 12), ("ademamix_8bit", 3),
        ("sgd", 0), ("adafactor", 0), ("rmsprop", 4), ("schedule_free_sgd", 4), ("schedule_free_adamw", 8),
    ],
)  # fmt: skip
def test_the_optimiser_decides_how_much_state(base: Path, optimizer: str, states: float) -> None:
    assert state_bytes(optimizer) == states
    adam = gpu_bytes(base, trained=1_000_000, optimizer="adamw")
    assert adam - gpu_bytes(base, trained=1_000_000, optimizer=optimizer) == (8 - states) * 1_000_000


def test_one_that_steps_inside_the_backward_pass_has_no_gradients_at_once(base: Path) -> None:
    assert gpu_bytes(base, trained=1_000_000, optimizer="lomo") == (4 + 2) * 1_000_000


def test_checkpointing_keeps_a_layers_input_only(base: Path) -> None:
    without, with_it = (
        gpu_bytes(base, slots=8_000, gradient_checkpointing=on, method="lora") - gpu_bytes(base, method="lora")
        for on in (False, True)
    )
    per_layer = 4_000 * WIDTH * 2
    assert (without, with_it) == (17 * LAYERS * per_layer, (LAYERS + 17) * per_layer)


def test_best_weights_wait_beside_the_training_on_a_processor_alone(base: Path) -> None:
    watched = job_on(base, method="lora", validation={})
    plain = job_on(base, method="lora")
    for device, extra in (("cpu", 40_000), ("cuda", 0)):
        assert training_memory(watched, COUNTS, device=device) - training_memory(plain, COUNTS, device=device) == extra


@pytest.mark.parametrize(
    ("recipe", "beside"),
    [
        ({}, (4 + 2) * 10_000),  # gradients, and copies in bf16
        ({"precision": "fp32"}, 4 * 10_000),
        ({"method": "lora"}, 4 * 10_000),
        ({"optimizer": "lomo"}, (4 + 2) * 10_000),  # counted, though a GPU never has them all
    ],
)
def test_activations_of_a_device_are_those_that_were_counted(base: Path, recipe: dict[str, Any], beside: int) -> None:
    job, counts = job_on(base, **recipe), COUNTS.model_copy(update={"slots": 8_000})
    counted, estimated = device_memory(job, counts, 7_000_000), device_memory(job, counts, None)
    assert counted.activations == 7_000_000 - beside
    assert estimated.activations == 17 * LAYERS * 4_000 * WIDTH * (4 if recipe.get("precision") else 2)
    parts = (counted.weights, counted.gradients, counted.states)
    assert parts == (estimated.weights, estimated.gradients, estimated.states)
    assert sum(parts) == training_memory(job, COUNTS, device="cuda")


def test_a_config_that_says_nothing_leaves_activations_out(tmp_path: Path) -> None:
    assert model_shape(tmp_path).embeddings == 0
    (tmp_path / "config.json").write_text("[]")
    assert model_shape(tmp_path).layers == 0
