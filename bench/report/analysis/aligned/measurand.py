"""What each column of the results measures, from the suite and the measures that its evals reported."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean

from bench.record.record import Record
from bench.record.results.evals.evaluation import Measure
from bench.suite.tables.evals.common import Role
from bench.suite.tables.evals.eval_spec import EvalSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurand:
    """What one column of the results measures: an eval, or one task of an eval whose tasks have no common scale."""

    name: str
    """The eval's name, or `EVAL/TASK`."""
    eval: str
    kind: str
    role: Role
    metrics: Mapping[str, str]
    """Headline metric by task; several tasks count equally (macro average), but for those in `pools`."""
    higher_is_better: bool
    binary: bool
    per_example: bool
    """False for a corpus metric: it has a value for each subject, and a paired difference only where the examples keep
    its statistics."""
    chance: float | None
    """Expected score of guessing, averaged over the tasks; `None` unless all of them have one."""
    limit: int | None
    """Only so many examples of each task were used, for trying out."""
    against_control: bool = False
    """Judged against each arm's own control: scores of arms with different controls have no common scale, and a base
    has none."""
    pools: Mapping[str, str] = field(default_factory=dict)
    """By task, the group that the suite asks for whose examples count equally, whatever their task (micro average):
    such a group counts as one task."""
    bounds: tuple[float, float] | None = None
    """Lowest and highest possible score, from the catalogue and the scores (`align`); `None` where unknown."""

    @property
    def judged(self) -> bool:
        """Whether a score is a judge's preference to another subject's answer: its chance is a tie, and neither end of
        its scale is a limit of the eval."""
        return self.kind == "judge"

    @property
    def largest_difference(self) -> float | None:
        """How far two scores can be apart; `None` where the metrics' scales are unknown."""
        return None if self.bounds is None else self.bounds[1] - self.bounds[0]

    def can_differ_by(self, size: float, reference: float | None) -> bool:
        """Whether a score can be so far from a reference's, short of the end of the scale, up or down; true where the
        scale is unknown."""
        if self.bounds is None:
            return True
        low, high = self.bounds
        return size < (high - low if reference is None else max(reference - low, high - reference))

    @property
    def parts(self) -> tuple[str, ...]:
        """What counts equally: tasks, and groups whose examples do."""
        return tuple(dict.fromkeys(self.pools.get(task, task) for task in self.metrics))


def measurands_of(spec: EvalSpec, record: Record) -> list[Measurand]:
    """One for the eval if its tasks' headline measures have a common scale, else one for each task; none for an eval
    without scores."""
    if not spec.scored:
        return []
    measures = headlines(spec.name, record)
    names = {measure.metric for measure in measures.values()}
    directions = {measure.higher_is_better for measure in measures.values()}
    rates = all(measure.binary for measure in measures.values())
    if len(directions) <= 1 and (len(names) <= 1 or rates):
        return [_measurand(spec, spec.name, measures, _pools(spec.name, record, measures))]
    return [_measurand(spec, f"{spec.name}/{task}", {task: measure}) for task, measure in measures.items()]


def headlines(name: str, record: Record) -> dict[str, Measure]:
    """The leading measure of each task; binary, or per example, only where it is so for every subject."""
    by_task: dict[str, Measure] = {}
    for evaluation in record.evaluations:
        if evaluation.eval != name or evaluation.result is None:
            continue
        for measure in evaluation.result.measures:
            if measure.headline:
                stored = by_task.setdefault(measure.task, measure)
                sides = {
                    "binary": stored.binary and measure.binary,
                    "per_example": stored.per_example and measure.per_example,
                }
                by_task[measure.task] = stored.model_copy(update=sides)
    return by_task


def _pools(name: str, record: Record, measures: Mapping[str, Measure]) -> dict[str, str]:
    """By task, the group that the eval asks for and that has the headline metrics added up by examples. A task of two
    such groups belongs to the first."""
    pools: dict[str, str] = {}
    for evaluation in record.evaluations:
        for group in evaluation.result.groups if evaluation.eval == name and evaluation.result is not None else ():
            if group.asked and group.by == "examples":
                leading = (task for task in group.tasks if task in measures and measures[task].metric == group.metric)
                pools |= {task: group.group for task in leading if task not in pools}
    return pools


def chance_of(measures: Mapping[str, Measure], pools: Mapping[str, str]) -> float | None:
    """Averaged as the scores are; `None` unless every task has one."""
    parts: dict[str, list[tuple[float, int]]] = {}
    for task, measure in measures.items():
        if measure.chance is None:
            return None
        parts.setdefault(pools.get(task, task), []).append((measure.chance, measure.n + measure.missing))
    means = [sum(chance * n for chance, n in part) / max(1, sum(n for _, n in part)) for part in parts.values()]
    return fmean(means) if means else None


def _measurand(
    spec: EvalSpec, name: str, measures: Mapping[str, Measure], pools: Mapping[str, str] | None = None
) -> Measurand:
    return Measurand(
        name=name,
        eval=spec.name,
        kind=spec.kind,
        role=spec.role,
        metrics={task: measure.metric for task, measure in measures.items()},
        higher_is_better=all(measure.higher_is_better for measure in measures.values()),
        binary=bool(measures) and all(measure.binary for measure in measures.values()),
        per_example=all(measure.per_example for measure in measures.values()),
        chance=chance_of(measures, pools or {}),
        limit=getattr(spec, "limit", None),
        against_control=spec.against_controls,
        pools=pools or {},
    )
