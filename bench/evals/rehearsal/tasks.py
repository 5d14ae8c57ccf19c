"""Rehearsal of lm-eval's tasks, and of a local file's questions."""

from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError, Problem
from bench.evals.lm_eval.rehearsed_rows import MOST_ROWS, row_problems
from bench.evals.lm_eval.tasks.tasks import leaf_names
from bench.evals.rehearsal.problems import named_after, place_of, unforeseen
from bench.evals.rehearsal.trial import ROWS, has_score, main_reason, mock_subject, reasons_of, trial
from bench.record.jobs.eval_job import EvalJob
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec


def task_problems(job: EvalJob) -> Iterator[Problem]:
    """Problems of an eval's tasks; where one ends the rehearsal, each is rehearsed alone: none hides another."""
    try:
        yield from _tasks_together(job)
    except Exception:
        spec = job.eval
        leaves = leaf_names(spec.tasks, _task_folder(job, spec)) if isinstance(spec, LmEvalSpec) else []
        alone = [problem for task in leaves for problem in _alone(job, task)] if len(leaves) > 1 else []
        if not alone:
            raise
        yield from alone


def _alone(job: EvalJob, task: str) -> list[Problem]:
    spec = job.eval.model_copy(update={"tasks": (task,)})
    try:
        return list(_tasks_together(job.model_copy(update={"eval": spec})))
    except BenchError as error:
        return [named_after(problem, job, task) for problem in error.problems]
    except Exception as error:
        return [unforeseen(error, job, task)]


def _tasks_together(job: EvalJob) -> Iterator[Problem]:
    spec = job.eval
    assert isinstance(spec, LmEvalSpec | ChoiceSpec), "chosen by kind"
    if isinstance(spec, LmEvalSpec):
        yield from row_problems(job, spec, place_of(job))
    most = ROWS if job.served is not None else mock_subject(job).most_rows or MOST_ROWS
    output = trial(job.model_copy(update={"eval": spec.model_copy(update={"limit": min(most, spec.limit or most)})}))
    for task in dict.fromkeys(measure.task for measure in output.measures):
        if not has_score(output, task):
            why = main_reason(output, task)
            what = f"task {task!r} gives no score on its first {len(reasons_of(output, task))} examples: {why}"
            hint = "fix the task file or its rows"
            yield Problem(reference="rehearsal.no-score", what=what, where=place_of(job), hint=hint)


def _task_folder(job: EvalJob, spec: LmEvalSpec) -> Path | None:
    """The suite's own task files; `None` for tasks of lm-eval, on rows of the suite's own or not."""
    return None if job.tasks_path is None or spec.rows is not None else Path(job.tasks_path)
