"""A training job from start to end: load, plan the schedule, train, save, account. Runs in a child process.

Contract: a job writes only under its own folder: `weights/` and `checkpoint/`. The checkpoint is left there: it is of
use until the result counts, and whoever makes it count takes the checkpoint away. The same job on a
processor gives the same losses and weights to the last bit, resumed or not, unless its budget is in seconds. What was
trained on is counted, and equals the plan, or the job fails.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from bench.data.render.render import Renderer
from bench.emit import Emit
from bench.model.load import (
    WEIGHTS,
    count_parameters,
    load_base,
    pick_device,
    pick_precision,
)
from bench.record.ledger import Energy, PhaseMemory, Step
from bench.record.train_job import ProbeJob, TrainJob
from bench.record.training import ProbeResult, TrainResult
from bench.suite.model import Precision
from bench.suite.recipe import Budget
from bench.train.accounting.across_ranks import exchanged, exchanged_energy, exchanged_memory
from bench.train.accounting.energy import EnergyCounter
from bench.train.accounting.ledger import MemoryByPhase, Trained, make_ledger
from bench.train.accounting.meter import Meter
from bench.train.arguments.adapters import check_gradients, peft_config, skeleton, target_modules
from bench.train.arguments.budget import pilot_job, planned_budget
from bench.train.arguments.rate import rate_factor
from bench.train.arguments.sft_config import optimizer_name, sft_config
from bench.train.batches.schedule import Schedule
from bench.train.loop.checkpoint import Checkpoint, find_checkpoint
from bench.train.loop.trainer import DivergedError, MeteredTrainer
from bench.train.loop.validation import Watch
from bench.train.processes.distribution import check_distribution, join_group
from bench.train.processes.ranks import Ranks, current_ranks
from bench.train.saving import keep_start, save_subject
from bench.train.training_data import TrainingData, build_training_data

RANK_SEED_STRIDE = 2**32
"""Of seeds: no replicate's seed is that of another's second process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A trainer ready to go, and what it was made from."""

    trainer: MeteredTrainer
    ranks: Ranks
    renderer: Renderer
    schedule: Schedule
    material: TrainingData
    watch: Watch | None
    meter: Meter
    device: torch.device
    precision: Precision
    resolved: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A training that is over, and what it took: of all its processes."""

    prepared: _Prepared
    diverged: bool
    kept_step: int | None
    memory: tuple[PhaseMemory, ...]
    energy: Energy | None


def run_training(job: TrainJob, folder: Path, emit: Emit) -> TrainResult:
    """Trains one seed replicate and saves its adapter or model under `folder/weights`.

    Takes up a checkpoint that an interrupted training of the same digest left in `folder`. A training that diverges
    ends there, with `diverged` set and what was measured until then. Of several processes this is the first's part.
    """
    return _result(job, _carry_out(job, folder, emit))


def follow_training(job: TrainJob, folder: Path) -> None:
    """The same training as one of the other processes."""
    _carry_out(job, folder, ignore_event)


def _carry_out(job: TrainJob, folder: Path, emit: Emit) -> _Done:
    memory = MemoryByPhase(pick_device())
    since = time.perf_counter()  # a budget in seconds has a trial before the training: it is start-up
    prepared = _prepare(job, folder, emit, budget=_in_tokens(job), since=since)
    trainer = prepared.trainer
    memory.end("start_up")
    counter = EnergyCounter(prepared.device)
    with tempfile.TemporaryDirectory(prefix="start-", dir=ensure_dir(folder)) as start:
        converted = keep_start(trainer.model, Path(start))
        diverged = _train(prepared, job, folder)
        used = counter.used()
        memory.end("training")
        if not diverged:
            _check_counts(prepared.meter.steps, prepared.schedule, whole=trainer.stopped == "budget")
        prepared.meter.enter("saving")
        kept_step = None if prepared.watch is None else prepared.watch.restore(trainer.model)
        save_subject(
            trainer,
            folder / WEIGHTS,
            start=Path(start) if converted else None,
            recipe=job.recipe,
            precision=prepared.precision,
        )
    prepared.meter.enter("other")
    memory.end("saving")
    phases, energy = exchanged_memory(prepared.ranks, memory.phases), exchanged_energy(prepared.ranks, used)
    prepared.ranks.barrier()
    return _Done(prepared=prepared, diverged=diverged, kept_step=kept_step, memory=phases, energy=energy)


def _result(job: TrainJob, done: _Done) -> TrainResult:
    prepared, trainer, diverged = done.prepared, done.prepared.trainer, done.diverged
    parameters, trainable = count_parameters(trainer.model)
    return TrainResult(
        parameters=parameters,
        trainable_parameters=trainable,
        precision=prepared.precision,
        device=_device_name(prepared.device),
        template=prepared.renderer.template.name,
        template_note=prepared.renderer.template_note,
        head=trainer.head,
        resolved=prepared.resolved,
        stopped=trainer.stopped,
        validation=() if prepared.watch is None else prepared.watch.points,
        validation_rows=prepared.material.validation_rows,
        kept_step=done.kept_step,
        steps=prepared.meter.steps,
        final_loss=None if diverged else final_loss(prepared.meter.steps),
        diverged=diverged,
        ledger=make_ledger(_trained(job, prepared), done.memory, done.energy),
        weights=WEIGHTS,
    )


def run_probe(job: ProbeJob, folder: Path, emit: Emit) -> ProbeResult:
    """Times the first `job.steps` steps of a training's own schedule; keeps nothing of it."""
    prepared, (peaks,) = _time_steps(job, folder, emit)
    steps, trained = prepared.meter.steps, _trained(job.training, prepared)
    return ProbeResult(
        steps=len(steps),
        tokens=sum(step.tokens for step in steps),
        slots=sum(step.slots for step in steps),
        tokens_per_second=prepared.meter.steady().tokens_per_second,
        utilization=trained.utilization(trained.operations()),
        peak_process_bytes=peaks.process_bytes,
        peak_device_bytes=peaks.device_bytes,
    )


def follow_probe(job: ProbeJob, folder: Path) -> None:
    """The same steps as one of the other processes."""
    _time_steps(job, folder, ignore_event)


def _time_steps(job: ProbeJob, folder: Path, emit: Emit) -> tuple[_Prepared, tuple[PhaseMemory, ...]]:
    budget = job.training.budget
    if budget.unit == "seconds":
        budget = Budget(unit="steps", amount=job.steps)
    prepared = _prepare(job.training, folder, emit, only_steps=job.steps, budget=budget)
    memory = MemoryByPhase(prepared.device)
    _train(prepared, job.training, None)
    memory.end("training")
    peaks = exchanged_memory(prepared.ranks, memory.phases)
    prepared.ranks.barrier()
    return prepared, peaks


def count_training(job: TrainJob) -> dict[str, int]:
    """What a training will count, from the schedule it will run and a model without weights; nothing is trained.

    A budget in seconds is turned into steps by timing a few, as the training does: the counts are then an estimate.
    """
    schedule = build_training_data(job, budget=_in_tokens(job)).schedule
    adapter = peft_config(job.recipe, job.model, steps=schedule.steps)
    parameters, trainable = count_parameters(skeleton(job.model, adapter))
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


def _in_tokens(job: TrainJob) -> Budget:
    """The budget, one in seconds as the tokens that a short trial says they are worth."""
    if job.budget.unit != "seconds":
        return job.budget
    pilot = pilot_job(job)
    with tempfile.TemporaryDirectory(prefix="bench-pilot-") as folder:
        prepared = _prepare(pilot, Path(folder), ignore_event, budget=pilot.budget)
        _train(prepared, pilot, None)
    meter = prepared.meter
    speed = meter.steady().tokens_per_second or meter.running_tokens_per_second
    return planned_budget(job.budget, speed or 1.0)


def _prepare(
    job: TrainJob,
    folder: Path,
    emit: Emit,
    *,
    budget: Budget,
    only_steps: int | None = None,
    since: float | None = None,
) -> _Prepared:
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)  # adapters draw their start before the trainer seeds itself
    device = pick_device()
    ranks = current_ranks(job.recipe, device)
    meter = Meter(synchronize=_synchronize(device), exchange=partial(exchanged, ranks), since=since)
    recipe, precision = job.recipe, pick_precision(job.recipe.precision, device)
    made = build_training_data(job, budget=budget)
    planned = made.schedule
    schedule = planned if only_steps is None else planned.first(only_steps)
    adapter = peft_config(recipe, job.model, steps=planned.steps)
    join_group(recipe, device)
    arguments = sft_config(
        recipe, steps=schedule.steps, seed=job.seed, precision=precision, device=device, folder=folder,
        track=job.track if only_steps is None else (), name=job.id,
    )  # fmt: skip
    watch = None
    if recipe.validation is not None and only_steps is None:
        keeps = recipe.validation.keep_best and ranks.is_main_process
        watch = Watch(recipe.validation.model_copy(update={"keep_best": keeps}), steps=schedule.steps)
    trainer = MeteredTrainer(
        # Full fine-tuning keeps fp32 master weights under autocast; a frozen base needs none.
        model=load_base(
            job.model,
            precision="fp32" if adapter is None else precision,
            device=device,
            quantization=recipe.quantized,
        ),
        tokenizer=made.renderer.tokenizer,
        arguments=arguments,
        adapter=adapter,
        schedule=schedule,
        packed=recipe.packed,
        rate_factor=rate_factor(recipe, planned.steps),
        meter=meter,
        on_step=_announce(emit, schedule.steps, meter),
        seconds=job.budget.amount if job.budget.unit == "seconds" else None,
        watch=watch,
        validation=made.validation,
        ranks=ranks,
    )
    check_gradients(trainer.model)
    check_distribution(recipe, trainer)
    if not ranks.is_main_process:
        torch.manual_seed(job.seed + ranks.index * RANK_SEED_STRIDE)  # else all would drop out the same units
    return _Prepared(
        trainer=trainer, ranks=ranks, renderer=made.renderer, schedule=schedule, material=made, watch=watch,
        meter=meter, device=device, precision=precision, resolved=_resolved(job, trainer, made),
    )  # fmt: skip


def _resolved(job: TrainJob, trainer: MeteredTrainer, made: TrainingData) -> dict[str, str]:
    """What the recipe left open, in words."""
    modules = target_modules(trainer.model)
    trained = [parameter for parameter in trainer.model.parameters() if parameter.requires_grad]
    found = {
        "optimizer": optimizer_name(job.recipe),
        "attention": str(getattr(trainer.model.config, "_attn_implementation", None) or "the model's own"),
        "max_length": str(made.max_length),
        "distributed": trainer.accelerator.distributed_type.value.lower(),
        "trained_in": ", ".join(dict.fromkeys(str(one.dtype).removeprefix("torch.") for one in trained)),
    }
    if job.recipe.processes > 1:
        found["processes"] = str(job.recipe.processes)
    return {**found, "adapter_modules": ", ".join(modules)} if modules else found


def _train(prepared: _Prepared, job: TrainJob, folder: Path | None) -> bool:
    """Trains to the end, from a checkpoint in `folder` if there is one. Whether it diverged."""
    trainer = prepared.trainer
    checkpoint = _checkpoint(prepared.ranks, job, folder) if folder else None
    if folder and job.steps_between_saves:
        trainer.save_every(job.steps_between_saves, folder=folder, digest=job.digest)
    try:  # up to the first batch it is still starting up
        if folder and checkpoint:
            trainer.resume(checkpoint, folder)
        else:
            trainer.train()
    except DivergedError:
        return True
    finally:
        prepared.meter.enter("other")
    return False


def _checkpoint(ranks: Ranks, job: TrainJob, folder: Path) -> Checkpoint | None:
    """What all ranks can go on from. The first looks first: looking mends the folder."""
    found = find_checkpoint(folder, job.digest) if ranks.is_main_process else None
    ranks.barrier()
    if not ranks.is_main_process:
        found = find_checkpoint(folder, job.digest)
    return found if ranks.all_reduce_sum(found is None) == 0 else None


def ignore_event(event: dict[str, object]) -> None:
    """For what nobody follows."""


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


def _check_counts(steps: Sequence[Step], planned: Schedule, *, whole: bool) -> None:
    """What was trained on, against the plan, or against its beginning where the training was to stop early."""
    expected = planned if whole else planned.first(len(steps))
    counted = {
        "steps": len(steps),
        "rows": sum(step.rows for step in steps),
        "tokens": sum(step.tokens for step in steps),
        "supervised_tokens": sum(step.supervised_tokens for step in steps),
        "slots": sum(step.slots for step in steps),
    }
    wanted = {name: getattr(expected, name) for name in counted}
    if counted != wanted:
        raise RuntimeError(f"trained on other batches than planned: {counted} instead of {wanted}")


def _trained(job: TrainJob, prepared: _Prepared) -> Trained:
    return Trained(
        job=job,
        schedule=prepared.schedule,
        meter=prepared.meter,
        head=prepared.trainer.head,
        device=prepared.device,
        precision=prepared.precision,
    )


def ensure_dir(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _synchronize(device: torch.device) -> Callable[[], None] | None:
    return {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(device.type)


def _device_name(device: torch.device) -> str:
    if device.type != "cuda":
        return device.type
    return f"{'rocm' if torch.version.hip else 'cuda'}: {torch.cuda.get_device_name(device)}"
