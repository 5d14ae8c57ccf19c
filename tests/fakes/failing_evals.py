"""The fake worker, whose every eval fails."""

from pathlib import Path
from typing import Any

from bench.emit import Emit
from bench.record.jobs.eval_job import EvalJob
from bench.run.process.work import WorkKind
from tests.fakes import worker


def evaluate(job: EvalJob, folder: Path, emit: Emit) -> None:
    """Fails."""
    raise RuntimeError("no score today")


KINDS: dict[str, WorkKind[Any]] = {**worker.KINDS, "eval": WorkKind(payload=EvalJob, do=evaluate)}
SERVICES = worker.SERVICES
