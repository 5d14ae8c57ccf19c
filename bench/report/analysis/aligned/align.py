"""Per-example scores of all subjects of a run, lined up by (eval, task, example) for `bench.stats`.

Contract: pure. A subject that has no scores is a row without any present score, never a missing row; an example that
a subject lacks is absent for it, never 0.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.record.record import Record
from bench.report.analysis.aligned.corpus_metrics import count
from bench.report.analysis.aligned.measurand import Measurand, measurands_of
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.analysis.aligned.scored_rows import Lineup, RowsOfTasks, ScoredRows
from bench.report.analysis.run_facts.subjects import is_own_reference, planned_arms, subjects
from bench.stats.estimates.missing import missing_share
from bench.stats.samples.corpus_metrics import corpus_metric
from bench.stats.samples.corpus_sample import CorpusScores
from bench.stats.samples.sample import Scores
from bench.suite.catalog.metrics import ends_of
from bench.suite.checks.data.subset_draws import draw_labels
from bench.suite.tables.arms.arms import is_base
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.evals.judge_measures import TIE

_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]


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


def align(record: Record, rows: ScoreRows) -> tuple[Aligned, ...]:
    """Every measurand of the suite, in its order; without examples where no subject was scored."""
    by_arm, draws = subjects(record), draws_by_arm(record)
    return tuple(
        align_one(measurand, by_arm, rows, draws=draws, references=_references(record, spec, by_arm))
        for spec in record.resolved.suite.evals_as_run()
        for measurand in measurands_of(spec, record)
    )


def _references(record: Record, spec: EvalSpec, by_arm: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Arms that the eval's judge compares the others with."""
    return frozenset(arm for arm, names in by_arm.items() if is_own_reference(record, spec.name, names))


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
    references: Collection[str] = (),
) -> Aligned:
    """One measurand for the subjects that `by_arm` names; an arm whose name is a base's has no seed noise.

    draws: as `draws_by_arm`. references: arms that a judge compares the others with, whose scores are ties by
    definition."""
    taken = RowsOfTasks(measurand.metrics)
    by_subject = {
        subject: taken.of(rows.get((measurand.eval, subject), ())) for names in by_arm.values() for subject in names
    }
    measurand, lineup = _on_its_scale(measurand, by_subject.values()), Lineup(by_subject.values())
    examples = tuple(lineup.position)
    shared = _Shared(
        weights=_weights(by_subject.values(), lineup),
        clusters=cluster_labels([(task, lineup.clusters[task, name]) for task, name in examples]),
        strata=labels_of([measurand.pools.get(task, task) for task, _ in examples])
        if len(measurand.parts) > 1
        else None,
        bounds=measurand.bounds,
    )
    return Aligned(
        measurand=measurand,
        examples=examples,
        arms={
            arm: replace(
                _scores(
                    [by_subject[name] for name in names],
                    lineup,
                    measurand,
                    shared,
                    trained=not (is_base(arm) or arm in references),
                ),
                draws=_draws(draws, arm),
                defined=TIE if arm in references else None,
            )
            for arm, names in by_arm.items()
        },
        counts=_counts(measurand, by_arm, by_subject, lineup.position, clusters=shared.clusters, draws=draws),
    )


def _weights(by_subject: Iterable[ScoredRows], lineup: Lineup) -> _Floats:
    """Weight of each example, from the first subject that has a score of it; 1 where none has."""
    weights = np.ones(len(lineup.position))
    for scored in reversed(list(by_subject)):
        there = np.flatnonzero(scored.present)[::-1]  # of two rows of one example the first is set last
        weights[lineup.places(scored)[there]] = scored.weights[there]
    return weights


def _draws(draws: Mapping[str, tuple[int, ...]] | None, arm: str) -> _Ints | None:
    return np.array(draws[arm], dtype=np.int64) if draws is not None and arm in draws else None


def _counts(
    measurand: Measurand,
    by_arm: Mapping[str, tuple[str, ...]],
    by_subject: Mapping[str, ScoredRows],
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
            [by_subject[name].rows() for name in names],
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


def _on_its_scale(measurand: Measurand, by_subject: Iterable[ScoredRows]) -> Measurand:
    """The measurand with the ends of its metrics' scale, where all have the same and no score is beyond."""
    if measurand.binary or measurand.judged:
        return replace(measurand, bounds=(0.0, 1.0))
    seen: dict[str, set[float]] = {metric: set() for metric in measurand.metrics.values()}
    for scored in by_subject:
        for metric, values in seen.items():
            values.update(scored.values[scored.present & (scored.metric == metric)].tolist())
    ends = {_ends(metric, scores, per_example=measurand.per_example) for metric, scores in seen.items()}
    return replace(measurand, bounds=ends.pop() if len(ends) == 1 else None)


def _ends(metric: str, scores: Collection[float], *, per_example: bool) -> tuple[float, float] | None:
    """Ends of one metric's scale. scores: of single examples, which a corpus metric has none of."""
    corpus = None if per_example else corpus_metric(metric)
    return ends_of(metric, scores) if corpus is None else corpus.support


def _scores(
    replicates: Sequence[ScoredRows], lineup: Lineup, measurand: Measurand, shared: _Shared, *, trained: bool
) -> Scores:
    shape = (len(replicates), len(lineup.position))
    values, present = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    for seed, scored in enumerate(replicates):
        there = scored.present & usable(scored.values)
        places = lineup.places(scored)[there]
        values[seed, places], present[seed, places] = scored.values[there], True
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


def usable(scores: _Floats) -> NDArray[np.bool_]:
    """Which scores can be computed with."""
    return np.abs(scores) <= LARGEST_SCORE


def cluster_labels(clusters: Sequence[tuple[str, str | None]]) -> _Ints | None:
    """Labels of the examples' clusters, as `Scores` has them; `None` without any. clusters: of a task, by example.

    Examples of a task without clusters are independent. Where a task has clusters, an example without one belongs to
    some cluster that nobody knows: it has a negative label.
    """
    clustered = {task for task, cluster in clusters if cluster is not None}
    labels = labels_of([(task, cluster) if task in clustered else None for task, cluster in clusters])
    unknown = np.array([cluster is None and task in clustered for task, cluster in clusters], dtype=np.bool_)
    return None if labels is None else np.where(unknown, -1 - labels, labels)


def labels_of(names: Sequence[object]) -> _Ints | None:
    """Whole numbers for names, equal where the names are; one without a name is alone. `None` if none has a name."""
    if all(name is None for name in names):
        return None
    codes: dict[object, int] = {}
    return np.array(
        [codes.setdefault(name or ("alone", i), len(codes)) for i, name in enumerate(names)], dtype=np.int64
    )
