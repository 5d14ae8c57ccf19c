"""The scores of one subject set on one measure, as arrays.

Contract: a missing score is `None` on the way in and a false entry of `present` inside; its slot in `values` holds 0.0
and is never read. No NaN enters or leaves. Examples are in the same order for all sets that are compared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray, IntArray, grouped_sums

Survivor: TypeAlias = Literal["seed", "draw"]
"""One seed, or the seeds of one subset draw, alone left of several: the noise of training, or of draws, is then
unknown, however much the examples say."""


def several_draws(draws: IntArray | None) -> bool:
    """Whether seeds learned from two subset draws at least. draws: [seeds], as in `Scores`."""
    return draws is not None and np.unique(draws).size > 1


def survivor_of(alive: BoolArray, draws: IntArray | None) -> Survivor | None:
    """alive: [seeds], which seeds have a score. draws: [seeds], as in `Scores`."""
    if alive.size > 1 and int(alive.sum()) == 1:
        return "seed"
    lone = draws is not None and several_draws(draws) and alive.any() and not several_draws(draws[alive])
    return "draw" if lone else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """Scores of the seed replicates of one arm (or of the base, as one row) on the examples of one measure.

    values: [seeds, examples]; 0.0 where missing. present: [seeds, examples]; false where missing.
    weights: [examples], positive; the corpus value of a row is sum(w * x) / sum(w), e.g. tokens for a loss per token.
    clusters: [examples], labels of examples that are not independent (one document, one dialogue); None: each its own.
    A negative label: of some cluster of their task, nobody knows which.
    strata: [examples], labels of the tasks whose values are averaged with equal weight (macro average); None: one task.
    draws: [seeds], labels of the subset draw that each row was trained on; None where the data are the same for all.
    binary: every score is 0 or 1. bounds: the lowest and highest possible score, where known.
    trained: false for a subject without training (the base, few-shot): such a subject has no seed noise.
    defined: the score of every example where it is one by definition, as that of a judge's reference against itself;
    such a subject has no noise at all.
    """

    values: FloatArray
    present: BoolArray
    weights: FloatArray
    clusters: IntArray | None = None
    strata: IntArray | None = None
    draws: IntArray | None = None
    binary: bool = False
    bounds: tuple[float, float] | None = None
    trained: bool = True
    defined: float | None = None

    def __post_init__(self) -> None:
        _validate(self)

    @property
    def n_examples(self) -> int:
        return int(self.values.shape[1])

    @property
    def coarse(self) -> bool:
        """Right or wrong, perhaps with ties half-way: few values, for which a bootstrap needs many examples."""
        return self.binary or (self.bounds is not None and np.unique(self.values[self.present]).size <= 3)

    @property
    def rate_ends(self) -> tuple[float, float] | None:
        """Lowest and highest score, where both are known: the mean is then a rate between them."""
        return (0.0, 1.0) if self.binary else self.bounds

    @property
    def survivor(self) -> Survivor | None:
        """What is left alone of several."""
        return survivor_of(np.asarray(self.present.any(axis=1)), self.draws) if self.trained else None

    def row(self, index: int) -> "Scores":
        """One seed replicate alone."""
        return replace(self.part([index]), draws=None)

    def part(self, rows: Sequence[int]) -> "Scores":
        """Some of the seed replicates."""
        chosen = list(rows)
        return replace(
            self,
            values=self.values[chosen],
            present=self.present[chosen],
            draws=None if self.draws is None else self.draws[chosen],
        )


def scores(
    rows: Sequence[Sequence[float | None]],
    *,
    weights: Sequence[float] | None = None,
    clusters: Sequence[int] | None = None,
    strata: Sequence[int] | None = None,
    draws: Sequence[int] | None = None,
    binary: bool = False,
    bounds: tuple[float, float] | None = None,
    trained: bool = True,
) -> Scores:
    """`Scores` from plain rows, one per seed, with `None` where an example could not be scored.

    Raises ValueError for ragged rows, a score that is not finite, and labels or weights of the wrong length.
    """
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("scores need at least one row, and rows of equal length")
    present = np.array([[value is not None for value in row] for row in rows], dtype=np.bool_)
    filled = [[0.0 if value is None else float(value) for value in row] for row in rows]
    values = np.array(filled, dtype=np.float64).reshape(len(rows), len(rows[0]))
    return Scores(
        values=values,
        present=present.reshape(values.shape),
        weights=np.ones(values.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64),
        clusters=None if clusters is None else np.asarray(clusters, dtype=np.int64),
        strata=None if strata is None else np.asarray(strata, dtype=np.int64),
        draws=None if draws is None else np.asarray(draws, dtype=np.int64),
        binary=binary,
        bounds=bounds,
        trained=trained,
    )


def _validate(scores: Scores) -> None:
    if scores.values.ndim != 2 or scores.values.shape[0] == 0 or scores.present.shape != scores.values.shape:
        raise ValueError("values and present must both have the shape [seeds, examples], with at least one seed")
    seeds, examples = scores.values.shape
    for name, labels, length in (
        ("weights", scores.weights, examples),
        ("clusters", scores.clusters, examples),
        ("strata", scores.strata, examples),
        ("draws", scores.draws, seeds),
    ):
        if labels is not None and labels.shape != (length,):
            raise ValueError(f"{name} must have length {length}, not shape {labels.shape}")
    if not np.all(np.isfinite(scores.values)):
        raise ValueError("a score is not finite; a missing score is None")
    if not (np.all(np.isfinite(scores.weights)) and np.all(scores.weights > 0)):
        raise ValueError("weights must be finite and positive")
    seen = scores.values[scores.present]
    if scores.binary and not np.all((seen == 0) | (seen == 1)):
        raise ValueError("binary scores must be 0 or 1")
    if (
        scores.bounds is not None
        and seen.size
        and not (scores.bounds[0] <= seen.min() <= seen.max() <= scores.bounds[1])
    ):
        raise ValueError(f"a score is outside its bounds {scores.bounds}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """How examples add up to one value: value = sum(share * x), over sampling units within strata.

    share: [examples], sums to 1; equal total for each stratum. unit: [examples], its sampling unit, 0..units-1.
    stratum: [units], the stratum of each unit, 0..strata-1. mass: [units], the summed share of each unit. unlabelled:
    [units], whether the unit holds examples that belong to the others, nobody knows to which.
    """

    share: FloatArray
    unit: IntArray
    stratum: IntArray
    mass: FloatArray
    unlabelled: BoolArray
    n_units: int = field(init=False)
    n_strata: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_units", int(self.stratum.size))
        object.__setattr__(self, "n_strata", int(self.stratum.max()) + 1 if self.stratum.size else 0)

    @property
    def plain(self) -> bool:
        """Independent examples of equal weight in one stratum."""
        shares = self.share
        return self.n_strata == 1 and self.n_units == shares.size and bool(np.all(shares == shares[0]))

    @property
    def clustered(self) -> bool:
        return self.n_units < self.share.size

    def mean(self, x: FloatArray) -> FloatArray:
        """The value of each row, sum(share * x): [..., examples] → [...].

        Rounded once, from the exact sum: BLAS adds in another order on another processor, and a score that ends in a
        five would print as two different numbers.
        """
        rows = x.reshape(-1, self.share.size)
        equal = bool(np.all(self.share == self.share[0]))
        means: FloatArray
        if equal and _add_exactly(rows):
            means = rows.sum(axis=1) / self.share.size
        elif equal:
            means = np.array([math.fsum(row) / row.size for row in rows])
        else:
            means = np.array([math.fsum(row) for row in rows * self.share])
        return means.reshape(x.shape[:-1])

    def totals(self, x: FloatArray) -> FloatArray:
        """Sums of share * x by unit: [..., examples] → [..., units]."""
        flat = np.atleast_2d(x) * self.share
        sums = np.stack([grouped_sums(self.unit, row, self.n_units) for row in flat])
        return sums.reshape(*x.shape[:-1], self.n_units)


def _add_exactly(rows: FloatArray) -> bool:
    """Whether sums are the same in any order and exact: of whole numbers that stay below 2^53."""
    return bool(np.all(rows == np.rint(rows)) and np.abs(rows).max(initial=0.0) * rows.shape[1] < 2**53)


def layout(weights: FloatArray, clusters: IntArray | None, strata: IntArray | None) -> Layout:
    """The layout of n >= 1 examples. Raises ValueError where a cluster reaches over two strata."""
    examples = weights.size
    task = np.zeros(examples, dtype=np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    unit = np.arange(examples) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    n_units, n_tasks = int(unit.max()) + 1, int(task.max()) + 1
    stratum = np.zeros(n_units, dtype=np.int64)
    stratum[unit] = task
    if np.any(stratum[unit] != task):
        raise ValueError("a cluster must be within one stratum")
    share = weights / grouped_sums(task, weights, n_tasks)[task] / n_tasks
    unlabelled = np.zeros(n_units, dtype=np.bool_)
    unlabelled[unit] = False if clusters is None else clusters < 0
    return Layout(
        share=share, unit=unit, stratum=stratum, mass=grouped_sums(unit, share, n_units), unlabelled=unlabelled
    )
