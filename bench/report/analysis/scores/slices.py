"""Scores by the values of a column of the rows, such as IFEval's forms of instruction, where a suite asks for `slices`.

Contract: pure, and descriptive: nothing here is tested or corrected for its number. What counting the values as
clusters would do to the noise is shown beside it: examples of one form may succeed and fail together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.record.results.evals.score_table import ScoreTable
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.stats.estimates.paired import paired_delta
from bench.stats.samples.sample import Scores
from bench.suite.tables.arms.arms import is_base


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceValue:
    """The examples with one value of the column. scores: mean over them and over seeds by arm, `None` without one."""

    value: str
    examples: int
    scores: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNoise:
    """One arm's difference from its base: its standard error, and the error with the values as clusters; `None` where
    no example differs, which is no sign that there is no noise."""

    arm: str
    standard_error: float | None
    clustered_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """One measurand by one column, its values by falling number of examples. An example may have several values."""

    measurand: str
    column: str
    values: tuple[SliceValue, ...]
    noise: tuple[ClusterNoise, ...]


def slices(aligned: Sequence[Aligned], rows: ScoreRows, bases: Mapping[str, str], deltas: Deltas) -> tuple[Slices, ...]:
    """One per measurand and column that its rows have, in the suite's order. bases: by arm."""
    return tuple(
        _slices(entry, column, labels, bases, deltas)
        for entry in aligned
        for column, labels in _columns(entry, rows).items()
    )


def _columns(entry: Aligned, rows: ScoreRows) -> dict[str, list[tuple[str, ...]]]:
    """By column, the values of each example, in the order of the arrays."""
    tables = [ScoreTable.of(scored) for (name, _), scored in rows.items() if name == entry.measurand.eval]
    shared = {(id(table.examples), id(table.slices)): table for table in tables}
    first: dict[tuple[str, str], Mapping[str, tuple[str, ...]]] = {}
    for table in shared.values():
        for example, labels in zip(table.examples, table.slices, strict=True):
            first.setdefault(example, labels)
    columns = dict.fromkeys(column for example in entry.examples for column in first[example])
    return {column: [first[example].get(column, ()) for example in entry.examples] for column in columns}


def _slices(
    entry: Aligned, column: str, labels: Sequence[tuple[str, ...]], bases: Mapping[str, str], deltas: Deltas
) -> Slices:
    values = dict.fromkeys(value for row_labels in labels for value in row_labels)
    kept = {value: np.array([value in row_labels for row_labels in labels], dtype=np.bool_) for value in values}
    parts = [
        SliceValue(
            value=value,
            examples=int(mask.sum()),
            scores={arm: _mean(scores, mask) for arm, scores in entry.arms.items()},
        )
        for value, mask in kept.items()
    ]
    return Slices(
        measurand=entry.measurand.name,
        column=column,
        values=tuple(sorted(parts, key=lambda part: (-part.examples, part.value))),
        noise=_noise(entry, labels, bases, deltas) if entry.measurand.per_example else (),
    )


def _mean(scores: Scores, mask: NDArray[np.bool_]) -> float | None:
    """Weighted mean over the examples that each seed has, then over seeds."""
    seen = scores.present & mask
    weights = np.where(seen, scores.weights, 0.0)
    totals = weights.sum(axis=1)
    rows = totals > 0
    if not rows.any():
        return None
    return float(((weights * scores.values).sum(axis=1)[rows] / totals[rows]).mean())


def _noise(
    entry: Aligned, labels: Sequence[tuple[str, ...]], bases: Mapping[str, str], deltas: Deltas
) -> tuple[ClusterNoise, ...]:
    """Noise of each arm. What all arms say of their seeds is asked with these clusters, too: the noise of a seed by
    form would else count as noise of forms and of seeds."""
    numbers: dict[tuple[str, ...], int] = {}
    clusters = np.array([numbers.setdefault(row_labels, len(numbers)) for row_labels in labels], dtype=np.int64)
    counted = {arm: replace(scores, clusters=clusters, strata=None) for arm, scores in entry.arms.items()}
    prior = deltas.prior_of(counted)
    found = []
    for arm in (arm for arm in counted if not is_base(arm)):
        base = bases[arm]
        plain = deltas.between(entry, arm, base)
        clustered = paired_delta(
            counted[arm], counted[base], seed=deltas.seed, replicates=deltas.replicates, prior=prior
        )
        errors = (plain.standard_error, clustered.standard_error) if plain.n_better or plain.n_worse else (None, None)
        found.append(ClusterNoise(arm=arm, standard_error=errors[0], clustered_error=errors[1]))
    return tuple(found)
