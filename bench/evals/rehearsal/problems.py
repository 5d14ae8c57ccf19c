"""What a rehearsal found, as problems of the eval that it is of."""

import traceback
from dataclasses import replace

from bench.errors import Problem
from bench.record.jobs.eval_job import EvalJob


def unforeseen(error: Exception, job: EvalJob, task: str | None = None) -> Problem:
    """A failure that nobody foresaw, with its traceback in the log."""
    traceback.print_exception(error)
    message = next(iter(str(error).splitlines()), "")
    named = f"eval {job.eval.name!r}" + ("" if task is None else f", task {task!r},")
    what = f"{named} fails in rehearsal: {type(error).__name__}: {message}"
    hint = "fix the task file, the rows or the metric that it names"
    return Problem(reference="rehearsal.failed", what=what, where=place_of(job), hint=hint)


def named_after(problem: Problem, job: EvalJob, task: str | None = None) -> Problem:
    """The problem with the names of eval and task, where it does not have them yet."""
    name = f"eval {job.eval.name!r}"
    named = name if task is None or repr(task) in f"{problem.what} {problem.where}" else f"{name}, task {task!r}"
    what = problem.what if name in problem.what else f"{named}: {problem.what}"
    return replace(problem, what=what, where=problem.where or name)


def place_of(job: EvalJob) -> str:
    return f"eval {job.eval.name!r}"
