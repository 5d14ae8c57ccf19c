"""Every metric of every task and group of tasks, as the evals gave them.

Contract: pure functions of the record.
"""

from dataclasses import dataclass
from statistics import fmean

from bench.record.record import Record
from bench.report.analysis.run_facts.subjects import subjects


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """Mean over seeds of one metric of one arm. task: a task's name, or a group's with what its mean is taken over."""

    arm: str
    eval: str
    task: str
    metric: str
    value: float


def every_metric(record: Record) -> tuple[MetricValue, ...]:
    """Groups before tasks, in the order of the record; metrics without a value are left out."""
    arm_of = {subject: arm for arm, names in subjects(record).items() for subject in names}
    values: dict[tuple[str, str, str, str], list[float]] = {}
    for evaluation in record.evaluations:
        if evaluation.result is None or evaluation.subject not in arm_of:
            continue
        tasks = [(measure.task, measure.metric, measure.value) for measure in evaluation.result.measures]
        groups = [
            (f"{group.group}, mean over {group.by}", group.metric, group.value) for group in evaluation.result.groups
        ]
        for task, metric, value in (*groups, *tasks):
            if value is not None:
                values.setdefault((arm_of[evaluation.subject], evaluation.eval, task, metric), []).append(value)
    return tuple(
        MetricValue(arm=arm, eval=name, task=task, metric=metric, value=fmean(seeds))
        for (arm, name, task, metric), seeds in values.items()
    )
