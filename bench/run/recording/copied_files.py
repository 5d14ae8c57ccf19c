"""Scores, logs and trackers' files of jobs, copied into the run's folder."""

from pathlib import Path

from bench.atomic import write_text
from bench.record.files import TRACKING_LOGS
from bench.record.jobs.train_job import TrainJob
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.results.evals.score_rows import read_scores
from bench.record.rundir import RunDirectory, log_file, tracking_folder
from bench.record.store import JobStore
from bench.record.task_names import rows_under_name, task_of
from bench.suite.tables.evals.eval_spec import EvalSpec


def copy_scores(source: Path, directory: RunDirectory, scores: str, *, spec: EvalSpec) -> None:
    """Bring examples into the run's folder, under the name that the eval has in this run."""
    if _bears_name(source, spec):
        directory.copy_in(source, scores)
    else:
        rows = rows_under_name(read_scores(source), spec)
        write_text(directory.path / scores, "".join(f"{row.model_dump_json()}\n" for row in rows))


def _bears_name(scores: Path, spec: EvalSpec) -> bool:
    """Whether the examples at `scores` have this eval's name; those of one file all have the same."""
    with scores.open(encoding="utf-8") as lines:
        first = next(lines, None)
    return first is None or (task := ScoreRow.model_validate_json(first).task) == task_of(spec, task)


def copy_tracking(job: TrainJob, store: JobStore, directory: RunDirectory) -> None:
    """Bring TensorBoard's files of a training into a folder with the arm's name, which TensorBoard shows."""
    files = {path.name: path for path in store.folder(job.digest).glob(f"{TRACKING_LOGS}/events.out.tfevents.*")}
    folder = tracking_folder(job.arm, job.seed)
    for name, path in files.items():
        directory.copy_in(path, f"{folder}/{name}")
    for stale in (directory.path / folder).glob("events.out.tfevents.*"):  # of an attempt that was started again
        if stale.name not in files:
            stale.unlink()


def copy_log(job_id: str, source: Path | None, directory: RunDirectory) -> str | None:
    """Bring a job\'s log into the run\'s folder; its place there, `None` where there is no log."""
    if source is None or not source.is_file():
        return None
    directory.copy_in(source, log_file(job_id))
    return log_file(job_id)
