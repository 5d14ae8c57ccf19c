"""The fake worker, whose probes note in the diary when they are prepared; orders end them as they wait."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.emit import Emit, ReadyForTurn
from bench.record.jobs.train_job import ProbeJob
from bench.run.process.work import IN_TURN, Service, TurnGiven
from tests.fakes import worker
from tests.fakes.suites import worked


def probe_in_turn(job: ProbeJob, folder: Path, emit: Emit, turns: Iterator[TurnGiven]) -> None:
    """A probe that is prepared once another one is being prepared, and obeys its recipe as it waits."""
    with worker.Diary(folder, f"prepare:{job.id}"):
        _await_preparations(folder.parents[1], 2)
    emit(ReadyForTurn())
    worker.obey(job.training, folder)
    next(turns)
    worker.probe(job, folder, emit)


def _await_preparations(home: Path, number: int) -> None:
    """Go on once so many have begun; after twenty seconds without them, too."""
    for _ in range(1000):
        if sum(name.startswith("prepare:") for name in worked(home)) >= number:
            return
        time.sleep(0.02)


KINDS = worker.KINDS
SERVICES: dict[str, Service[Any, Any]] = {IN_TURN: Service(payload=ProbeJob, request=TurnGiven, do=probe_in_turn)}
