"""Scores of one training over its stored steps, or of its base, on the dev examples of one eval.

Contract: each step is loaded and scored as a finished subject is. Rows keep scores and what these are computed with,
and no text: what a step wrote is not shown.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bench.atomic import write_text
from bench.emit import Emit, Event, ExamplesDone
from bench.record.files import RESULT, SCORES, STEPS
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.results.evaluation import EvalResult, ScoreRow
from bench.record.results.trajectory import StepScore, TrajectoryResult, headline, step_scores_file
from bench.record.store import read_scores, write_result

RunEval = Callable[[EvalJob, Path, Emit], EvalResult]
"""Scores a subject and leaves its rows in a folder, as `bench.evals.job.run_eval`."""

_DEV = "dev"
"""Folder of a stored step with the scores that the training took of it."""


def score_trajectory(job: TrajectoryJob, folder: Path, emit: Emit, *, run_eval: RunEval) -> TrajectoryResult:
    """Score every stored step, ascending, and leave a file of rows for each in `folder`."""
    steps = _stored_steps(job.scoring)
    points = []
    for done, (step, stored) in enumerate(steps):
        scored = folder / _DEV
        if stored is not None and job.scored_in_training:
            result, seconds = EvalResult.model_validate_json((stored / _DEV / RESULT).read_bytes()), 0.0
            rows = read_scores(stored / _DEV / SCORES)
        else:
            at_step = job.scoring.model_copy(update={"training_path": None if stored is None else str(stored)})
            scored.mkdir()
            result = run_eval(at_step, scored, _part_of(emit, done, len(steps)))
            rows, seconds = read_scores(scored / SCORES), result.seconds.wall
            shutil.rmtree(scored)
        write_text(
            folder / step_scores_file(step), "".join(f"{row.model_dump_json()}\n" for row in _without_texts(rows))
        )
        points.append(StepScore(step=step, measures=result.measures, seconds=seconds))
    return TrajectoryResult(points=tuple(points))


def score_step(scoring: EvalJob, stored: Path, *, run_eval: RunEval) -> tuple[float | None, bool]:
    """Headline score of the step whose folder is `stored`, and whether more is better; its rows stay there."""
    folder = stored / _DEV
    folder.mkdir(parents=True, exist_ok=True)
    result = run_eval(scoring.model_copy(update={"training_path": str(stored)}), folder, lambda _: None)
    write_result(folder, result)
    leading = [measure for measure in result.measures if measure.headline]
    return headline(result.measures), all(measure.higher_is_better for measure in leading)


def _stored_steps(scoring: EvalJob) -> list[tuple[int, Path | None]]:
    """Steps with their folders; of a base step 0, which is no folder."""
    if scoring.training_path is None:
        return [(0, None)]
    folders = (Path(scoring.training_path) / STEPS).iterdir()
    return sorted((int(folder.name), folder) for folder in folders if folder.name.isdigit())


def _part_of(emit: Emit, done: int, steps: int) -> Emit:
    """Reports examples of all steps together."""

    def emit_total(event: Event) -> None:
        if isinstance(event, ExamplesDone):
            of_all = {"done": event.done + done * event.total, "total": steps * event.total}
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
