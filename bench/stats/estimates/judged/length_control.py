"""The preference for one side's answers at equal length: a judge's win rate with the effect of length taken out.

Contract: per seed, the model of `length_model.py` is fitted, and the rate is its prediction at equal length. This is
the length-controlled win rate of AlpacaEval 2 (Dubois et al. 2024) without its term for each prompt's difficulty.
Standard deviation and model are fitted anew in each bootstrap replicate.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray, IntArray, floats
from bench.stats.curves.curve import interval
from bench.stats.estimates.delta import LEVEL
from bench.stats.estimates.inference import ScoreScale, infer
from bench.stats.estimates.judged.length_model import LengthFit, fit, fit_influence
from bench.stats.noise.moderation import SeedPrior
from bench.stats.noise.seed_term import pooled_prior
from bench.stats.noise.side import Side
from bench.stats.samples.resample import count_chunks
from bench.stats.samples.sample import Layout, layout, several_draws, survivor_of

REPLICATES = 2_000
ALONE = 7.0
"""Limit of b: from here on length decides nearly every pair. The rate at equal length then rests on the few pairs of
nearly equal length, and leans to the side whose answers are longer."""
MOSTLY = 0.95
"""With a larger share of longer (or of shorter) answers there is nothing to tell length and quality apart by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthControlled:
    """rate: mean over seeds. low, high: `None` where no interval can be given. length_effect: b, the log odds of a win
    gained where d goes from 0 to far above s. reason: why there is no rate or no interval."""

    rate: float | None
    low: float | None
    high: float | None
    level: float
    length_effect: float | None
    n_examples: int
    longer: float
    """Share of the examples, over seeds, where this side's answer is the longer one."""
    shorter: float
    method: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedPairs:
    """A judge's verdicts on one side's answers.

    preferences: [seeds, examples], 1, 0.5 or 0. differences: [seeds, examples], this side's length minus the other's,
    in any unit. present: [seeds, examples]; None: all. clusters, strata, draws, trained: as in `Scores`.
    """

    preferences: FloatArray
    differences: FloatArray
    present: BoolArray | None = None
    clusters: IntArray | None = None
    strata: IntArray | None = None
    draws: IntArray | None = None
    trained: bool = True

    def __post_init__(self) -> None:
        shape = self.preferences.shape
        if len(shape) != 2 or shape != self.differences.shape or shape[1] == 0:
            raise ValueError("preferences and differences must both be [seeds, examples], with at least one example")
        if self.present is not None and self.present.shape != shape:
            raise ValueError("present must be [seeds, examples]")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """The pairs of seeds that have some in every stratum. weights: [rows, seeds], which averages seeds of one draw.
    short: whether a seed has none. drawn: whether the seeds learned from several subset draws."""

    preferences: FloatArray
    differences: FloatArray
    present: BoolArray
    plan: Layout
    weights: FloatArray
    trained: bool
    short: bool
    drawn: bool

    @property
    def longer(self) -> float:
        """Share of the pairs in which this side's answer is the longer one."""
        return float((self.differences[self.present] > 0).mean())

    @property
    def shorter(self) -> float:
        return float((self.differences[self.present] < 0).mean())

    def rates(self, counts: FloatArray) -> FloatArray:
        """[seeds, resamples]: rates of resamples [resamples, examples], tasks equal."""
        label = self.plan.stratum[self.plan.unit]
        cells = [
            [
                fit(y[label == task], d[label == task], (counts * there)[:, label == task]).rate
                for task in range(self.plan.n_strata)
            ]
            for y, d, there in zip(self.preferences, self.differences, self.present, strict=True)
        ]
        return floats(np.mean(cells, axis=1))

    def fits(self) -> list[list[tuple[IntArray, LengthFit]]]:
        """By seed and task, the examples and the fit to them."""
        label = self.plan.stratum[self.plan.unit]
        inside = [
            [np.flatnonzero(there & (label == task)) for task in range(self.plan.n_strata)] for there in self.present
        ]
        return [
            [(part, fit(y[part], d[part], np.ones((1, part.size)))) for part in parts]
            for y, d, parts in zip(self.preferences, self.differences, inside, strict=True)
        ]


def length_prior(arms: Iterable[JudgedPairs]) -> SeedPrior | None:
    """What the seeds of all arms of one judge eval say together about the noise of the rate at equal length."""
    sides, gone = [], 0
    for pairs in arms:
        rows = _rows(pairs)
        if rows is not None and max(rows.longer, rows.shorter) <= MOSTLY:
            sides.append((_side(rows, rows.fits()), rows.plan))
        elif rows is None and pairs.trained and not several_draws(pairs.draws):
            gone += pairs.preferences.shape[0] > 1
    return pooled_prior(sides, ends=None, gone=gone)


def length_controlled(
    pairs: JudgedPairs,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    prior: SeedPrior | None = None,
) -> LengthControlled | None:
    """The rate with its interval, over clusters, tasks and subset draws as every score has it.

    prior: `length_prior` of the eval's arms. `None` where no seed has a pair of every task, or where one seed, or one
    draw, is left of several.
    """
    rows = _rows(pairs)
    if rows is None:
        return None
    if max(rows.longer, rows.shorter) > MOSTLY:
        return _inseparable(rows, level)
    fits = rows.fits()
    inference = infer(
        _side(rows, fits),
        None,
        rows.plan,
        ScoreScale(binary=False, support=(0.0, 1.0), seen=(0.0, 1.0), pseudo=2),
        seed=seed,
        replicates=replicates,
        draws=np.concatenate(
            [rows.weights.mean(axis=0) @ rows.rates(counts) for counts in _resamples(rows.plan, replicates, seed)]
        ),
        prior=prior,
    )
    low, high = (None, None) if inference.curve is None else interval(inference.curve, level)
    return LengthControlled(
        rate=inference.estimate,
        low=low,
        high=high,
        level=level,
        length_effect=float(np.mean([[fitted.slope[0] for _, fitted in parts] for parts in fits])),
        n_examples=rows.plan.unit.size,
        longer=rows.longer,
        shorter=rows.shorter,
        method=inference.method,
        reason=inference.reason,
    )


def _inseparable(rows: _Rows, level: float) -> LengthControlled:
    """No rate, with the reason, where nearly all answers are longer than the other side's, or shorter."""
    way = "longer" if rows.longer > rows.shorter else "shorter"
    return LengthControlled(
        rate=None,
        low=None,
        high=None,
        level=level,
        length_effect=None,
        n_examples=rows.plan.unit.size,
        longer=rows.longer,
        shorter=rows.shorter,
        method="none",
        reason=f"nearly all answers are the {way} ones: length and quality cannot be told apart",
    )


def _rows(pairs: JudgedPairs) -> _Rows | None:
    present = np.ones(pairs.preferences.shape, dtype=np.bool_) if pairs.present is None else pairs.present
    kept = np.asarray(present.any(axis=0))
    if not kept.any():
        return None
    clusters, strata = (None if label is None else label[kept] for label in (pairs.clusters, pairs.strata))
    plan = layout(np.ones(int(kept.sum())), clusters, strata)
    label = plan.stratum[plan.unit]
    present = present[:, kept]
    alive = np.all([present[:, label == task].any(axis=1) for task in range(plan.n_strata)], axis=0)
    if not alive.any() or (pairs.trained and survivor_of(alive, pairs.draws) is not None):
        return None
    draws = np.arange(int(alive.sum())) if pairs.draws is None else pairs.draws[alive]
    if np.unique(draws).size < 2:
        draws = np.arange(draws.size)
    same = (draws == np.unique(draws)[:, None]).astype(np.float64)
    return _Rows(
        preferences=pairs.preferences[alive][:, kept],
        differences=pairs.differences[alive][:, kept],
        present=present[alive],
        plan=plan,
        weights=same / same.sum(axis=1, keepdims=True),
        trained=pairs.trained,
        short=bool((~alive).any()),
        drawn=several_draws(pairs.draws),
    )


def _side(rows: _Rows, fits: list[list[tuple[IntArray, LengthFit]]]) -> Side:
    return Side(
        values=rows.weights @ _pseudo_values(rows, fits),
        trained=rows.trained,
        drawn=rows.drawn,
        short=rows.short,
    )


def _resamples(plan: Layout, replicates: int, seed: int) -> Iterator[FloatArray]:
    """How often each example was drawn, units within their strata: arrays [rows, examples]."""
    generator = np.random.default_rng(seed)
    parts = [np.flatnonzero(plan.stratum == task) for task in range(plan.n_strata)]
    if plan.n_strata == 1:
        for counts in count_chunks(plan.n_units, replicates, generator):
            yield counts[:, plan.unit]
        return
    drawn = [np.concatenate(list(count_chunks(inside.size, replicates, generator))) for inside in parts]
    counts = np.zeros((replicates, plan.n_units))
    for inside, part in zip(parts, drawn, strict=True):
        counts[:, inside] = part
    yield counts[:, plan.unit]


def _pseudo_values(rows: _Rows, fits: list[list[tuple[IntArray, LengthFit]]]) -> FloatArray:
    """[seeds, examples] values whose mean is the rate and whose spread is that of its influence function (the
    infinitesimal jackknife; Efron & Tibshirani 1993, chapter 21). A pair that a seed lacks has no influence on it."""
    label = rows.plan.stratum[rows.plan.unit]
    values = np.zeros(rows.present.shape)
    for seed, parts in enumerate(fits):
        for task, (inside, fitted) in enumerate(parts):
            values[seed, label == task] = float(fitted.rate[0])
            influence = fit_influence(rows.preferences[seed, inside], rows.differences[seed, inside], fitted)
            values[seed, inside] += int((label == task).sum()) * (influence - influence.mean())
    return values
