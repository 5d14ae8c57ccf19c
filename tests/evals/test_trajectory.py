"""Scores over a training's stored steps: of each step its own, without texts, and none computed twice."""

from pathlib import Path
from typing import Any

import pytest

from bench.emit import Emit, Event, ExamplesDone
from bench.evals.step_score import score_step
from bench.evals.trajectory import score_trajectory
from bench.record.files import MANIFEST, SCORES, STEPS
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.results.evals.evaluation import EvalResult, ScoreRow
from bench.record.results.evals.score_rows import read_scores
from bench.record.results.evals.trajectory import step_scores_file
from tests.evals.jobs import loss_job, resolved_model
from tests.fakes.results import eval_result

ROW = ScoreRow(
    task="t", id="0", metrics={"acc": 0.5}, weight=2.0, cluster="c", prompt="asked", target="right", output="said",
    statistics={"bleu": (1.0, 2.0)},
)  # fmt: skip


def run_eval(job: EvalJob, folder: Path, emit: Emit) -> EvalResult:
    """A step scores a hundredth of its number; a base nothing."""
    (folder / SCORES).write_text(ROW.model_dump_json() + "\n")
    emit(ExamplesDone(done=1, total=2))
    return eval_result(0.0 if job.training_path is None else int(Path(job.training_path).name) / 100)


@pytest.fixture
def scoring(tmp_path: Path) -> EvalJob:
    """Of a training that is over, with the steps 2 and 10."""
    for step in (10, 2):
        (tmp_path / "training" / STEPS / str(step)).mkdir(parents=True)
    (tmp_path / "training" / MANIFEST).write_text("{}")
    (tmp_path / "out").mkdir()
    rows = tmp_path / "rows.jsonl"
    return loss_job(resolved_model(tmp_path), rows, 2, training_path=str(tmp_path / "training"))


def score(scoring: EvalJob, out: Path, **changes: Any) -> tuple[list[tuple[int, float | None]], list[Event]]:
    """Steps with their scores, and what was told."""
    told: list[Event] = []
    job = TrajectoryJob(scoring=scoring, digest="d", **changes)
    result = score_trajectory(job, out, told.append, run_eval=run_eval)
    return [(point.step, point.value) for point in result.points], told


def test_every_step_has_its_score_and_its_rows_without_texts(tmp_path: Path, scoring: EvalJob) -> None:
    points, told = score(scoring, tmp_path / "out")
    assert points == [(2, 0.02), (10, 0.1)]
    assert [(event.done, event.total) for event in told if isinstance(event, ExamplesDone)] == [(1, 2), (3, 4)]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["step-10.jsonl", "step-2.jsonl"]
    (row,) = read_scores(tmp_path / "out" / step_scores_file(10))
    assert (row.metrics, row.weight, row.cluster, row.statistics) == (ROW.metrics, 2.0, "c", ROW.statistics)
    assert (row.prompt, row.target, row.output) == ("", None, None)


def test_what_the_training_scored_itself_is_taken_over(tmp_path: Path, scoring: EvalJob) -> None:
    for step in (2, 10):
        score_step(scoring, tmp_path / "training" / STEPS / str(step), run_eval=run_eval)
    points, told = score(scoring, tmp_path / "out", scored_in_training=True)
    assert points == [(2, 0.02), (10, 0.1)]
    assert not told, "nothing is computed"


def test_a_base_is_its_step_0(tmp_path: Path, scoring: EvalJob) -> None:
    points, _ = score(scoring.model_copy(update={"training_path": None}), tmp_path / "out")
    assert points == [(0, 0.0)]
