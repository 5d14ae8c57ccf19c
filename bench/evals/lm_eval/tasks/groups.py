"""Groups of lm-eval tasks: one figure over their leaf tasks, as the group's own file says that they add up.

Contract: a group's value is what lm-eval's `Group.aggregate` gives from the same scores: the mean over examples
(`weight_by_size`, its default) or over tasks, of the leaf tasks that have the metric. A group whose file names no
metric to add up has no figure, and neither has one with a task that could not be scored at all.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from statistics import fmean

from lm_eval.api.group import Group
from lm_eval.config.group import AggMetricConfig

from bench.evals.lm_eval.samples.measures import TaskScores
from bench.record.results.evals.evaluation import GroupMeasure, Measure


def group_measures(
    groups: Mapping[str, Group], scores: Mapping[str, TaskScores], asked: Collection[str]
) -> Iterator[GroupMeasure]:
    """Figures of every group whose file says how its tasks add up, in order.

    `scores` are by task; `asked` are the names in the suite.
    """
    for name, group in groups.items():
        leaves = list(dict.fromkeys(task.task_name for task in group.get_all_tasks()))
        for config in group.aggregate_metric_list or ():
            for measures in _by_filter(config, [scores[leaf] for leaf in leaves if leaf in scores]):
                yield _added_up(name, measures, weighted=config.weight_by_size, asked=name in asked)


def _by_filter(config: AggMetricConfig, scores: Collection[TaskScores]) -> Iterator[list[Measure]]:
    """The tasks' measures that are added up with one another."""
    by_filter: dict[str, list[Measure]] = {}
    for task_scores in scores:
        for measure, (metric, filter_) in zip(task_scores.measures, task_scores.filters, strict=True):
            if metric == config.metric and (config.filter_list is None or filter_ in config.filter_list):
                by_filter.setdefault(filter_, []).append(measure)
    yield from by_filter.values()


def _added_up(group: str, measures: list[Measure], *, weighted: bool, asked: bool) -> GroupMeasure:
    values = [measure.value for measure in measures if measure.value is not None]
    sizes = [measure.n for measure in measures]
    value = None
    if len(values) == len(measures):
        parts = [value * size for value, size in zip(values, sizes, strict=True)]
        value = math.fsum(parts) / sum(sizes) if weighted else fmean(values)
    return GroupMeasure(
        group=group,
        metric=measures[0].metric,
        value=value,
        tasks=tuple(measure.task for measure in measures),
        by="examples" if weighted else "tasks",
        n=sum(sizes),
        missing=sum(measure.missing for measure in measures),
        asked=asked,
    )
