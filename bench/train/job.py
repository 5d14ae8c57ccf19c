"""A training job from start to end: prepare, train, save, account. Runs in a child process.

Contract: a job writes only under its own folder: `weights/` and `checkpoint/`. The checkpoint is left there: it is of
use until the result counts, and whoever makes the result count removes the checkpoint. The same job on a processor
gives the same losses and weights to the last bit, resumed or not, unless its budget is in seconds. What was trained on
is counted, and equals the plan, or the job fails.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.emit import Emit, ignore_event
from bench.machine.device import device_name, pick_device
from bench.machine.other_load import OtherLoadCounter
from bench.model.size.parameters import count_parameters
from bench.record.files import WEIGHTS
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.applied import Applied, WeightsCheck
from bench.record.results.training.ledger import Energy, OtherLoad, PhaseMemory, Step
from bench.record.results.training.result import TrainResult
from bench.train.accounting.across_ranks import exchanged_energy, exchanged_memory
from bench.train.accounting.energy import EnergyCounter
from bench.train.accounting.ledger import MemoryByPhase, make_ledger
from bench.train.accounting.tail_loss import tail_loss
from bench.train.applied.weights_check import check_weights, trained_loss
from bench.train.batches.schedule import Schedule
from bench.train.equality import engine_equality
from bench.train.loop.checkpoints.checkpoint import Checkpoint, find_checkpoint
from bench.train.loop.kept_step.best_step import BestStep
from bench.train.loop.kept_step.evaluated_steps import EvaluatedSteps, ScoreStep
from bench.train.prepare import Prepared, prepare
from bench.train.probe import known_budget
from bench.train.processes.ranks import Ranks
from bench.train.saved.portable import save_companions
from bench.train.saved.saving import keep_start, save_weights
from bench.train.seen_rows import seen_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A training that is over, and what it took, summed over its processes."""

    prepared: Prepared
    parameters: tuple[int, int]
    """All, and the trainable ones: counted before ZeRO 3 leaves a process its part of each."""
    diverged: bool
    kept_step: int | None
    evaluated: EvaluatedSteps | None
    memory: tuple[PhaseMemory, ...]
    energy: Energy | None
    other_load: OtherLoad
    weights_check: WeightsCheck | None
    applied: Applied | None


def run_training(
    job: TrainJob, folder: Path, emit: Emit, *, checked: bool = True, score: ScoreStep | None = None
) -> TrainResult:
    """Trains one seed replicate and saves its adapter or model under `folder/weights`.

    Resumes from a checkpoint that an interrupted training of the same digest left in `folder`. A training that diverges
    ends there, with `diverged` set and what was measured until then. With several processes this is the main process.
    checked: whether the saved subject is held against the trained model and the base. score: of a stored step, where
    the job keeps the best one.
    """
    equality = engine_equality(job)
    result = _result(_carry_out(job, folder, emit, checked=checked, score=score))
    return (
        result if equality is None else result.model_copy(update={"resolved": {**result.resolved, "engine": equality}})
    )


def follow_training(job: TrainJob, folder: Path) -> None:
    """Takes part in the training as one of the other processes."""
    _carry_out(job, folder, ignore_event, checked=False)


def _carry_out(job: TrainJob, folder: Path, emit: Emit, *, checked: bool, score: ScoreStep | None = None) -> _Done:
    memory = MemoryByPhase(pick_device())
    since = time.perf_counter()  # a budget in seconds has a trial before the training: it is start-up
    prepared = prepare(job, folder, emit, budget=known_budget(job), since=since).with_peak()
    trainer, parameters = prepared.trainer, count_parameters(prepared.trainer.model)
    memory.end("start_up")
    counter, others = EnergyCounter(prepared.device), OtherLoadCounter(prepared.device)
    with tempfile.TemporaryDirectory(prefix="start-", dir=ensure_dir(folder)) as start:
        converted = keep_start(trainer.model, Path(start))
        save = partial(
            save_weights,
            trainer,
            job,
            start=Path(start) if converted else None,
            precision=prepared.precision,
        )
        evaluated = _evaluated(prepared, folder, save, score)
        diverged = _train(prepared, folder, evaluated)
        used, other_load = counter.used(), others.seen(prepared.ranks.all_reduce_sum)
        memory.end("training")
        if not diverged:
            _check_counts(prepared.meter.steps, prepared.data.schedule, whole=trainer.stopped == "budget")
        prepared.meter.enter("saving")
        kept_step = _keep(prepared, evaluated, diverged=diverged)
        as_trained = trained_loss(prepared) if checked and not diverged else None
        save(folder / WEIGHTS)
        if trainer.is_main_process:
            save_companions(job.model, folder / WEIGHTS)
    prepared.meter.enter("other")
    memory.end("saving")
    phases, energy = exchanged_memory(prepared.ranks, memory.phases), exchanged_energy(prepared.ranks, used)
    prepared.ranks.barrier()
    check, applied = None, None
    if as_trained is not None and trainer.is_main_process:
        prepared.meter.enter("evaluation")
        check, applied = check_weights(prepared, folder, as_trained)
        prepared.meter.enter("other")
    return _Done(
        prepared=prepared,
        parameters=parameters,
        diverged=diverged,
        kept_step=kept_step,
        evaluated=evaluated,
        memory=phases,
        energy=energy,
        other_load=other_load,
        weights_check=check,
        applied=applied,
    )


def _evaluated(
    prepared: Prepared, folder: Path, save: Callable[[Path], None], score: ScoreStep | None
) -> EvaluatedSteps | None:
    """The steps that the job stores; `score` chooses among them where it keeps the best one."""
    job, ranks = prepared.job, prepared.ranks
    if job.evaluated is None:
        return None
    choice = job.keep_best
    return EvaluatedSteps(
        folder=folder,
        due=frozenset(job.evaluated.of(prepared.data.schedule.steps)),
        save=save,
        ranks=ranks,
        score=None if choice is None else score,
        best=None if choice is None else BestStep(keep=ranks.is_main_process, patience=choice.patience),
    )


def _keep(prepared: Prepared, evaluated: EvaluatedSteps | None, *, diverged: bool) -> int | None:
    """Stores the last step, where the training ended before it was due, and puts the weights back that are kept; their
    step, `None` if it is the last."""
    model, steps = prepared.trainer.model, len(prepared.meter.steps)
    if evaluated is not None and not diverged and evaluated.last != steps:
        evaluated.take(steps, model)
    best = None if evaluated is None else evaluated.best
    chosen = prepared.watch or best
    return None if chosen is None else chosen.restore(model)


def _train(prepared: Prepared, folder: Path, evaluated: EvaluatedSteps | None) -> bool:
    """Trains to the end, from a checkpoint in `folder` if there is one. Whether it diverged."""
    job, trainer = prepared.job, prepared.trainer
    checkpoint = _checkpoint(prepared.ranks, job, folder)
    if evaluated is not None:
        if checkpoint is None:
            evaluated.forget()
        trainer.evaluate_at(evaluated)
    if job.steps_between_saves:
        trainer.save_every(job.steps_between_saves, folder=folder, digest=job.digest)
    return trainer.run(checkpoint, folder)


def _checkpoint(ranks: Ranks, job: TrainJob, folder: Path) -> Checkpoint | None:
    """A checkpoint that all ranks can resume from. The main process looks first: looking repairs the folder."""
    checkpoint = find_checkpoint(folder, job.digest) if ranks.is_main_process else None
    ranks.barrier()
    if not ranks.is_main_process:
        checkpoint = find_checkpoint(folder, job.digest)
    return checkpoint if ranks.all_reduce_sum(checkpoint is None) == 0 else None


def _result(carried_out: _Done) -> TrainResult:
    prepared, trainer, diverged = carried_out.prepared, carried_out.prepared.trainer, carried_out.diverged
    parameters, trainable = carried_out.parameters
    return TrainResult(
        parameters=parameters,
        trainable_parameters=trainable,
        precision=prepared.precision,
        device=device_name(prepared.device),
        template=prepared.data.planned.template,
        template_note=prepared.data.planned.template_note,
        head=trainer.head,
        resolved=prepared.resolved,
        stopped=trainer.stopped,
        validation=() if prepared.watch is None else prepared.watch.points,
        validation_rows=prepared.data.validation_rows,
        kept_step=carried_out.kept_step,
        dev=() if carried_out.evaluated is None else carried_out.evaluated.points,
        stored_steps=() if carried_out.evaluated is None else carried_out.evaluated.stored,
        steps=prepared.meter.steps,
        tail_loss=None if diverged else tail_loss(prepared.meter.steps),
        diverged=diverged,
        ledger=make_ledger(prepared.trained, carried_out.memory, carried_out.energy, carried_out.other_load),
        weights=WEIGHTS,
        weights_check=carried_out.weights_check,
        applied=carried_out.applied,
        seen_rows=seen_rows(prepared.job, prepared.data),
    )


def _check_counts(steps: Sequence[Step], planned: Schedule, *, whole: bool) -> None:
    """Compare the counts with the plan, or with its beginning where the training was to stop early."""
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


def ensure_dir(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
