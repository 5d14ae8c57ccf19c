"""The one task of an eval on its own rows, which bears the eval's name: of a result that an eval of another name
brought, this one's.

Contract: an eval's name is not in its digest, so that a renamed eval, or a second one that asks the same, reuses the
result. Tasks of lm-eval keep their names.
"""

from collections.abc import Iterable

from bench.record.results.evals.evaluation import EvalResult, Measure, ScoreRow
from bench.suite.tables.evals.eval_spec import EvalSpec


def under_name(result: EvalResult, spec: EvalSpec) -> EvalResult:
    """The result with the eval's name in its measures."""
    return result.model_copy(update={"measures": measures_under_name(result.measures, spec)})


def measures_under_name(measures: tuple[Measure, ...], spec: EvalSpec) -> tuple[Measure, ...]:
    """The measures with the eval's name."""
    return tuple(measure.model_copy(update={"task": task_of(spec, measure.task)}) for measure in measures)


def rows_under_name(rows: Iterable[ScoreRow], spec: EvalSpec) -> list[ScoreRow]:
    """The examples with the eval's name."""
    named = ((row, task_of(spec, row.task)) for row in rows)
    return [row if row.task == task else row.model_copy(update={"task": task}) for row, task in named]


def task_of(spec: EvalSpec, task: str) -> str:
    """The task's name in this eval."""
    return task if spec.has_tasks else spec.name
