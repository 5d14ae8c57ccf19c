"""How much memory a training will need at its peak, estimated from shapes and the recipe before anything is loaded.

Counted: weights, as the method holds them; gradients and the optimiser's states of what is trained; the activations
that layers keep for the backward pass; logits and their gradients. Left out: the libraries themselves, a GPU's context,
kernels' workspaces, fragmentation, DeepSpeed's and FSDP's gathering and offloading (estimated as if the recipe had
neither), GaLore's and APOLLO's projections, activations that adapters add, attention's matrix where no fused kernel
saves it, and that a batch can be longer than their mean.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import ExactCounts
from bench.suite.tables.training.adapter import QuantizationSpec
from bench.suite.tables.training.optimizer import FUSED_BACKWARD_OPTIMIZERS
from bench.suite.tables.training.recipe import Recipe
from bench.units import GIB

_FP32 = 4
_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
_KEPT_PER_LAYER = 17
"""Numbers that a transformer layer keeps per token and unit of width (Korthikanti et al. 2022, section 4: 34 bytes at
two bytes a number), without attention's own matrix, which fused kernels do not keep."""
_CHECKPOINTED = 1
"""Numbers that a layer keeps with checkpointing: its input."""
_LOGIT_COPIES = 3
"""Logits in fp32, their log-softmax, the gradient."""
_BLOCK = 64
"""Weights that share a scale in 4 bits (bitsandbytes)."""
_SCALES_PER_BLOCK = 256

_STATES: tuple[tuple[tuple[str, ...], float], ...] = (
    (("paged_ademamix_8bit", "ademamix_8bit"), 3),
    (("ademamix", "paged_ademamix", "grokadamw"), 12),
    (("paged_lion_8bit", "lion_8bit", "rmsprop_bnb_8bit"), 1),
    (("lion", "paged_lion", "rmsprop", "adagrad", "schedule_free_sgd"), 4),
    (("adamw_torch_4bit",), 1),
    (("adamw_torch_8bit", "adamw_bnb_8bit", "adamw_8bit", "paged_adamw_8bit", "galore_adamw_8bit"), 2),
    (("adafactor", "galore_adafactor", "lomo", "adalomo", "sgd"), 0),
)
"""Beginnings of optimisers' names, the first that fits, and bytes of state per trained parameter; all others: 8."""
_ADAM_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """Shape of a model, from its config.json; zeros where that does not say."""

    width: int
    layers: int
    vocabulary: int
    tied: bool

    @property
    def embeddings(self) -> int:
        """Parameters of embeddings and head."""
        return self.vocabulary * self.width * (1 if self.tied else 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """Bytes of one training on one GPU that holds all of it, by what they are of."""

    weights: float
    gradients: float
    states: float
    activations: float


def device_memory(job: TrainJob, counts: ExactCounts, made: int | None) -> DeviceMemory:
    """The parts of one training on a GPU. `made`: bytes that its largest step makes, as counted; `None`: activations
    are those of `training_memory`."""
    recipe, shape = job.recipe, model_shape(Path(job.model.path))
    number = _BYTES["bf16" if recipe.precision == "auto" else recipe.precision]
    trained, frozen = counts.trainable_parameters, counts.parameters - counts.trainable_parameters
    whole = held_memory(recipe, shape, trained=trained, frozen=frozen, number=number)
    all_gradients = float(trained * _trained_bytes(recipe))
    gradients = 0.0 if recipe.optimizer in FUSED_BACKWARD_OPTIMIZERS else all_gradients
    weights = _weights(recipe, shape, trained=trained, frozen=frozen, number=number)
    if made is None:
        activations = training_memory(job, counts, device="cuda") - whole
    else:
        activations = max(0.0, made - all_gradients - _copies(recipe, trained, number))
    return DeviceMemory(
        weights=weights, gradients=gradients, states=whole - weights - gradients, activations=activations
    )


def training_memory(job: TrainJob, counts: ExactCounts, *, device: str) -> int:
    """Bytes: of one GPU where the recipe has several processes, of all processes together on a processor.

    `counts`: what the training will count; `device`: `cpu`, `mps` or `cuda`.
    """
    recipe, shape = job.recipe, model_shape(Path(job.model.path))
    auto = "bf16" if device == "cuda" else "fp32"
    number = _BYTES[auto if recipe.precision == "auto" else recipe.precision]
    trained, frozen = counts.trainable_parameters, counts.parameters - counts.trainable_parameters
    passes = max(1, counts.steps * recipe.accumulation)
    kept = (
        held_memory(recipe, shape, trained=trained, frozen=frozen, number=number),
        _best(recipe, trained, device),
        _activations(recipe, shape, counts.slots / passes, number),
        0 if device == "cuda" else counts.supervised_tokens / passes * shape.vocabulary * _FP32 * _LOGIT_COPIES,
    )
    return int(sum(kept)) * (recipe.processes if device == "cpu" else 1)


def held_memory(recipe: Recipe, shape: ModelShape, *, trained: int, frozen: int, number: int) -> float:
    """Bytes of weights, gradients and the optimiser's states: what is there whatever the batch.

    `number`: bytes of a number at the precision that is computed in.
    """
    return (
        _weights(recipe, shape, trained=trained, frozen=frozen, number=number)
        + (0 if recipe.optimizer in FUSED_BACKWARD_OPTIMIZERS else trained * _trained_bytes(recipe))
        + trained * (state_bytes(recipe.optimizer) + (_FP32 if "momentum" in recipe.optimizer_arguments else 0))
    )


def card_memory(parameters: int, adapters: int) -> tuple[float, float]:
    """GiB that a card states: full fine-tuning in fp32, and LoRA's `adapters` on frozen weights in bf16; AdamW."""
    nothing = ModelShape(width=0, layers=0, vocabulary=0, tied=True)  # only quantised weights ask for it
    full, lora = (
        Recipe(method="full", learning_rate=1e-5),
        Recipe(method="lora", learning_rate=1e-4).with_defaults("all-linear"),
    )
    held = (
        held_memory(full, nothing, trained=parameters, frozen=0, number=_BYTES["fp32"]),
        held_memory(lora, nothing, trained=adapters, frozen=parameters, number=_BYTES["bf16"]),
    )
    return held[0] / GIB, held[1] / GIB


def state_bytes(optimizer: str) -> float:
    """Bytes that an optimiser keeps per trained parameter."""
    return next((size for names, size in _STATES if optimizer.startswith(names)), _ADAM_BYTES)


def model_shape(folder: Path) -> ModelShape:
    """From the names that architectures give their sizes."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        config = {}
    table: dict[str, Any] = config if isinstance(config, dict) else {}
    table = {**table, **(table.get("text_config") or {})}
    return ModelShape(
        width=_size(table, "hidden_size", "n_embd", "d_model"),
        layers=_size(table, "num_hidden_layers", "n_layer", "n_layers"),
        vocabulary=_size(table, "vocab_size"),
        tied=bool(table.get("tie_word_embeddings", True)),
    )


def _size(table: Mapping[str, Any], *names: str) -> int:
    return next((table[name] for name in names if isinstance(table.get(name), int)), 0)


def _weights(recipe: Recipe, shape: ModelShape, *, trained: int, frozen: int, number: int) -> float:
    """What is trained is held in fp32, and where all of it is, copied once more for a smaller precision's products."""
    if recipe.adapter is None:
        return trained * _FP32 + _copies(recipe, trained, number) + frozen * number
    if recipe.quantization is None:
        return trained * _FP32 + frozen * number
    left = min(frozen, shape.embeddings)
    return trained * _trained_bytes(recipe) + left * number + (frozen - left) * quantized_bytes(recipe.quantization)


def _copies(recipe: Recipe, trained: int, number: int) -> int:
    """Bytes of the copies that products in a smaller precision are computed with."""
    return trained * number if recipe.adapter is None and number < _FP32 else 0


def quantized_bytes(how: QuantizationSpec) -> float:
    """Bytes of one quantised weight, its share of the scales included."""
    if how.bits == 8:
        return 1.0
    scale = (1 + _FP32 / _SCALES_PER_BLOCK) if how.double else _FP32
    return 0.5 + scale / _BLOCK


def _trained_bytes(recipe: Recipe) -> int:
    """Bytes of a trained parameter, and of its gradient. On a quantised base TRL holds an adapter in bf16."""
    return 2 if recipe.quantization is not None else _FP32


def _best(recipe: Recipe, trained: int, device: str) -> float:
    """The best weights so far wait in the processor's memory."""
    waits = recipe.validation is not None and recipe.validation.keep_best and device == "cpu"
    return trained * _FP32 if waits else 0


def _activations(recipe: Recipe, shape: ModelShape, slots: float, number: int) -> float:
    """Bytes of the activations of one batch of so many slots; with checkpointing one layer at a time is whole."""
    per_layer = slots * shape.width * number
    if recipe.gradient_checkpointing:
        return per_layer * (_CHECKPOINTED * shape.layers + _KEPT_PER_LAYER)
    return per_layer * _KEPT_PER_LAYER * shape.layers
