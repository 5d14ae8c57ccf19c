"""What each sampling unit adds to a value: the linear part of a mean over seeds and examples, with gaps.

Contract: values and noise of several score sets over the same examples can be added and compared unit by unit, so that
examples that two sets share correlate their errors. An example that a seed lacks adds nothing to that seed's value.
"""

from dataclasses import dataclass

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray, floats
from bench.stats.noise.variance import unit_spread
from bench.stats.samples.sample import Layout, Scores, layout

_PSEUDO = 2  # observations added at each end of right-or-wrong scores (Agresti & Coull 1998)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Influence:
    """One score set on one measure.

    values: [rows], one for each seed (or subset draw). low, high: [rows], with what is missing at either end of the
    scale; `None` where the scale has none. units: [rows, units], centred, with the leverage of CR2. degrees: of freedom
    of the units. extra: variance of right-or-wrong scores that few unlike values do not show."""

    values: FloatArray
    low: FloatArray | None
    high: FloatArray | None
    units: FloatArray
    degrees: float
    extra: float

    @property
    def rest(self) -> float:
        """Example-by-seed noise of the mean over rows."""
        rows = self.units.shape[0]
        return 0.0 if rows < 2 else float(((self.units - self.units.mean(axis=0)) ** 2).sum() / (rows - 1) / rows)


def scored_rows(scores: Scores) -> BoolArray:
    """[seeds]: which seeds have a score in every stratum."""
    strata = np.zeros(scores.n_examples, dtype=np.int64) if scores.strata is None else scores.strata
    parts = [scores.present[:, strata == stratum].any(axis=1) for stratum in np.unique(strata)]
    seen: BoolArray = np.array(parts, dtype=np.bool_).reshape(len(parts), scores.values.shape[0])
    return np.logical_and(seen.all(axis=0), len(parts) > 0)


def influence(scores: Scores, rows: BoolArray) -> Influence:
    """Values and influence of the seeds `rows`, which all have a score in every stratum; subset draws are averaged."""
    plan = layout(scores.weights, scores.clusters, scores.strata)
    stratum = plan.stratum[plan.unit]
    present = scores.present[rows]
    mass = _by_stratum(present * plan.share, stratum, plan.n_strata)
    means = _by_stratum(present * scores.values[rows] * plan.share, stratum, plan.n_strata) / mass
    whole = _by_stratum(plan.share[None, :], stratum, plan.n_strata)
    scaled = present * plan.share * (whole / mass)[:, stratum]
    units = _unit_sums(scaled * (scores.values[rows] - means[:, stratum]), plan) / _leverage(plan)
    units = _unlabelled_with_the_rest(units, plan)
    group = _groups(scores, rows)
    values = group @ (means @ whole[0])
    ends = scores.bounds if scores.bounds is not None else (0.0, 1.0) if scores.binary else None
    lacking = whole - mass
    bounds = None if ends is None else [group @ ((means * mass + lacking * end).sum(axis=1)) for end in ends]
    typical = unit_spread(plan.totals(np.where(present, scores.values[rows], means[:, stratum]).mean(axis=0)), plan)
    return Influence(
        values=values,
        low=None if bounds is None else bounds[0],
        high=None if bounds is None else bounds[1],
        units=group @ units,
        degrees=1.0 if typical is None else typical.degrees,
        extra=_pseudo(float(values.mean()), plan) if scores.binary else 0.0,
    )


def _by_stratum(shares: FloatArray, stratum: np.ndarray, strata: int) -> FloatArray:
    """Sums [rows, strata] of [rows, examples]."""
    return np.stack([shares[:, stratum == index].sum(axis=1) for index in range(strata)], axis=1)


def _unit_sums(values: FloatArray, plan: Layout) -> FloatArray:
    """Sums [rows, units] of [rows, examples]."""
    sums = np.zeros((values.shape[0], plan.n_units))
    np.add.at(sums.T, plan.unit, values.T)
    return sums


def _leverage(plan: Layout) -> FloatArray:
    """[units]: by what a residual is divided, because a heavy unit pulls the mean towards itself."""
    stratum_mass = np.bincount(plan.stratum, weights=plan.mass)
    left = 1.0 - plan.mass / stratum_mass[plan.stratum]
    return floats(np.sqrt(np.where(left > 0.0, left, 1.0)))


def _unlabelled_with_the_rest(units: FloatArray, plan: Layout) -> FloatArray:
    """[rows, units] with the examples of unknown clusters moving as all others do, which is the most noise that they
    can add: their size is added to that of the labelled units, as in `unit_spread`."""
    if not plan.unlabelled.any():
        return units
    sizes = [
        np.sqrt(_by_stratum(np.where(plan.unlabelled == unknown, units**2, 0.0), plan.stratum, plan.n_strata))
        for unknown in (False, True)
    ]
    more = np.divide(sizes[1], sizes[0], out=np.zeros_like(sizes[0]), where=sizes[0] > 0.0)
    factor = np.where(plan.unlabelled, (more == 0.0)[:, plan.stratum], (1.0 + more)[:, plan.stratum])
    return floats(units * factor)


def _groups(scores: Scores, rows: BoolArray) -> FloatArray:
    """[draws or seeds, rows]: weights of the rows of one subset draw; each row for itself without draws."""
    count = int(rows.sum())
    if scores.draws is None or np.unique(scores.draws[rows]).size < 2:
        return np.eye(count)
    draws = scores.draws[rows]
    same = floats(np.stack([draws == draw for draw in np.unique(draws)]))
    return floats(same / same.sum(axis=1, keepdims=True))


def _pseudo(rate: float, plan: Layout) -> float:
    """Variance of a proportion with pseudo-observations, beyond that without."""
    size = 1.0 / float((plan.share**2).sum())
    total = size + 2 * _PSEUDO
    adjusted = (size * rate + _PSEUDO) / total
    return max(0.0, adjusted * (1.0 - adjusted) / total - rate * (1.0 - rate) / size)
