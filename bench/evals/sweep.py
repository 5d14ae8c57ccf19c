"""What one setting of a sweep is worth: the loss of its training on the dev rows."""

import shutil
import time
from pathlib import Path

from bench.emit import Emit
from bench.evals.loss import evaluate_loss
from bench.evals.subject_job import score_subject
from bench.record.files import SCORES
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import SweepJob
from bench.record.results.training.result import SweepResult, TrainResult
from bench.suite.tables.data import DataSpec
from bench.suite.tables.evals.loss import LossSpec
from bench.suite.tables.training.sweep import DEV


def sweep_result(job: SweepJob, trained: TrainResult, folder: Path, emit: Emit, *, started: float) -> SweepResult:
    """Score what was `trained` in `folder`, and remove its weights. `started`: monotonic seconds."""
    loss = None
    if not trained.diverged:
        scored = score_subject(_dev_eval(job, folder), folder, emit, evaluate_loss)
        loss = next(measure.value for measure in scored.measures if measure.headline)
        (folder / SCORES).unlink()
    shutil.rmtree(folder / trained.weights)
    return SweepResult(
        setting=job.setting,
        loss=loss,
        dev_rows=job.dev.rows,
        training_rows=job.training.data.rows,
        steps=trained.ledger.steps,
        tokens=trained.ledger.tokens,
        seconds=time.monotonic() - started,
    )


def _dev_eval(job: SweepJob, folder: Path) -> EvalJob:
    """Held-out loss of the model in `folder`."""
    training = job.training
    return EvalJob(
        subject=f"{training.arm}#{training.seed}",
        eval=LossSpec(kind="loss", name=DEV, data=DataSpec(source=job.dev.source)),
        model=training.model,
        data=job.dev,
        tasks_path=None,
        training=training.digest,
        training_path=str(folder),
        precision=training.recipe.precision,
        threads=training.threads,
        digest=job.digest,
    )
