"""Seed variances of an eval's arms, each moderated towards what they have in common.

Contract: pure. A few seeds say little about their own noise; several arms with a few seeds each say more, if they are
alike. Empirical Bayes of Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression
in microarray experiments" (limma): the arms' variances are draws around a prior variance, and each arm's is replaced by
the mean of both, weighted by their degrees of freedom. Where the arms are not alike, or too few, there is no such mean,
and all together are still a floor of what an arm shows whose two seeds agree by chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.stats.arrays import FloatArray, floats
from bench.stats.curves.distributions import (
    chi_square_quantile,
    digamma,
    f_survival,
    student_quantile,
    trigamma,
    trigamma_inverse,
)

LEAST_ARMS = 3
LEAST_DEGREES = 6
"""Degrees of freedom of all arms together below which the prior itself is too uncertain (simulated: with three arms of
two seeds each, 95% intervals cover 91%)."""
HOMOGENEITY = 0.05
"""Below this p-value of equal noise, each arm has its own seeds alone."""
_LOWER_TAIL = 0.05
"""Variances below this quantile of the pooled one are raised to it (Phipson et al. 2016): seeds that agree by rounding
would undo the prior."""
_HALVINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedVariance:
    """One arm's seeds on the scale that arms are compared on. total: sample variance of the seeds' values; rest: the
    part of it that is noise of seed by example. degrees: seeds - 1."""

    total: float
    rest: float
    degrees: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPrior:
    """What the arms of one eval have in common.

    An arm's expected variance is `scale * (between + its rest)`: between is the variance of the trainings themselves,
    the same for all. degrees: the prior's, infinite where the arms differ no more than chance makes them.
    homogeneity_p: of equal noise against one arm that is noisier. noisiest: standard deviation of the noisiest arm's
    seeds, as a multiple of what is expected of it. pooled_degrees: of all arms together. deviation: the expected
    standard deviation of one seed's value, of the median arm; in logits for rates. lost: arms of several seeds of which
    fewer than two are left: nothing says that they were as quiet as the others.
    """

    between: float
    scale: float
    degrees: float
    homogeneity_p: float
    noisiest: float
    arms: int
    pooled_degrees: int
    deviation: float
    lost: int = 0

    @property
    def alike(self) -> bool:
        """Whether no arm is noisier than equal noise allows."""
        return self.homogeneity_p >= HOMOGENEITY

    @property
    def enough(self) -> bool:
        """Whether the arms know their noise well enough for one to take the others' in place of its own."""
        return self.arms >= LEAST_ARMS and self.pooled_degrees >= LEAST_DEGREES

    @property
    def usable(self) -> bool:
        """Whether one arm may inform another: they are enough and alike, and none was lost that might not have been."""
        return self.enough and self.alike and self.lost == 0

    @property
    def floor_degrees(self) -> float:
        """Degrees of freedom of all arms together as a floor of an arm whose two seeds agree: without its own, since
        it is asked because they agree, and two at least."""
        return max(2.0, float(self.pooled_degrees - 1))

    @property
    def pooled(self) -> bool:
        """Whether chance alone explains how the arms differ: all then have one variance, known as well as all arms
        together know it."""
        return bool(np.isinf(self.degrees))

    @property
    def weight(self) -> float:
        """The prior's degrees of freedom, at most those of all arms together."""
        return min(self.degrees, float(self.pooled_degrees))

    def together(self, own: SeedVariance) -> float:
        """The variance of all arms together, with the arm's own noise of seed by example."""
        return self.between + own.rest

    def moderated(self, own: SeedVariance) -> tuple[float, float]:
        """An arm's posterior variance and its degrees of freedom, at most those of all arms together.

        Two seeds that agree are no sign of a quiet arm: with one degree of freedom of each arm the prior's own degrees
        are a guess, and the variance is never below that of all arms together.
        """
        expected = self.scale * (self.between + own.rest)
        if self.pooled:
            return expected, float(self.pooled_degrees)
        degrees = self.degrees + own.degrees
        variance = (self.degrees * expected + own.degrees * own.total) / degrees
        if own.degrees == 1:
            variance = max(variance, self.together(own))
        return variance, min(degrees, float(self.pooled_degrees))

    def for_choice(self, own: SeedVariance) -> tuple[float, float]:
        """Variance and degrees of freedom for a choice among the arms: moderated where they are alike. Else an arm has
        its own seeds, and no less noise than all together: one whose few seeds agree would look the surest to be best.
        Where the arms are too few, that is asked of two seeds alone, by what makes a 95% interval the wider.
        """
        if self.usable:
            return self.moderated(own)
        if self.enough:
            return max(own.total, self.together(own)), float(own.degrees)
        pairs = [(own.total, float(own.degrees)), (self.together(own), self.floor_degrees)]
        return max(pairs[: 2 if own.degrees == 1 else 1], key=_reach)


def seed_prior(arms: Sequence[SeedVariance], *, lost: int = 0) -> SeedPrior | None:
    """What the arms with two seeds or more say together; `None` where no two arms say anything. lost: as in
    `SeedPrior`."""
    shown = [arm for arm in arms if arm.total + arm.rest > 0]
    if len(shown) < 2:
        return None
    total, rest = floats([arm.total for arm in shown]), floats([arm.rest for arm in shown])
    degrees = floats([arm.degrees for arm in shown])
    between = _between(total, rest, degrees)
    if np.any(between + rest <= 0):
        return None
    relative = total / (between + rest)
    scale, prior = fit_scaled_f(_raised(relative, degrees), degrees)
    return SeedPrior(
        between=between,
        scale=scale,
        degrees=prior,
        homogeneity_p=noisiest_p(relative, degrees),
        noisiest=float((relative.max() / scale) ** 0.5),
        arms=len(shown),
        pooled_degrees=int(degrees.sum()),
        deviation=(scale * (between + float(np.median(rest)))) ** 0.5,
        lost=lost,
    )


def _reach(noise: tuple[float, float]) -> float:
    """Half of the 95% interval of a value with this variance and degrees of freedom."""
    variance, degrees = noise
    return float(variance**0.5 * student_quantile(0.975, degrees))


def fit_scaled_f(variances: FloatArray, degrees: FloatArray) -> tuple[float, float]:
    """Scale and degrees of freedom of the prior, from the moments of the logarithm: s² ~ scale * F(degrees, prior).

    Smyth 2004, section 6.2, as limma's `fitFDist` does; where chance alone explains the spread, the prior has infinite
    degrees of freedom and the pooled variance.
    """
    logs = np.log(variances) - digamma(degrees / 2) + np.log(degrees / 2)
    excess = float(logs.var(ddof=1) - trigamma(degrees / 2).mean())
    if excess <= 0:
        return float((degrees * variances).sum() / degrees.sum()), float("inf")
    prior = 2.0 * trigamma_inverse(excess)
    return float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))), prior


def noisiest_p(variances: FloatArray, degrees: FloatArray) -> float:
    """P-value of equal variances against one that is larger: each against the others pooled (F), times their number.

    Cochran 1941, "The distribution of the largest of a set of estimated variances as a fraction of their total"; for
    unequal degrees 't Lam 2010, "Scrutiny of variance results for outliers: Cochran's test optimized".
    """
    squares = degrees * variances
    others = (squares.sum() - squares) / (degrees.sum() - degrees)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(variances > 0, variances / others, 0.0)
    return min(1.0, variances.size * float(f_survival(ratio, degrees, degrees.sum() - degrees).min()))


def _between(total: FloatArray, rest: FloatArray, degrees: FloatArray) -> float:
    """The common part with which the pooled total / (between + rest) is 1 (Paule & Mandel 1982); 0 where the rest
    alone explains the totals."""

    def pooled(between: float) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(total > 0, total / (between + rest), 0.0)
        return float((degrees * relative).sum() / degrees.sum())

    if pooled(0.0) <= 1.0:
        return 0.0
    low, high = 0.0, float(total.max())
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if pooled(middle) > 1.0 else (low, middle)
    return 0.5 * (low + high)


def _raised(variances: FloatArray, degrees: FloatArray) -> FloatArray:
    pooled = float((degrees * variances).sum() / degrees.sum())
    return np.maximum(variances, pooled * chi_square_quantile(_LOWER_TAIL, degrees) / degrees)
