"""The figure of a stored step, by which a training chooses the step that it keeps."""

from pathlib import Path

import pytest

from bench.emit import Emit
from bench.evals.step_score import DEV, score_step
from bench.record.files import RESULT
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult
from tests.evals.jobs import loss_job, resolved_model
from tests.fakes.results import eval_result


@pytest.mark.parametrize(
    ("headlines", "score", "higher"),
    [([(0.2, True), (0.6, True)], 0.4, True), ([(2.0, False)], 2.0, False), ([(0.2, True), (None, True)], None, True)],
    ids=["the mean of its tasks", "a loss", "no score where a task has none"],
)
def test_a_step_is_scored_by_the_headlines_of_its_own_weights(
    tmp_path: Path, headlines: list[tuple[float | None, bool]], score: float | None, higher: bool
) -> None:
    asked: list[EvalJob] = []
    (measure,) = eval_result(0.0).measures
    leading = tuple(measure.model_copy(update={"value": value, "higher_is_better": up}) for value, up in headlines)
    other = measure.model_copy(update={"value": 9.0, "higher_is_better": not higher, "headline": False})
    result = eval_result(0.0).model_copy(update={"measures": (*leading, other)})

    def run_eval(job: EvalJob, folder: Path, emit: Emit) -> EvalResult:
        asked.append(job)
        return result

    scoring = loss_job(resolved_model(tmp_path), tmp_path / "rows.jsonl", 2)
    found = score_step(scoring, tmp_path / "4", run_eval=run_eval)
    assert found == (pytest.approx(score), higher)
    assert [job.training_path for job in asked] == [str(tmp_path / "4")]
    assert EvalResult.model_validate_json((tmp_path / "4" / DEV / RESULT).read_bytes()) == result, "for the trajectory"
