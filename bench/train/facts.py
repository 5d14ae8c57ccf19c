"""The exact counts of a training: nothing is timed, nothing is trained, and no weight is read."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from bench.errors import InputError, Problem
from bench.model.load import dtype_of, load_skeleton, pick_precision
from bench.record.facts import TrainingFacts
from bench.record.job import TrainJob
from bench.train.adapters import peft_config, put_on, virtual_tokens
from bench.train.example import slots
from bench.train.job import count_training
from bench.train.rows import material
from bench.train.tensor_memory import peak_tensor_bytes
from bench.train.utilization import OperationCount

_CPU = torch.device("cpu")


def training_facts(job: TrainJob) -> TrainingFacts:
    """What `job` will count. Raises `InputError` as the training would, and for a budget that only a clock can tell."""
    if job.budget.unit == "seconds":
        what, hint = "a budget in seconds has no exact counts", "give the budget in tokens, flops, steps or epochs"
        raise InputError(Problem(reference="gate.budget-in-seconds", what=what, where="budget.unit", hint=hint))
    recipe = job.recipe
    schedule = material(job, budget=job.budget).schedule
    counts = count_training(job)
    adapter = peft_config(recipe, job.model, steps=schedule.steps)
    base = _skeleton(job, full=adapter is None)
    model = base if adapter is None else put_on(base, adapter)
    count = OperationCount(model, adapter, checkpointing=recipe.gradient_checkpointing, head_everywhere=False)
    return TrainingFacts(
        **counts,
        padding=counts["slots"] - counts["tokens"],
        model_flops=count.model(schedule),
        hardware_flops=count.hardware(schedule),
        peak_tensor_bytes=None
        if virtual_tokens(adapter)
        else peak_tensor_bytes(model, max(schedule.batches, key=slots), packed=recipe.packed),
    )


def _skeleton(job: TrainJob, *, full: bool) -> PreTrainedModel:
    """The base on the meta device at a processor's training precision."""
    base = load_skeleton(job.model)
    return base.to(dtype_of("fp32" if full else pick_precision(job.recipe.precision, _CPU)))
