"""Per-example scores of all subjects of a run, lined up by (eval, task, example) for `bench.stats`.

Contract: pure. A subject that has no scores is a row without any present score, never a missing row; an example that
a subject lacks is absent for it, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.record.record import EvaluationRecord, Record, ScoredStep
from bench.record.results.evaluation import ScoreRow
from bench.report.analysis.aligned.corpus_metrics import count
from bench.report.analysis.aligned.measurand import Measurand, measurands_of
from bench.report.analysis.run_facts.subjects import planned_arms, subjects
from bench.stats.estimates.missing import missing_share
from bench.stats.samples.corpus_metrics import corpus_metric
from bench.stats.samples.corpus_sample import CorpusScores
from bench.stats.samples.sample import Scores
from bench.suite.catalog.metrics import ends_of
from bench.suite.checks.data.subset_draws import draw_labels
from bench.suite.tables.arms import is_base

_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]


class Run(Protocol):
    """What the report needs of `bench.record.rundir.RunDirectory`."""

    @property
    def path(self) -> Path: ...

    def load(self) -> Record: ...

    def scores(self, evaluation: EvaluationRecord | ScoredStep) -> list[ScoreRow]: ...


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
    """All per-example scores of a run, by (eval, subject); subjects without a result have no entry. Of a training's
    steps on dev examples by (`EVAL@dev`, `SUBJECT@STEP`)."""
    evaluations = [evaluation for evaluation in record.evaluations if evaluation.result and evaluation.scores]
    steps = [step for trajectory in record.trajectories for step in trajectory.steps]
    return {
        **{(evaluation.eval, evaluation.subject): run.scores(evaluation) for evaluation in evaluations},
        **{(step.dev_eval, step.subject): run.scores(step) for step in steps},
    }


def align(record: Record, rows: ScoreRows) -> tuple[Aligned, ...]:
    """Every measurand of the suite, in its order; without examples where no subject was scored."""
    by_arm, draws = subjects(record), draws_by_arm(record)
    return tuple(
        align_one(measurand, by_arm, rows, draws=draws)
        for spec in record.resolved.suite.evals_as_run()
        for measurand in measurands_of(spec, record)
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
    measurand = _on_its_scale(measurand, by_subject.values())
    first: dict[tuple[str, str], ScoreRow] = {}
    for scored in by_subject.values():
        for row in scored:
            first.setdefault((row.task, row.id), row)
    position = {example: index for index, example in enumerate(first)}
    shared = _Shared(
        weights=_weights(measurand, by_subject.values(), position),
        clusters=cluster_labels(first.values()),
        strata=labels_of([measurand.pools.get(row.task, row.task) for row in first.values()])
        if len(measurand.parts) > 1
        else None,
        bounds=measurand.bounds,
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
            strata=labels_of([task for task, _ in position]) if several else None,
            pools=labels_of([measurand.pools.get(task, task) for task, _ in position]) if measurand.pools else None,
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
    bounds: tuple[float, float] | None


def _on_its_scale(measurand: Measurand, by_subject: Iterable[list[ScoreRow]]) -> Measurand:
    """The measurand with the ends of its metrics' scale, where all have the same and no score is beyond."""
    if measurand.binary or measurand.kind == "judge":
        return replace(measurand, bounds=(0.0, 1.0))
    seen: dict[str, list[float]] = {metric: [] for metric in measurand.metrics.values()}
    for row in (row for scored in by_subject for row in scored):
        score = row.metrics.get(measurand.metrics[row.task])
        if score is not None:
            seen[measurand.metrics[row.task]].append(score)
    ends = {_ends(metric, scores, per_example=measurand.per_example) for metric, scores in seen.items()}
    return replace(measurand, bounds=ends.pop() if len(ends) == 1 else None)


def _ends(metric: str, scores: Sequence[float], *, per_example: bool) -> tuple[float, float] | None:
    """Ends of one metric's scale. scores: of single examples, which a corpus metric has none of."""
    corpus = None if per_example else corpus_metric(metric)
    return ends_of(metric, scores) if corpus is None else corpus.support


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
        bounds=shared.bounds,
        trained=trained,
    )


def usable(score: float | None) -> bool:
    """Whether a score can be computed with; a missing one is no fault."""
    return score is None or abs(score) <= LARGEST_SCORE


def cluster_labels(rows: Iterable[ScoreRow]) -> _Ints | None:
    """Labels of the examples' clusters, as `Scores` has them; `None` without any.

    Examples of a task without clusters are independent. Where a task has clusters, an example without one belongs to
    some cluster that nobody knows: it has a negative label.
    """
    listed = list(rows)
    clustered = {row.task for row in listed if row.cluster is not None}
    labels = labels_of([(row.task, row.cluster) if row.task in clustered else None for row in listed])
    unknown = np.array([row.cluster is None and row.task in clustered for row in listed], dtype=np.bool_)
    return None if labels is None else np.where(unknown, -1 - labels, labels)


def labels_of(names: Sequence[object]) -> _Ints | None:
    """Whole numbers for names, equal where the names are; one without a name is alone. `None` if none has a name."""
    if all(name is None for name in names):
        return None
    codes: dict[object, int] = {}
    return np.array(
        [codes.setdefault(name or ("alone", i), len(codes)) for i, name in enumerate(names)], dtype=np.int64
    )
