"""Log-probabilities of supervised tokens, with the language-model head applied where this model and device allow it.

Contract: all three ways give the same log-probabilities within rounding.
"""

from typing import Any

import torch

from bench.model.head import full_outputs, selected_outputs, selects
from bench.record.results.training.result import Head
from bench.train.batches.collate import model_inputs
from bench.train.loop.layers.parts import computable, log_probability
from bench.train.loop.trl_private import fused_log_probabilities


def pick_head(model: Any, batch: dict[str, Any], *, device: torch.device, compiled: bool, fused: bool = True) -> Head:
    """Where the head can be applied in `model`, tried on a collated `batch`. `fused`: whether TRL's kernel will do."""
    virtual = getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False)
    if device.type == "cuda" and not virtual and fused:
        return "fused"  # TRL's kernel: supervised positions only, and the logits are never all in memory
    if compiled:
        return "all positions"  # a compiled graph does not see a hook that comes and goes
    placed = {key: value.to(device) for key, value in batch.items() if torch.is_tensor(value)}
    narrowed = selects(model, placed["rows"], placed["columns"], **model_inputs(placed))
    return "supervised positions" if narrowed else "all positions"


def log_probabilities(model: Any, batch: dict[str, Any], head: Head) -> torch.Tensor:
    """Log-probabilities of the supervised tokens (n,); for `fused`, of all positions, zero at those not supervised."""
    return forward(model, batch, head)[0]


def forward(model: Any, batch: dict[str, Any], head: Head, **more: Any) -> tuple[torch.Tensor, Any]:
    """Log-probabilities as `log_probabilities` gives them, and the model's outputs. `more`: further inputs."""
    inputs = {**model_inputs(batch), **more}
    if head == "fused":
        return fused_log_probabilities(model, batch["labels"], **inputs)
    read = selected_outputs if head == "supervised positions" else full_outputs
    logits, outputs = read(model, batch["rows"], batch["columns"], **inputs)
    return _of_targets(logits.float(), batch["targets"]), outputs


def _of_targets(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if computable(logits):
        return log_probability(logits, targets)
    return -torch.nn.functional.cross_entropy(logits, targets, reduction="none")
