"""`bench weights` and what `bench chat` needs: the finished training of one arm and seed of a run.

Contract: reads the run's record and the jobs under the home; nothing of either is changed.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError, Problem, did_you_mean
from bench.record.files import STEPS, WEIGHTS
from bench.record.jobs.job import job_adapter
from bench.record.jobs.train_job import TrainJob
from bench.record.record import Record, TrainingRecord
from bench.record.results.training.result import TrainResult
from bench.record.rundir import RunDirectory
from bench.record.store import JobStore
from bench.run.process.payloads import ExportRequest
from bench.run.process.server import ChildServer


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedWeights:
    """A finished training whose weights are there."""

    job: TrainJob
    folder: Path
    """The job's folder, or that of a stored step, which has the weights."""
    precision: str
    """Precision that the training computed in."""


def find_trained(
    run: RunDirectory, arm: str, *, seed: int | None, home: Path, step: int | None = None
) -> TrainedWeights:
    """The training of `arm` with `seed` (default: the first seed that has weights), as it ended or after a stored
    `step`.

    Raises `InputError` for an unknown arm, seed or step, one that trains nothing, and one whose weights are not kept.
    """
    record = run.load()
    trainings = [training for training in record.trainings if training.arm == arm]
    if not trainings:
        raise InputError(_no_training(arm, record, run))
    candidates = [training for training in trainings if seed in (None, training.seed)]
    if not candidates:
        seeds = ", ".join(str(training.seed) for training in trainings)
        raise InputError(
            Problem(reference="weights.seed", what=f"{arm} has no seed {seed}", where="--seed", hint=f"seeds: {seeds}")
        )
    store = JobStore(home=home)
    kept = next((training for training in candidates if _has_weights(training, store)), None)
    if kept is None:
        raise InputError(_not_kept(candidates[0], store, keeps=record.resolved.suite.run.keep_weights))
    folder = store.folder(kept.job.digest)
    job = job_adapter.validate_json((folder / "job.json").read_bytes())
    result = store.whole(kept.job.digest, TrainResult)
    assert isinstance(job, TrainJob), "a training's digest"
    assert result is not None, "it has weights, so it is done"
    at = folder if step is None else _stored_step(kept, folder, step)
    return TrainedWeights(job=job, folder=at, precision=result.precision)


def _stored_step(training: TrainingRecord, folder: Path, step: int) -> Path:
    stored = () if training.result is None else training.result.stored_steps
    if step not in stored:
        what = f"step {step} of {training.arm}#{training.seed} is not stored"
        hint = f"steps: {', '.join(map(str, stored))}" if stored else "[evaluate_at] in the suite stores steps"
        raise InputError(Problem(reference="weights.step", what=what, where="--step", hint=hint))
    return folder / STEPS / str(step)


def export_weights(
    trained: TrainedWeights, out: Path, *, merge: bool, home: Path, server: ChildServer | None = None
) -> Path:
    """Write the weights with tokenizer and template into `out`, and return it.

    Raises `InputError` where `out` exists, or where `merge` asks for what the method cannot do.
    """
    out = out.absolute()
    if out.exists():
        raise InputError(
            Problem(reference="weights.exists", what="the folder exists", where=str(out), hint="name a new one: --out")
        )
    temporary = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    request = ExportRequest(
        model=trained.job.model,
        training=str(trained.folder),
        out=str(temporary),
        merge=merge,
        precision=trained.precision,
    )
    try:
        temporary.mkdir(parents=True)
        (server or ChildServer()).call("export", request, folder=home, log=home / "logs" / "export.txt")
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def _has_weights(training: TrainingRecord, store: JobStore) -> bool:
    manifest = store.done(training.job.digest)
    return manifest is not None and not manifest.freed


def _no_training(arm: str, record: Record, run: RunDirectory) -> Problem:
    what, hint = (
        f"the run has no training of {arm!r}",
        did_you_mean(arm, (training.arm for training in record.trainings)),
    )
    given = record.resolved.given.get(arm)
    if given is not None:
        what, hint = f"{arm} was trained elsewhere", f"its weights are in {given[0].path}"
    elif (form := next((one for one in record.deployments if one.arm == arm), None)) is not None:
        what, hint = f"{arm} is a deployed form", f"what is shipped is in BENCH_HOME/jobs/{form.job.digest}/{WEIGHTS}"
    elif arm in (ref.name for ref in record.resolved.suite.expand()):
        what, hint = f"{arm} trains nothing: it is the base with rows in its context", "name an arm that trains"
    return Problem(reference="weights.unknown-arm", what=what, where=str(run.path), hint=hint)


def _not_kept(training: TrainingRecord, store: JobStore, *, keeps: bool) -> Problem:
    where = str(store.folder(training.job.digest))
    if training.job.status != "done":
        what, hint = f"{training.arm}#{training.seed} is not trained ({training.job.status})", "run the suite again"
    elif not keeps:
        what = f"the weights of {training.arm} were removed after its evals (run.keep_weights = false)"
        hint = "bench run SUITE --set run.keep_weights=true trains them again and keeps them"
    else:
        what = f"the weights of {training.arm}#{training.seed} are not here"
        hint = "set BENCH_HOME to the home of the run, or run the suite again: it trains what is missing"
    return Problem(reference="weights.not-kept", what=what, where=where, hint=hint)
