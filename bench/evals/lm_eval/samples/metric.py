"""One metric of a task after one of its filters: what it gives an example, and what it adds to a corpus metric."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from lm_eval.api.metrics import bits_per_byte, mean, nanmean, perplexity, weighted_perplexity
from lm_eval.api.task import Task

from bench.stats.samples.corpus_metrics import corpus_metric, rate

OPTION_LENGTH: dict[str, Callable[[str], int]] = {
    "acc": lambda _: 1,
    "acc_norm": len,
    "acc_bytes": lambda option: len(option.encode()),
    "acc_mutual_info": lambda _: 1,
}
"""By what lm-eval divides an option's log-probability before it chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMetric:
    """One metric after one of the task's filters."""

    name: str
    key: str
    """In lm-eval's samples."""
    filter: str
    aggregate: Callable[[list[Any]], float]
    higher_is_better: bool

    @property
    def per_example(self) -> bool:
        return self.aggregate in (mean, nanmean, bits_per_byte, np.mean)

    def score(self, sample: Mapping[str, Any] | None) -> float | None:
        """Score of one example; `None` where it has none."""
        value = None if sample is None else sample.get(self.key)
        if self.aggregate is bits_per_byte and value is not None:
            logprob, size = value
            value = -logprob / size / math.log(2) if size else None
        return float(value) if isinstance(value, Real | np.bool_) and math.isfinite(value) else None

    def adds(self, sample: Mapping[str, Any] | None) -> tuple[float, float] | None:
        """The example's share of the two sums behind a corpus metric; `None` for a metric without known sums."""
        metric, value = corpus_metric(self.name), None if sample is None else sample.get(self.key)
        if self.per_example or metric is None or value is None:
            return None
        if metric.of_sums is rate and isinstance(value, list):
            return float(sum(map(bool, value))), float(len(value))
        if self.aggregate is perplexity and isinstance(value, Real):
            return float(value), 1.0
        if self.aggregate is weighted_perplexity and isinstance(value, tuple):
            return float(value[0]), float(value[1])
        return None


def task_metrics(task: Task, samples: Sequence[Mapping[str, Any]]) -> list[TaskMetric]:
    """The task's metrics in its own order, then any that only its samples know."""
    listed = dict.fromkeys(task.higher_is_better())
    produced = dict.fromkeys(key for sample in samples for key in sample["metrics"])
    keys = [key for key in listed if key in produced] + [key for key in produced if key not in listed]
    filters = list(dict.fromkeys(sample["filter"] for sample in samples))
    return [
        TaskMetric(
            name=key if len(filters) == 1 else f"{key}:{filter_}",
            key=key,
            filter=filter_,
            aggregate=task.aggregation().get(key, mean),
            higher_is_better=task.higher_is_better().get(key) is not False,
        )
        for key in keys or listed
        for filter_ in filters
    ]


def leading_metric(metrics: Sequence[TaskMetric], headline: str | None, task: str) -> TaskMetric | None:
    if headline is None:
        return next((metric for metric in metrics if metric.per_example), metrics[0] if metrics else None)
    for metric in metrics:
        if headline in (metric.name, metric.key):
            return metric
    raise ValueError(f"task {task} has no metric {headline!r}; it has " + ", ".join(m.name for m in metrics))
