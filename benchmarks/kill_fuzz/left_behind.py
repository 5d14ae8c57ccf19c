"""What a run leaves on disk: what must be whole at any moment, and what must not depend on kills."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def outcome(folder: Path) -> dict[str, Any]:
    """What must not depend on kills: losses, scores, the hashes of weights."""
    from bench.record.rundir import RunDirectory
    from bench.record.store import JobStore

    directory, store = RunDirectory.find("fuzz", folder / "reports"), JobStore(home=folder / "home")
    record = directory.load()
    assert record.all_done, [job.failure for job in record.jobs]
    found: dict[str, Any] = {}
    for one in record.trainings:
        assert one.result is not None
        manifest = store.done(one.job.digest)
        assert manifest is not None
        found[one.job.id] = {
            "digest": one.job.digest,
            "steps": [step.model_dump(exclude={"seconds"}) for step in one.result.steps],
            "final": one.result.tail_loss,
            "weights": {name: file.sha256 for name, file in manifest.files.items() if name.startswith("weights/")},
        }
    for evaluation in record.evaluations:
        assert evaluation.result is not None
        measures = [measure.model_dump() for measure in evaluation.result.measures]
        scores = [row.model_dump() for row in directory.scores(evaluation)]
        found[evaluation.job.id] = {"measures": measures, "scores": scores}
    return found


def whole(folder: Path) -> None:
    """Whatever the moment, a file in its place is whole: records and manifests parse, no done job has a torn file."""
    from bench.record.rundir import RECORD, RunDirectory
    from bench.record.store import JobStore

    for path in (folder / "reports").glob(f"*/*/{RECORD}"):
        RunDirectory(path.parent).load()
    for path in (folder / "home" / "jobs").glob("*/manifest.json"):
        assert JobStore(home=folder / "home").done(path.parent.name) is not None, path


def attempts(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Of each attempt that went on from an earlier one: job, last step seen before, first step after."""
    last: dict[str, int] = {}
    fresh: set[str] = set()
    path = folder / "steps.jsonl"
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            said = json.loads(line)
        except ValueError:  # cut by a kill
            continue
        job, step = said["job"], said["step"]
        if step == 0:
            fresh.add(job)
            continue
        if job in fresh and job in last:
            yield job, last[job], step
        fresh.discard(job)
        last[job] = step


def step_seconds(folder: Path) -> float:
    """Median over the training steps of a complete run."""
    from bench.record.rundir import RunDirectory

    trainings = RunDirectory.find("fuzz", folder / "reports").load().trainings
    return statistics.median(step.seconds for one in trainings if one.result for step in one.result.steps)
