"""lm-eval's samples as this program's scores: one row per example, one measure per metric.

Contract: a measure's value is what lm-eval's own aggregation gives over the examples that could be scored, so it equals
lm-eval's figure where none is missing. A metric that is a mean over examples has its per-example values in the rows;
one that is computed over the whole corpus (BLEU, F1 over a class, perplexity) has none, and says so in `per_example`.
Of perplexities and of IFEval's rates over instructions each row keeps what it adds to the two sums behind them.
Bits per byte is a mean weighted by bytes, so its rows carry that weight.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.api.task import Task

from bench.evals.lm_eval.samples.by_document import DocumentSamples, by_document
from bench.evals.lm_eval.samples.chance import chance_of
from bench.evals.lm_eval.samples.metric import TaskMetric, leading_metric, task_metrics
from bench.evals.lm_eval.samples.score_rows import score_rows
from bench.record.results.evals.evaluation import Measure, ScoreRow


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """All of one task."""

    rows: tuple[ScoreRow, ...]
    measures: tuple[Measure, ...]
    filters: tuple[tuple[str, str], ...]
    """lm-eval's names of metric and filter, one pair per measure."""


def read_samples(
    task: Task,
    samples: Sequence[Mapping[str, Any]],
    *,
    failed: Mapping[int, str],
    unscored: Mapping[int, str],
    headline: str | None,
    slices: Sequence[str] = (),
) -> TaskScores:
    """Rows and measures of one task.

    `samples` are lm-eval's logged samples, one per document and filter. `failed` and `unscored` say by document why
    the model gave nothing for it, and why the task could not score what the model gave. `headline` names the leading
    metric; default: the first with per-example scores that the task lists. `slices` are fields of the documents whose
    values the rows keep.
    Raises `ValueError` where the task has no metric of that name.
    """
    metrics = task_metrics(task, samples)
    leading = leading_metric(metrics, headline, task.task_name)
    examples = by_document(samples, failed)
    return TaskScores(
        rows=tuple(score_rows(task, metrics, leading, examples, reasons={**unscored, **failed}, slices=slices)),
        measures=tuple(_measure(task, metric, metric is leading, examples) for metric in metrics),
        filters=tuple((metric.key, metric.filter) for metric in metrics),
    )


def _measure(task: Task, metric: TaskMetric, leads: bool, examples: Sequence[DocumentSamples]) -> Measure:
    samples = [by_filter.get(metric.filter) for _, by_filter in examples]
    if metric.per_example:
        scored = [sample for sample in samples if metric.score(sample) is not None]
    else:
        scored = [sample for sample in samples if sample is not None and metric.key in sample]
    value = float(metric.aggregate([sample[metric.key] for sample in scored if sample is not None])) if scored else None
    binary = metric.per_example and bool(scored) and all(metric.score(sample) in (0.0, 1.0) for sample in scored)
    return Measure(
        task=task.task_name,
        metric=metric.name,
        value=value if value is not None and math.isfinite(value) else None,
        n=len(scored),
        missing=len(examples) - len(scored),
        higher_is_better=metric.higher_is_better,
        binary=binary,
        chance=chance_of(task, metric, examples, binary=binary),
        headline=leads,
        per_example=metric.per_example,
    )
