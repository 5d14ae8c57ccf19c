"""Which of several candidates to take: the probability of being best, the expected loss of taking one, and each one's
value corrected for having been picked.

Contract: pure and seeded. The candidates' measured values share examples, so their errors are correlated; seed noise
is each candidate's own, with few degrees of freedom. True values of exchangeable candidates (the arms of a suite) come
from one normal distribution whose mean and spread are unknown, so that extreme values shrink towards the others by as
much as their noise asks for (James & Stein 1961; Efron & Morris 1975). A candidate that is not exchangeable (a base, or
an arm far below the others) does not shrink and pulls no other.

Sources: hierarchical normal model, Gelman et al. 2013, "Bayesian Data Analysis", ch. 5; the prior of the spread is
log-logistic around the typical standard error, DuMouchel 1994; a variance of few degrees of freedom is a scaled inverse
chi-square draw, which makes a Student's t of the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray, floats
from bench.stats.curves.distributions import student_cdf

DRAWS = 20_000
LEVEL = 0.95
_SPREADS = 40  # values of the spread between candidates, of equal prior probability
_MOST_SCALES = 400  # draws of the noise's variances
_FEWEST_SCALES = 50
_CELLS = 20_000  # candidates × draws of the variances: many candidates get fewer of these
_STRAGGLER = 0.05  # probability below which the lowest value is no draw of the others' distribution
_LEAST_ALIKE = 3
_SMALLEST = 1e-12  # share of the typical variance below which a variance counts as zero


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExampleNoise:
    """What the examples of one eval do to all candidates' values.

    influence: [candidates, units], centred within strata, so that its rows' products add up to covariances.
    degrees: degrees of freedom of these. extra: [candidates], variance that the units do not show.
    """

    influence: FloatArray
    degrees: float
    extra: FloatArray

    @property
    def covariance(self) -> FloatArray:
        """[candidates, candidates]."""
        return self.influence @ self.influence.T


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """k measured values with their noise, more is better.

    values: [k]. examples: one for each eval; evals are independent. seed_variance: [k], of a value because of its
    training seeds, 0 without any. seed_degrees: [k], degrees of freedom of these; infinite where they are known. rest:
    [k], the part of `seed_variance` that the examples' noise holds too. exchangeable: [k]. pooled: [k], candidates
    whose `seed_variance` is one estimate from all of their seeds, so that it is wrong for all by the same factor.
    support: lowest and highest value that there is.
    """

    values: FloatArray
    examples: Sequence[ExampleNoise]
    seed_variance: FloatArray
    seed_degrees: FloatArray
    rest: FloatArray
    exchangeable: BoolArray
    pooled: BoolArray
    support: tuple[float, float] = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """One candidate. corrected, low, high: mean and 95% interval of its true value, shrunk for having been one of many.

    best: probability that no candidate is better. near_best: that none is better by more than the tolerance.
    expected_loss: by how much the best candidate is better, on average, if this one is taken.
    """

    corrected: float
    low: float
    high: float
    best: float
    near_best: float
    expected_loss: float


def prospects(
    candidates: Candidates, *, tolerance: float = 0.0, seed: int, draws: int = DRAWS, level: float = LEVEL
) -> tuple[Prospect, ...]:
    """One for each candidate, in their order."""
    truths = np.clip(true_values(candidates, seed=seed, draws=draws), *candidates.support)
    best = truths.max(axis=1, keepdims=True)
    loss = best - truths
    first = loss <= 0.0
    shares = first / first.sum(axis=1, keepdims=True)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(truths, [tail, 1.0 - tail], axis=0)
    return tuple(
        Prospect(
            corrected=float(truths[:, k].mean()),
            low=float(low[k]),
            high=float(high[k]),
            best=float(shares[:, k].mean()),
            near_best=float((loss[:, k] <= tolerance).mean()),
            expected_loss=float(loss[:, k].mean()),
        )
        for k in range(candidates.values.size)
    )


def true_values(candidates: Candidates, *, seed: int, draws: int = DRAWS) -> FloatArray:
    """Draws [draws, k] of the candidates' true values, given what was measured."""
    generator = np.random.default_rng(seed)
    count = candidates.values.size
    scales = int(np.clip(_CELLS // max(1, count), _FEWEST_SCALES, _MOST_SCALES))
    covariances = _covariances(candidates, scales, generator)
    alike = _without_stragglers(candidates.values, candidates.exchangeable)
    arms, others = np.flatnonzero(alike), np.flatnonzero(~alike)
    if arms.size == 0:
        return _alone(candidates.values, covariances, draws, generator)
    model = _Exchangeable.fit(candidates.values[arms], covariances[:, arms[:, None], arms])
    which, spread = model.choose(draws, generator)
    truths = np.empty((draws, count))
    for scale in np.unique(which):
        rows = which == scale
        truths[np.ix_(rows, arms)] = model.draw(scale, spread[rows], generator)
        if others.size:
            errors = candidates.values[arms] - truths[np.ix_(rows, arms)]
            noise = _given(covariances[scale], others, arms, errors, generator)
            truths[np.ix_(rows, others)] = candidates.values[others] - noise
    return truths


def _without_stragglers(values: FloatArray, exchangeable: BoolArray) -> BoolArray:
    """The exchangeable candidates without those that are far below the others: one arm that failed would make the
    spread of all so wide that the best of the others would hardly be corrected for having been picked.

    The lowest ones are left out, as many as the last step counts at which so many draws of the others' normal
    distribution would have so low a one in less than `_STRAGGLER` of all cases (its externally studentised residual by
    Student's t, times their number). Going on after a step that shows nothing finds those that failed alike, which hide
    each other (Rosner 1983, "Percentage points for a generalized ESD many-outlier procedure"). Half of the candidates
    stay.
    """
    order = np.argsort(np.where(exchangeable, values, np.inf), kind="stable")[: int(exchangeable.sum())]
    out = 0
    for step in range(1, min(order.size - _LEAST_ALIKE, order.size // 2) + 1):
        others = values[order[step:]]
        error = float(others.std(ddof=1)) * (1.0 + 1.0 / others.size) ** 0.5
        if error == 0.0:
            break
        chance = float(student_cdf((values[order[step - 1]] - others.mean()) / error, others.size - 1))
        if chance * (others.size + 1) < _STRAGGLER:
            out = step
    alike = exchangeable.copy()
    alike[order[:out]] = False
    return alike


def _covariances(candidates: Candidates, scales: int, generator: np.random.Generator) -> FloatArray:
    """Draws [scales, k, k] of the covariance of the measured values."""
    size = candidates.values.size
    total = np.zeros((scales, size, size))
    diagonal = np.arange(size)
    for noise in candidates.examples:
        factor = _inverse_chi_square(np.array([noise.degrees]), scales, generator)[:, 0]
        total += factor[:, None, None] * noise.covariance
        total[:, diagonal, diagonal] += noise.extra
    factors = _inverse_chi_square(candidates.seed_degrees, scales, generator)
    if candidates.pooled.any():
        factors[:, candidates.pooled] = factors[:, [int(candidates.pooled.argmax())]]
    seeds = candidates.seed_variance * factors
    total[:, diagonal, diagonal] += seeds - np.minimum(candidates.rest, total[:, diagonal, diagonal])
    return _positive(total)


def _inverse_chi_square(degrees: FloatArray, scales: int, generator: np.random.Generator) -> FloatArray:
    """Draws [scales, n] of a true variance by its estimate."""
    finite = np.isfinite(degrees)
    freedom = np.where(finite, degrees, 1.0)
    return np.where(finite, freedom / generator.chisquare(freedom, size=(scales, degrees.size)), 1.0)


def _positive(matrices: FloatArray) -> FloatArray:
    """The matrices without negative eigenvalues, which a subtracted estimate can leave."""
    values, vectors = np.linalg.eigh(matrices)
    if values.min() >= 0.0:
        return matrices
    return np.asarray((vectors * np.maximum(values, 0.0)[:, None, :]) @ vectors.transpose(0, 2, 1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Exchangeable:
    """Arms from one distribution, by the eigenvectors of each draw of their covariance.

    roots: [scales, k] eigenvalues; vectors: [scales, k, k]; values, ones: [scales, k], rotated. spreads: [_SPREADS].
    chance: [scales, _SPREADS], posterior probability of each pair. centre, precision: [scales, _SPREADS], of the mean.
    """

    roots: FloatArray
    vectors: FloatArray
    values: FloatArray
    ones: FloatArray
    spreads: FloatArray
    chance: FloatArray
    centre: FloatArray
    precision: FloatArray

    @classmethod
    def fit(cls, values: FloatArray, covariances: FloatArray) -> _Exchangeable:
        """values: [k]; covariances: [scales, k, k]."""
        typical = float(np.median(np.einsum("skk->sk", covariances)))
        typical = typical if typical > 0 else max(float(np.var(values)), 1.0) * _SMALLEST
        roots, vectors = np.linalg.eigh(covariances)
        roots = np.maximum(roots, typical * _SMALLEST)
        rotated, ones = np.einsum("k,skj->sj", values, vectors), vectors.sum(axis=1)
        middle = (np.arange(_SPREADS) + 0.5) / _SPREADS
        spreads = typical**0.5 * middle / (1.0 - middle)
        weight = 1.0 / (roots[:, None, :] + spreads[None, :, None] ** 2)
        precision = np.einsum("sgk,sk->sg", weight, ones**2)
        centre = np.einsum("sgk,sk->sg", weight, ones * rotated) / precision
        misfit = np.einsum("sgk,sk->sg", weight, rotated**2) - precision * centre**2
        likelihood = 0.5 * (np.log(weight).sum(axis=2) - np.log(precision) - misfit)
        chance = np.exp(likelihood - likelihood.max())
        return cls(
            roots=roots,
            vectors=vectors,
            values=rotated,
            ones=ones,
            spreads=spreads,
            chance=chance / chance.sum(),
            centre=centre,
            precision=precision,
        )

    def choose(self, draws: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Index of the covariance, and of the spread, for each draw."""
        points = (np.arange(draws) + generator.random()) / draws
        pair = np.searchsorted(np.cumsum(self.chance.ravel()), points).clip(max=self.chance.size - 1)
        return np.divmod(generator.permutation(pair), self.spreads.size)

    def draw(self, scale: int, spread: np.ndarray, generator: np.random.Generator) -> FloatArray:
        """True values [draws, k], one draw for each index of a spread."""
        roots, variance = self.roots[scale], self.spreads[spread][:, None] ** 2
        deviation = generator.normal(size=spread.size) / self.precision[scale, spread] ** 0.5
        mean = (self.centre[scale, spread] + deviation)[:, None] * self.ones[scale]
        centre = (self.values[scale] * variance + mean * roots) / (roots + variance)
        noise = generator.normal(size=centre.shape) * (roots * variance / (roots + variance)) ** 0.5
        return np.asarray((centre + noise) @ self.vectors[scale].T)


def _given(
    covariance: FloatArray, others: np.ndarray, arms: np.ndarray, errors: FloatArray, generator: np.random.Generator
) -> FloatArray:
    """Errors [draws, others] of the candidates that do not shrink, given those of the arms [draws, arms]."""
    inverse = np.linalg.pinv(covariance[np.ix_(arms, arms)], hermitian=True)
    weights = covariance[np.ix_(others, arms)] @ inverse
    left = covariance[np.ix_(others, others)] - weights @ covariance[np.ix_(arms, others)]
    values, vectors = np.linalg.eigh(left)
    noise = generator.normal(size=(errors.shape[0], others.size)) * np.maximum(values, 0.0) ** 0.5
    return np.asarray(errors @ weights.T + noise @ vectors.T)


def _alone(values: FloatArray, covariances: FloatArray, draws: int, generator: np.random.Generator) -> FloatArray:
    """True values where nothing is exchangeable: measured values and their noise."""
    roots, vectors = np.linalg.eigh(covariances)
    which = np.arange(draws) % covariances.shape[0]
    noise = generator.normal(size=(draws, values.size)) * np.maximum(roots[which], 0.0) ** 0.5
    return floats(values - np.einsum("dk,djk->dj", noise, vectors[which]))
