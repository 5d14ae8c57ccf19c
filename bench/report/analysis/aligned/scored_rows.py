"""One subject's rows of one measurand, as arrays: score, weight and cluster of each.

Contract: in the table's order, an example that is there twice with both of its rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.record.results.evals.evaluation import ScoreRow
from bench.record.results.evals.score_table import ExampleTexts, ScoreTable

TaskAndId = tuple[str, str]
"""Task and id."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredRows:
    """What `RowsOfTasks` takes out of one table."""

    table: ScoreTable
    places: NDArray[np.int64]
    """In the table."""
    examples: Sequence[TaskAndId]
    clusters: Sequence[str | None]
    weights: NDArray[np.float64]
    metric: NDArray[np.object_]
    """Name of the metric that each row is scored by."""
    values: NDArray[np.float64]
    present: NDArray[np.bool_]
    """Whether there is a score; its value is 0 where there is none."""

    def rows(self) -> list[ScoreRow]:
        """The rows with all that they say."""
        return self.table.rows(self.places.tolist())

    def texts(self, which: NDArray[np.int64] | None = None) -> Sequence[ExampleTexts]:
        """What the rows ask and answer; `which`: of these."""
        return self.table.texts((self.places if which is None else self.places[which]).tolist())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _SharedPlaces:
    """What tables with the same examples share; `whole` keeps those alive, for they are known by identity."""

    whole: Sequence[TaskAndId]
    places: NDArray[np.int64]
    examples: Sequence[TaskAndId]
    metric: NDArray[np.object_]


class RowsOfTasks:
    """Takes the rows of some tasks out of tables; what tables share is found out once."""

    def __init__(self, metrics: Mapping[str, str]) -> None:
        """metrics: the metric of each task."""
        self._metrics = metrics
        self._known: dict[int, _SharedPlaces] = {}

    def of(self, rows: Sequence[ScoreRow]) -> ScoredRows:
        """The rows of one subject."""
        table = ScoreTable.of(rows)
        kept = self._kept(table.examples)
        values, present = np.zeros(len(kept.places)), np.zeros(len(kept.places), dtype=np.bool_)
        for name in dict.fromkeys(self._metrics.values()):
            if name in table.metrics:
                mine, (scores, there) = kept.metric == name, table.metrics[name]
                values[mine], present[mine] = scores[kept.places][mine], there[kept.places][mine]
        whole = kept.examples is kept.whole
        return ScoredRows(
            table=table,
            places=kept.places,
            examples=kept.examples,
            clusters=table.clusters if whole else [table.clusters[place] for place in kept.places.tolist()],
            weights=table.weights[kept.places],
            metric=kept.metric,
            values=values,
            present=present,
        )

    def _kept(self, examples: Sequence[TaskAndId]) -> _SharedPlaces:
        if id(examples) not in self._known:
            names = [self._metrics.get(task) for task, _ in examples]
            places = np.array([place for place, name in enumerate(names) if name is not None], dtype=np.int64)
            self._known[id(examples)] = _SharedPlaces(
                whole=examples,
                places=places,
                examples=examples if len(places) == len(examples) else [examples[place] for place in places.tolist()],
                metric=np.array([name for name in names if name is not None], dtype=np.object_),
            )
        return self._known[id(examples)]


class Lineup:
    """The distinct examples of several subjects, in the order in which they come up first."""

    def __init__(self, subjects: Iterable[ScoredRows]) -> None:
        self.clusters: dict[TaskAndId, str | None] = {}
        """By example, the cluster of the first row that has it."""
        self._places: dict[int, tuple[Sequence[TaskAndId], NDArray[np.int64]]] = {}
        """By the identity of a list of examples, which is kept, so that no other gets it."""
        seen = {(id(rows.examples), id(rows.clusters)): rows for rows in subjects}
        for rows in seen.values():
            for example, cluster in zip(rows.examples, rows.clusters, strict=True):
                self.clusters.setdefault(example, cluster)
        self.position = {example: place for place, example in enumerate(self.clusters)}
        """Place of each example."""

    def places(self, rows: ScoredRows) -> NDArray[np.int64]:
        """Place of each row's example."""
        known = self._places.get(id(rows.examples))
        if known is None:
            found = np.array([self.position[example] for example in rows.examples], dtype=np.int64)
            known = self._places[id(rows.examples)] = rows.examples, found
        return known[1]
