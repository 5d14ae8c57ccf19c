"""Bytes that one optimiser step of a training needs at its peak, counted before any weight is read.

Contract: the step runs on tensors without numbers that are laid out as on a processor, so that torch takes the kernels
it will take: fused attention keeps no matrix of weights, autocast makes its copies, adapters keep what they keep, and
layers are computed as a training computes them. Every storage counts from the operation that makes it until nothing
refers to it any more.
"""

from contextlib import nullcontext
from typing import Any

import torch
from peft import PeftConfig
from torch.nn import Embedding, functional

from bench.machine.device import dtype_of, pick_precision
from bench.model.head import full_logits, selected_logits
from bench.model.loading.load import load_skeleton
from bench.model.torch_private import FakeTensorMode, place_on_processor
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import LargestPass, StepBytes
from bench.suite.tables.models.precision import Precision
from bench.train.accounting.tensor_memory import LiveBytes
from bench.train.arguments.adapters import add_adapter, peft_config
from bench.train.loop.layers.fused import fused, is_known

_CPU = torch.device("cpu")


def step_bytes(job: TrainJob, largest: LargestPass, *, state_bytes: float) -> StepBytes:
    """Bytes of weights, gradients and the optimiser's states, and the peak of what a step over `largest` passes makes.

    `state_bytes`: the optimiser's, of each trained parameter. Raises whatever an architecture that needs numbers does.
    """
    precision = pick_precision(job.recipe.precision, _CPU)
    model = _model(job, peft_config(job.recipe, job.model), precision)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        place_on_processor(model, mode)
        weights = sum(value.numel() * value.element_size() for value in model.parameters())
        trained = [value for value in model.parameters() if value.requires_grad]
        gradients = sum(value.numel() * value.element_size() for value in trained)
        states = sum(value.numel() for value in trained) * state_bytes
        alone = job.recipe.processes == 1 and not (job.recipe.torch_compile or job.recipe.sharded)
        fuses = alone and is_known(model)
        with fused(model) if fuses else nullcontext(), LiveBytes() as live:
            for _ in range(min(2, job.recipe.accumulation)):  # the second finds the first one's gradients
                _pass(model, largest, precision, packed=job.recipe.packed)
    return StepBytes(held=int(weights + states), states=int(states), gradients=gradients, made=live.peak, fused=fuses)


def _model(job: TrainJob, adapter: PeftConfig | None, precision: Precision) -> Any:
    """The model as it is trained, on the meta device."""
    model: Any = load_skeleton(job.model).to(dtype_of("fp32" if adapter is None else precision))
    for module in model.modules():
        if isinstance(module, Embedding):
            module.padding_idx = None  # which rows of a gradient stay zero is seen in the numbers alone
    if adapter is not None:
        model = add_adapter(model, adapter)
    if job.recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        if adapter is not None:
            model.enable_input_require_grads()
    return model.train()


def _pass(model: Any, largest: LargestPass, precision: Precision, *, packed: bool) -> None:
    """Forward and backward over one batch, the head at the supervised positions, as a processor computes it."""
    ids = torch.zeros((largest.rows, largest.width), dtype=torch.long)
    rows, columns, targets = (torch.zeros(largest.supervised_tokens, dtype=torch.long) for _ in range(3))
    inputs: dict[str, Any] = {"input_ids": ids, "use_cache": False}
    if packed:
        mask = torch.ones((largest.rows, 1, largest.width, largest.width), dtype=torch.bool)
        inputs |= {"position_ids": torch.zeros_like(ids), "attention_mask": mask}
    computing = nullcontext() if precision == "fp32" else torch.autocast("cpu", dtype=dtype_of(precision))
    prompted = getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False)
    with computing:
        logits = (full_logits if prompted else selected_logits)(model, rows, columns, **inputs)
    logits = logits.float()
    torch.autograd.backward(functional.cross_entropy(logits, targets, reduction="none").sum())
