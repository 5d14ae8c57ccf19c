"""The measurand that a suite names: an eval, one of its tasks, or a group that adds tasks up.

Contract: pure.
"""

from collections.abc import Mapping

from bench.record.record import Record
from bench.record.results.evals.evaluation import GroupMeasure
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.measurand import chance_of, headlines
from bench.report.analysis.aligned.subset import some_tasks


def entry_named(name: str, record: Record, entries: Mapping[str, Aligned]) -> Aligned | None:
    """The scores of `EVAL` or `EVAL/TASK`; `None` where it has none of its own. entries: by measurand."""
    evaluation, _, task = name.partition("/")
    if name in entries or not task:
        return entries.get(name)
    whole = entries.get(evaluation)
    if whole is None:
        return None
    measures = headlines(evaluation, record)
    if task in whole.measurand.metrics:
        return some_tasks(whole, [task], name=task, chance=chance_of({task: measures[task]}, {}))
    group = _group(evaluation, task, record, whole.measurand.metrics)
    if group is None:
        return None
    pool = group.group if group.by == "examples" else None
    chance = chance_of(
        {task: measures[task] for task in group.tasks}, {} if pool is None else dict.fromkeys(group.tasks, pool)
    )
    return some_tasks(whole, group.tasks, name=group.group, chance=chance, pool=pool)


def _group(evaluation: str, name: str, record: Record, metrics: Mapping[str, str]) -> GroupMeasure | None:
    """The group's figure of the headline metric, which its tasks share."""
    results = [scored.result for scored in record.evaluations if scored.eval == evaluation]
    for result in results:
        for group in () if result is None else result.groups:
            if group.group == name and all(metrics.get(task) == group.metric for task in group.tasks):
                return group
    return None
