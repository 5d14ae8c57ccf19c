"""Scores of one training over its stored steps, or of its base, on the dev examples of one eval.

Contract: each step is loaded and scored as a finished subject is, while the training goes on or after it: the scoring
ends once the training's result counts and no step is left. Rows keep scores and what these are computed with, and no
text: what a step wrote is not shown.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.atomic import write_text
from bench.emit import Emit, Event, ExamplesDone
from bench.evals.step_score import DEV, RunEval
from bench.record.files import MANIFEST, RESULT, SCORES, stored_steps
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.results.evals.evaluation import EvalResult, ScoreRow
from bench.record.results.evals.score_rows import read_scores
from bench.record.results.evals.trajectory import StepScore, TrajectoryResult, step_scores_file

_POLL_SECONDS = 0.5
"""Between looks for the next step of a training that goes on."""


def score_trajectory(job: TrajectoryJob, folder: Path, emit: Emit, *, run_eval: RunEval) -> TrajectoryResult:
    """Score every stored step, ascending, and leave a file of rows for each in `folder`."""
    points: list[StepScore] = []
    for step, stored in _each_step(job.scoring):
        result, rows, seconds = _score(job, stored, folder, _part_of(emit, len(points)), run_eval)
        lines = (f"{row.model_dump_json()}\n" for row in _without_texts(rows))
        write_text(folder / step_scores_file(step), "".join(lines))
        points.append(StepScore(step=step, measures=result.measures, seconds=seconds))
    return TrajectoryResult(points=tuple(points))


def _score(
    job: TrajectoryJob, stored: Path | None, folder: Path, emit: Emit, run_eval: RunEval
) -> tuple[EvalResult, list[ScoreRow], float]:
    """Result, examples and seconds of one step, taken over where the training has scored it."""
    if stored is not None and job.scored_in_training:
        result = EvalResult.model_validate_json((stored / DEV / RESULT).read_bytes())
        return result, read_scores(stored / DEV / SCORES), 0.0
    scratch = folder / DEV
    scratch.mkdir()
    at_step = job.scoring.model_copy(update={"training_path": None if stored is None else str(stored)})
    result = run_eval(at_step, scratch, emit)
    rows = read_scores(scratch / SCORES)
    shutil.rmtree(scratch)
    return result, rows, result.seconds.wall


def _each_step(scoring: EvalJob) -> Iterator[tuple[int, Path | None]]:
    """Steps with their folders as they are stored, until the training is over; of a base step 0, which is no folder."""
    if scoring.training_path is None:
        yield 0, None
        return
    training, last = Path(scoring.training_path), 0
    while True:
        is_over = (training / MANIFEST).is_file()  # looked at first: no step is stored after it
        new = [(step, folder) for step, folder in stored_steps(training) if step > last]
        for last, folder in new:
            yield last, folder
        if is_over:
            return
        if not new:
            time.sleep(_POLL_SECONDS)


def _part_of(emit: Emit, done: int) -> Emit:
    """Reports examples of the steps so far together: how many will follow is not known."""

    def emit_total(event: Event) -> None:
        if isinstance(event, ExamplesDone):
            of_all = {"done": event.done + done * event.total, "total": (done + 1) * event.total}
            event = event.model_copy(update=of_all)
        emit(event)

    return emit_total


def _without_texts(rows: Iterable[ScoreRow]) -> Iterator[ScoreRow]:
    return (
        ScoreRow(
            task=row.task,
            id=row.id,
            metrics=row.metrics,
            weight=row.weight,
            cluster=row.cluster,
            prompt="",
            spread=row.spread,
            statistics=row.statistics,
            unscored=row.unscored,
        )
        for row in rows
    )
