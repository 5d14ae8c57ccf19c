"""Where the noise of a value comes from: the examples, the training seeds, the subset draws.

The model of a score of seed s on example i is `mean + seed_s + example_i + rest_si` (crossed random effects, Searle,
Casella & McCulloch 1992, chapter 5). A value averaged over S seeds and n examples then has the variance
`example + rest / S + seed / S`, where `example` and `rest` fall as 1/n.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.stats.arrays import FloatArray, grouped_sums
from bench.stats.samples.sample import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Sampling variance of a value from its units. degrees: Satterthwaite's over the strata."""

    variance: float
    degrees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateNoise:
    """One side of a difference of rates. rate: from 0 to 1. seed_error: standard error that its seeds leave, in logits;
    0 for a side without seeds. known: by definition, so that neither seeds nor examples move it."""

    rate: float
    seed_error: float
    known: bool = False

    @property
    def slope(self) -> float:
        """Change of the rate by that of its logit."""
        return 0.0 if self.known else self.rate * (1.0 - self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesNoise:
    """Both sides of a difference of rates, whose noise depends on where they are. width: of the scale, in units of the
    score. examples: compared, or as many equal ones as say the same."""

    arm: RateNoise
    reference: RateNoise
    width: float
    examples: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Variances of a value or a delta, in squared units of the score.

    example: what this run's examples contribute; falls as 1/examples. With one seed it includes `rest`.
    seed: of one training seed, both trained sides together; `None` where no side has two seeds.
    rest: example-by-seed noise of one training seed at this run's examples; falls as 1/(seeds * examples).
    example_degrees, seed_degrees: degrees of freedom behind them. replicates: by what `seed + rest` is divided in this
    run's estimate (the seeds of each side where these are equal, else their weighted harmonic mean).
    most_replicates: of the side with more. rates: where the seeds' noise is on the logit scale.
    """

    example: float
    seed: float | None
    rest: float | None
    example_degrees: float = float("inf")
    seed_degrees: float | None = None
    replicates: float = 1.0
    most_replicates: int = 1
    rates: RatesNoise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedNoise:
    """The seed noise of one side. total: sample variance of the seeds' values, which holds seed + rest."""

    seeds: int
    total: float
    rest: float

    @property
    def seed(self) -> float:
        return max(0.0, self.total - self.rest)


def unit_spread(totals: FloatArray, plan: Layout) -> Spread | None:
    """Linearised, cluster-robust variance of sum(totals); `None` where a stratum has a single unit.

    totals: [units], sums of share * x. Residuals are enlarged for their leverage (CR2: Bell & McCaffrey 2002, "Bias
    reduction in standard errors for linear regression with multi-stage samples"). Few heavy units say less than many
    equal ones: the degrees of freedom are 1 / sum(p**2) - 1 of the units' shares p (Kish 1965, "Survey sampling").
    Examples whose cluster is unknown may move with all others: their standard deviation is added to that of the rest,
    the most that any covariance makes of both (Cauchy & Schwarz).
    """
    strata = plan.n_strata
    counts = np.bincount(plan.stratum)
    if np.any(counts < 2):
        return None
    value = grouped_sums(plan.stratum, totals, strata) / grouped_sums(plan.stratum, plan.mass, strata)
    residual = totals - value[plan.stratum] * plan.mass
    leverage = plan.mass / grouped_sums(plan.stratum, plan.mass, strata)[plan.stratum]
    squares = residual**2 / (1.0 - leverage)
    parts = grouped_sums(plan.stratum, squares, strata)
    if plan.unlabelled.any():
        unknown = grouped_sums(plan.stratum, np.where(plan.unlabelled, squares, 0.0), strata)
        parts = parts + 2.0 * np.sqrt(unknown * (parts - unknown))
    degrees = np.maximum(1.0, 1.0 / grouped_sums(plan.stratum, leverage**2, strata) - 1.0)
    variance = float(parts.sum())
    fourth = float((parts**2 / degrees).sum())
    return Spread(variance=variance, degrees=variance**2 / fourth if fourth > 0 else float(degrees.sum()))


def seed_noise(values: FloatArray, plan: Layout) -> SeedNoise | None:
    """Seed noise of rows [seeds, examples]; `None` for a single row."""
    seeds = values.shape[0]
    if seeds < 2:
        return None
    means = plan.mean(values)
    rest = plan.totals(values - values.mean(axis=0))  # the spread leaves out what all units of a row share
    spreads = [unit_spread(row, plan) for row in rest]
    variance = sum(spread.variance for spread in spreads if spread is not None) / (seeds - 1)
    return SeedNoise(seeds=seeds, total=float(means.var(ddof=1)), rest=float(variance))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawComponents:
    """Variance between subset draws, and between training seeds of the same draw."""

    draw: float | None
    seed: float | None


def draw_components(values_by_draw: Sequence[Sequence[float]]) -> DrawComponents:
    """One-way analysis of variance of the replicates' values, grouped by subset draw (unequal groups allowed).

    `None` where there is a single draw, or no draw with two seeds (then the two cannot be told apart).
    """
    groups = [np.asarray(group, dtype=np.float64) for group in values_by_draw if len(group) > 0]
    sizes = np.array([group.size for group in groups], dtype=np.float64)
    within_degrees = float(sizes.sum() - sizes.size)
    if not groups or within_degrees == 0:
        return DrawComponents(draw=None, seed=None)
    within = float(sum(((group - group.mean()) ** 2).sum() for group in groups)) / within_degrees
    if len(groups) < 2:
        return DrawComponents(draw=None, seed=within)
    means = np.array([group.mean() for group in groups])
    grand = float((sizes * means).sum() / sizes.sum())
    between = float((sizes * (means - grand) ** 2).sum()) / (len(groups) - 1)
    typical = float(sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(groups) - 1)
    return DrawComponents(draw=max(0.0, (between - within) / typical), seed=within)
