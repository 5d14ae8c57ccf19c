"""Score of a step that a training stored, by which it chooses the step that it keeps.

Contract: all of this program that is between an eval's measures and the figure of a step is in this module's import
closure: the digests of trainings that keep a step cover it (`bench.run.plan.digests`).
"""

from collections.abc import Callable
from pathlib import Path

from bench.atomic import write_text
from bench.emit import Emit, ignore_event
from bench.record.files import RESULT
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.evals.trajectory import headline

RunEval = Callable[[EvalJob, Path, Emit], EvalResult]
"""Scores a subject and leaves its rows in a folder, as `bench.evals.job.run_eval`."""

DEV = "dev"
"""Folder of a stored step with the scores that the training took of it."""


def score_step(scoring: EvalJob, stored: Path, *, run_eval: RunEval) -> tuple[float | None, bool]:
    """Headline score of the step whose folder is `stored`, and whether more is better; its rows stay there."""
    folder = stored / DEV
    folder.mkdir(parents=True, exist_ok=True)
    result = run_eval(scoring.model_copy(update={"training_path": str(stored)}), folder, ignore_event)
    write_text(folder / RESULT, result.model_dump_json())
    leading = [measure for measure in result.measures if measure.headline]
    return headline(result.measures), all(measure.higher_is_better for measure in leading)
