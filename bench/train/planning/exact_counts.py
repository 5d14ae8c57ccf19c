"""The exact counts of a training: nothing is timed, nothing is trained, and no weight is read."""

import traceback
from dataclasses import dataclass, field

import torch
from peft import PeftConfig, PeftModel
from transformers import PreTrainedModel

from bench.digest import digest_json
from bench.errors import InputError, Problem
from bench.machine.device import dtype_of, pick_precision
from bench.model.loading.kept_tokenizers import KeptTokenizers, TokenizerOf
from bench.model.loading.load import load_skeleton
from bench.model.size.parameters import count_parameters
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import PlannedCounts, StepFacts, TrainingFacts
from bench.suite.tables.training.budget import Budget
from bench.train.accounting.tensor_memory import peak_tensor_bytes
from bench.train.accounting.utilization import OperationCount
from bench.train.arguments.adapters import add_adapter, peft_config, skeleton, skeleton_device, virtual_tokens
from bench.train.batches.encoded_row import slots
from bench.train.batches.schedule import Schedule
from bench.train.training_data import build_training_data, schedule_key

_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class TrainingCounter:
    """Counts trainings; arms that share a schedule or an adapter share the work."""

    _schedules: dict[str, PlannedCounts] = field(default_factory=dict)
    """Without parameters."""
    _parameters: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    _tokenizer_of: TokenizerOf = field(default_factory=KeptTokenizers)

    def count(self, job: TrainJob) -> PlannedCounts:
        """Counts of a training, from the schedule that it will run and a model without weights; nothing is trained.

        A budget in seconds is turned into steps by timing a few, as the training does: the counts are then an estimate.
        """
        counts = self._schedule(job)
        adapter = peft_config(job.recipe, job.model, steps=counts.steps)
        shape = (job.model.sha256, repr(adapter))
        if shape not in self._parameters:
            self._parameters[shape] = count_parameters(skeleton(job.model, adapter))
        parameters, trainable = self._parameters[shape]
        return counts.model_copy(update={"parameters": parameters, "trainable_parameters": trainable})

    def _schedule(self, job: TrainJob) -> PlannedCounts:
        key = _schedule_key(job)
        if key not in self._schedules:
            data = build_training_data(job, budget=_budget(job), tokenizer_of=self._tokenizer_of)
            self._schedules[key] = _counts_of(data.schedule)
        return self._schedules[key]


def _budget(job: TrainJob) -> Budget:
    if job.budget.unit != "seconds":
        return job.budget
    from bench.train.probe import known_budget  # the trainer, which counts need for nothing else

    return known_budget(job)


def _counts_of(schedule: Schedule) -> PlannedCounts:
    """Counts of a schedule, without parameters."""
    first, later = schedule.largest_passes
    return PlannedCounts(
        rows=schedule.rows,
        steps=schedule.steps,
        tokens=schedule.tokens,
        supervised_tokens=schedule.supervised_tokens,
        slots=schedule.slots,
        truncated_rows=schedule.truncated_rows,
        dropped_rows=schedule.dropped_rows,
        refused_rows=schedule.refused_rows,
        parameters=0,
        trainable_parameters=0,
        first_step=first,
        later_steps=later,
    )


def _schedule_key(job: TrainJob) -> str:
    """Hash of all that decides a schedule."""
    return job.digest if job.budget.unit == "seconds" else digest_json(schedule_key(job))


def count_training(job: TrainJob) -> PlannedCounts:
    """Counts of one training, as `TrainingCounter` has them."""
    return TrainingCounter().count(job)


def training_facts(job: TrainJob) -> TrainingFacts:
    """Counts and operations of `job`. Raises `InputError` as the training would, and for a budget in seconds."""
    if job.budget.unit == "seconds":
        what, hint = "a budget in seconds has no exact counts", "give the budget in tokens, flops, steps or epochs"
        raise InputError(Problem(reference="gate.budget-in-seconds", what=what, where="budget.unit", hint=hint))
    recipe = job.recipe
    schedule = build_training_data(job, budget=job.budget).schedule
    counts = TrainingCounter({_schedule_key(job): _counts_of(schedule)}).count(job)
    adapter = peft_config(recipe, job.model, steps=schedule.steps)
    base = _skeleton(job, adapter)
    model = base if adapter is None else add_adapter(base, adapter)
    count = _operations(job, model, adapter)
    return TrainingFacts(
        **counts.exact,
        padding=counts.slots - counts.tokens,
        model_flops=count.model(schedule),
        hardware_flops=count.hardware(schedule),
        peak_tensor_bytes=None
        if virtual_tokens(adapter) or base.device.type != "meta"
        else peak_tensor_bytes(model, max(schedule.batches, key=slots), packed=recipe.packed),
    )


def step_facts(job: TrainJob) -> tuple[StepFacts, ...]:
    """Counts of each optimiser step of `job`; operations are `None` where the architecture hides them."""
    schedule = build_training_data(job, budget=job.budget).schedule
    adapter = peft_config(job.recipe, job.model, steps=schedule.steps)
    base = _skeleton(job, adapter)
    try:
        count = _operations(job, base if adapter is None else add_adapter(base, adapter), adapter)
    except Exception:  # whatever a foreign architecture raises without weights
        traceback.print_exc()
        count = None
    return tuple(
        StepFacts(
            tokens=step.tokens,
            supervised_tokens=step.supervised_tokens,
            slots=step.slots,
            model_flops=None if count is None else count.model(step),
            hardware_flops=None if count is None else count.hardware(step),
        )
        for step in schedule.each_step()
    )


def _operations(job: TrainJob, model: PreTrainedModel | PeftModel, adapter: PeftConfig | None) -> OperationCount:
    return OperationCount.of(model, adapter, checkpointing=job.recipe.gradient_checkpointing, head_everywhere=False)


def _skeleton(job: TrainJob, adapter: PeftConfig | None) -> PreTrainedModel:
    """The base without its weights, at a processor's training precision."""
    base = load_skeleton(job.model, device=skeleton_device(adapter))
    return base.to(dtype_of("fp32" if adapter is None else pick_precision(job.recipe.precision, _CPU)))
