"""A training job from start to end: load, plan the schedule, train, save, account. Runs in a child process.

Contract: a job writes only under its own folder: `weights/` and, while it trains, `checkpoint/`. The same job on a
processor gives the same losses and weights to the last bit, resumed or not. What was trained on is counted, and equals
the plan, or the job fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import get_peft_model

from bench.data.render import Renderer, make_renderer
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.model.load import (
    WEIGHTS,
    count_parameters,
    load_base,
    load_skeleton,
    load_tokenizer,
    pick_device,
    pick_precision,
)
from bench.record.job import ProbeJob, TrainJob
from bench.record.result import Ledger, ProbeResult, Step, TrainResult
from bench.suite.model import Precision
from bench.train.builder import peft_config, sft_config
from bench.train.checkpoint import find_checkpoint, remove_checkpoint
from bench.train.memory import PeakMemory
from bench.train.meter import Meter
from bench.train.rate import rate_factor
from bench.train.schedule import Schedule, plan_schedule
from bench.train.trainer import DivergedError, MeteredTrainer

Emit = Callable[[dict[str, object]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A trainer ready to go, and what it was made from."""

    trainer: MeteredTrainer
    renderer: Renderer
    schedule: Schedule
    meter: Meter
    device: torch.device
    precision: Precision


def run_training(job: TrainJob, folder: Path, emit: Emit) -> TrainResult:
    """Trains one seed replicate and saves its adapter or model under `folder/weights`.

    Takes up a checkpoint that an interrupted training of the same digest left in `folder`. A training that diverges
    ends there, with `diverged` set and what was measured until then.
    """
    prepared = _prepare(job, folder, emit)
    memory = PeakMemory(prepared.device)
    memory.start()
    diverged = _train(prepared, job, folder)
    peaks = memory.process_bytes(), memory.device_bytes()
    if not diverged:
        _check_counts(prepared.meter.steps, prepared.schedule)
    prepared.meter.enter("saving")
    prepared.trainer.model.save_pretrained(folder / WEIGHTS)
    remove_checkpoint(folder)
    prepared.meter.enter("other")
    parameters, trainable = count_parameters(prepared.trainer.model)
    return TrainResult(
        parameters=parameters,
        trainable_parameters=trainable,
        precision=prepared.precision,
        device=_device_name(prepared.device),
        template=prepared.renderer.template.name,
        template_note=prepared.renderer.template_note,
        head=prepared.trainer.head,
        steps=prepared.meter.steps,
        final_loss=None if diverged else final_loss(prepared.meter.steps),
        diverged=diverged,
        ledger=_ledger(prepared, peaks),
        weights=WEIGHTS,
    )


def run_probe(job: ProbeJob, folder: Path, emit: Emit) -> ProbeResult:
    """Times the first `job.steps` steps of a training's own schedule; keeps nothing of it."""
    prepared = _prepare(job.training, folder, emit, only_steps=job.steps)
    memory = PeakMemory(prepared.device)
    memory.start()
    _train(prepared, job.training, None)
    steps = prepared.meter.steps
    return ProbeResult(
        steps=len(steps),
        tokens=sum(step.tokens for step in steps),
        slots=sum(step.slots for step in steps),
        tokens_per_second=prepared.meter.steady().tokens_per_second,
        peak_process_bytes=memory.process_bytes(),
        peak_device_bytes=memory.device_bytes(),
    )


def count_training(job: TrainJob) -> dict[str, int]:
    """What a training will count, from the schedule it will run and a model without weights; nothing is trained."""
    _, schedule = _plan(job)
    model = load_skeleton(job.model)
    adapter = peft_config(job.recipe, job.model)
    parameters, trainable = count_parameters(model if adapter is None else get_peft_model(model, adapter))
    return {
        "rows": schedule.rows,
        "steps": schedule.steps,
        "tokens": schedule.tokens,
        "supervised_tokens": schedule.supervised_tokens,
        "slots": schedule.slots,
        "truncated_rows": schedule.truncated_rows,
        "dropped_rows": schedule.dropped_rows,
        "parameters": parameters,
        "trainable_parameters": trainable,
    }


def final_loss(steps: Sequence[Step]) -> float | None:
    """Mean loss per supervised token over the last tenth of the steps (at least one)."""
    last = [step for step in steps[-math.ceil(len(steps) / 10) :] if step.loss is not None]
    supervised = sum(step.supervised_tokens for step in last)
    return sum((step.loss or 0.0) * step.supervised_tokens for step in last) / supervised if supervised else None


def _plan(job: TrainJob) -> tuple[Renderer, Schedule]:
    limit = job.recipe.max_length or job.model.context_length
    if limit > job.model.context_length:
        raise InputError(
            Problem(
                reference="recipe.max-length",
                what=f"max_length {limit} is beyond the model's {job.model.context_length} positions",
                where="recipe.*.max_length",
                hint=f"use at most {job.model.context_length}",
            )
        )
    renderer = make_renderer(load_tokenizer(job.model), job.model, limit)
    rows = load_rows(Path(job.data.path))
    schedule = plan_schedule(rows, renderer, job.recipe, job.budget, max_length=limit, seed=job.seed)
    return renderer, schedule


def _prepare(job: TrainJob, folder: Path, emit: Emit, *, only_steps: int | None = None) -> _Prepared:
    torch.set_num_threads(job.threads)
    device = pick_device()
    meter = Meter(synchronize=_synchronize(device))
    precision = pick_precision(job.recipe.precision, device)
    renderer, planned = _plan(job)
    schedule = planned if only_steps is None else planned.first(only_steps)
    adapter = peft_config(job.recipe, job.model)
    # Full fine-tuning keeps fp32 master weights under autocast; a frozen base needs none.
    base = load_base(job.model, precision="fp32" if adapter is None else precision, device=device)
    trainer = MeteredTrainer(
        model=base,
        tokenizer=renderer.tokenizer,
        arguments=sft_config(
            job.recipe, steps=schedule.steps, seed=job.seed, precision=precision, device=device, folder=folder
        ),
        adapter=adapter,
        schedule=schedule,
        packed=job.recipe.packing != "none",
        rate_factor=rate_factor(job.recipe, planned.steps),
        meter=meter,
        on_step=_announce(emit, schedule.steps, meter),
    )
    return _Prepared(
        trainer=trainer, renderer=renderer, schedule=schedule, meter=meter, device=device, precision=precision
    )


def _train(prepared: _Prepared, job: TrainJob, folder: Path | None) -> bool:
    """Trains to the end, from a checkpoint in `folder` if there is one. Whether it diverged."""
    trainer = prepared.trainer
    checkpoint = find_checkpoint(folder, job.digest) if folder else None
    if folder and job.steps_between_saves:
        trainer.save_every(job.steps_between_saves, folder=folder, digest=job.digest)
    prepared.meter.enter("other")
    try:
        if folder and checkpoint:
            trainer.resume(checkpoint, folder)
        else:
            trainer.train()
    except DivergedError:
        return True
    finally:
        prepared.meter.enter("other")
    return False


def _announce(emit: Emit, steps: int, meter: Meter) -> Callable[[Step], None]:
    def announce(step: Step) -> None:
        speed = meter.running_tokens_per_second
        emit(
            {
                "type": "step",
                "step": step.step,
                "steps": steps,
                "loss": step.loss,
                "tokens": meter.tokens,
                "tokens_per_second": speed,
            }
        )

    return announce


def _check_counts(steps: Sequence[Step], schedule: Schedule) -> None:
    counted = {
        "steps": len(steps),
        "rows": sum(step.rows for step in steps),
        "tokens": sum(step.tokens for step in steps),
        "supervised_tokens": sum(step.supervised_tokens for step in steps),
        "slots": sum(step.slots for step in steps),
    }
    planned = {name: getattr(schedule, name) for name in counted}
    if counted != planned:
        raise RuntimeError(f"trained on other batches than planned: {counted} instead of {planned}")


def _ledger(prepared: _Prepared, peaks: tuple[int | None, int | None]) -> Ledger:
    schedule, steps, steady = prepared.schedule, prepared.meter.steps, prepared.meter.steady()
    seen = schedule.first(len(steps))  # shorter than the plan only if the training diverged
    return Ledger(
        rows=sum(step.rows for step in steps),
        distinct_rows=seen.distinct_rows,
        epochs=seen.epochs,
        steps=len(steps),
        slots=sum(step.slots for step in steps),
        tokens=sum(step.tokens for step in steps),
        supervised_tokens=sum(step.supervised_tokens for step in steps),
        truncated_rows=seen.truncated_rows,
        dropped_rows=schedule.dropped_rows,
        seconds=prepared.meter.seconds(),
        warmup_steps_left_out=steady.left_out,
        tokens_per_second=steady.tokens_per_second,
        alone=False,  # a child cannot know; its parent does
        peak_process_bytes=peaks[0],
        peak_device_bytes=peaks[1],
    )


def _synchronize(device: torch.device) -> Callable[[], None] | None:
    return torch.cuda.synchronize if device.type == "cuda" else None


def _device_name(device: torch.device) -> str:
    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type
