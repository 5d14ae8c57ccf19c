"""Per-example scores of all subjects of a run, lined up by (eval, task, example) for `bench.stats`.

Contract: pure. A subject that has no scores is a row without any present score, never a missing row; an example that
a subject lacks is absent for it, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.record.evaluation import Measure, ScoreRow
from bench.record.record import EvaluationRecord, Record
from bench.report.analysis.scores.corpus_metrics import count
from bench.report.analysis.subjects import planned_arms, subjects
from bench.stats.corpus_sample import CorpusScores
from bench.stats.missing import missing_share
from bench.stats.sample import Scores
from bench.suite.catalog.metrics import span_of
from bench.suite.checks.subset_draws import draw_labels
from bench.suite.tables.evals import EvalSpec, Role
from bench.suite.tables.suite import is_base

_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]


class Run(Protocol):
    """What the report needs of `bench.record.rundir.RunDirectory`."""

    @property
    def path(self) -> Path: ...

    def load(self) -> Record: ...

    def scores(self, evaluation: EvaluationRecord) -> list[ScoreRow]: ...


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

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lowest and highest possible score, where known."""
        return (0.0, 1.0) if self.binary or self.kind == "judge" else None

    @property
    def largest_difference(self) -> float | None:
        """How far two scores can be apart; `None` where the metrics' scales are unknown."""
        if self.bounds is not None:
            return self.bounds[1] - self.bounds[0]
        spans = [span_of(metric) for metric in self.metrics.values()]
        widths = [span for span in spans if span is not None]
        return max(widths) if widths and len(widths) == len(spans) else None

    @property
    def parts(self) -> tuple[str, ...]:
        """What counts equally: tasks, and groups whose examples do."""
        return tuple(dict.fromkeys(self.pools.get(task, task) for task in self.metrics))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aligned:
    """The scores of one measurand: [seeds, examples] per arm, one row for a base."""

    measurand: Measurand
    examples: tuple[tuple[str, str], ...]
    """(task, id) of each example, in the order of the arrays."""
    arms: Mapping[str, Scores]
    """By arm, bases included; a row per seed of the suite."""
    counts: Mapping[str, CorpusScores] = field(default_factory=dict)
    """By arm, the statistics of a corpus metric; empty for other metrics, and where the rows keep none."""

    def missing_share(self, arm: str) -> float:
        """Share of the scores that the arm's seeds lack, of those that have any."""
        return self.counts[arm].missing_share if arm in self.counts else missing_share(self.arms[arm])


LARGEST_SCORE = 1e100
"""A score beyond this cannot be squared and summed: it counts as missing, and the report names it."""
ScoreRows: TypeAlias = Mapping[tuple[str, str], Sequence[ScoreRow]]


def read_rows(run: Run, record: Record) -> ScoreRows:
    """All per-example scores of a run, by (eval, subject); subjects without a result have no entry."""
    done = [evaluation for evaluation in record.evaluations if evaluation.result and evaluation.scores]
    return {(evaluation.eval, evaluation.subject): run.scores(evaluation) for evaluation in done}


def align(record: Record, rows: ScoreRows) -> tuple[Aligned, ...]:
    """Every measurand of the suite, in its order; without examples where no subject was scored."""
    by_arm, draws = subjects(record), draws_by_arm(record)
    return tuple(
        align_one(measurand, by_arm, rows, draws=draws)
        for spec in record.resolved.suite.eval
        for measurand in measurands_of(spec, record)
    )


def measurands_of(spec: EvalSpec, record: Record) -> list[Measurand]:
    """One for the eval if its tasks' headline measures have a common scale, else one for each task; none for questions,
    which have no score."""
    if spec.kind == "questions":
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
        limit=spec.limit if spec.kind in ("lm_eval", "choice") else None,
        against_control=spec.kind == "judge" and spec.against == "control",
        pools=pools or {},
    )


def draws_by_arm(record: Record) -> dict[str, tuple[int, ...]]:
    """The subset draw of each seed, of the arms whose data are drawn several times."""
    suite = record.resolved.suite
    labels = {arm.name: draw_labels(suite, arm) for arm in planned_arms(record)}
    return {name: draws for name, draws in labels.items() if draws is not None}


def align_one(
    measurand: Measurand,
    by_arm: Mapping[str, tuple[str, ...]],
    rows: ScoreRows,
    *,
    draws: Mapping[str, tuple[int, ...]] | None = None,
) -> Aligned:
    """One measurand for the subjects that `by_arm` names; an arm whose name is a base's has no seed noise.

    draws: as `draws_by_arm`."""
    by_subject = {
        subject: [row for row in rows.get((measurand.eval, subject), ()) if row.task in measurand.metrics]
        for names in by_arm.values()
        for subject in names
    }
    first: dict[tuple[str, str], ScoreRow] = {}
    for scored in by_subject.values():
        for row in scored:
            first.setdefault((row.task, row.id), row)
    position = {example: index for index, example in enumerate(first)}
    shared = _Shared(
        weights=_weights(measurand, by_subject.values(), position),
        clusters=_labels([None if row.cluster is None else (row.task, row.cluster) for row in first.values()]),
        strata=_labels([measurand.pools.get(row.task, row.task) for row in first.values()])
        if len(measurand.parts) > 1
        else None,
    )
    return Aligned(
        measurand=measurand,
        examples=tuple(first),
        arms={
            arm: replace(
                _scores([by_subject[name] for name in names], position, measurand, shared, trained=not is_base(arm)),
                draws=_draws(draws, arm),
            )
            for arm, names in by_arm.items()
        },
        counts=_counts(measurand, by_arm, by_subject, position, clusters=shared.clusters, draws=draws),
    )


def _weights(
    measurand: Measurand, by_subject: Iterable[list[ScoreRow]], position: Mapping[tuple[str, str], int]
) -> _Floats:
    """Weight of each example, from the first subject that has a score of it; 1 where none has."""
    weights = np.ones(len(position))
    weighted: set[tuple[str, str]] = set()
    for row in (row for scored in by_subject for row in scored):
        example = row.task, row.id
        if example not in weighted and row.metrics.get(measurand.metrics[row.task]) is not None:
            weighted.add(example)
            weights[position[example]] = row.weight
    return weights


def _draws(draws: Mapping[str, tuple[int, ...]] | None, arm: str) -> _Ints | None:
    return np.array(draws[arm], dtype=np.int64) if draws is not None and arm in draws else None


def _counts(
    measurand: Measurand,
    by_arm: Mapping[str, tuple[str, ...]],
    by_subject: Mapping[str, list[ScoreRow]],
    position: Mapping[tuple[str, str], int],
    *,
    clusters: _Ints | None,
    draws: Mapping[str, tuple[int, ...]] | None,
) -> dict[str, CorpusScores]:
    """Statistics of a corpus metric by arm; empty for tasks of several metrics. Each task is a corpus of its own."""
    if measurand.per_example or len(set(measurand.metrics.values())) != 1:
        return {}
    metric = next(iter(measurand.metrics.values()))
    several = len(measurand.metrics) > 1
    counted = {
        arm: count(
            [by_subject[name] for name in names],
            position,
            metric,
            trained=not is_base(arm),
            clusters=clusters,
            strata=_labels([task for task, _ in position]) if several else None,
            pools=_labels([measurand.pools.get(task, task) for task, _ in position]) if measurand.pools else None,
            draws=_draws(draws, arm),
        )
        for arm, names in by_arm.items()
    }
    return {arm: counts for arm, counts in counted.items() if counts is not None}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shared:
    weights: _Floats
    clusters: _Ints | None
    strata: _Ints | None


def _scores(
    replicates: list[list[ScoreRow]],
    position: Mapping[tuple[str, str], int],
    measurand: Measurand,
    shared: _Shared,
    *,
    trained: bool,
) -> Scores:
    shape = (len(replicates), len(position))
    values, present = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    for seed, scored in enumerate(replicates):
        for row in scored:
            score = row.metrics.get(measurand.metrics[row.task])
            if score is not None and usable(score):
                index = position[row.task, row.id]
                values[seed, index], present[seed, index] = score, True
    return Scores(
        values=values,
        present=present,
        weights=shared.weights,
        clusters=shared.clusters,
        strata=shared.strata,
        binary=measurand.binary,
        bounds=measurand.bounds,
        trained=trained,
    )


def usable(score: float | None) -> bool:
    """Whether a score can be computed with; a missing one is no fault."""
    return score is None or abs(score) <= LARGEST_SCORE


def _labels(names: Sequence[object]) -> _Ints | None:
    """Whole numbers for names, equal where the names are; one without a name is alone. `None` if none has a name."""
    if all(name is None for name in names):
        return None
    codes: dict[object, int] = {}
    return np.array(
        [codes.setdefault(name or ("alone", i), len(codes)) for i, name in enumerate(names)], dtype=np.int64
    )
