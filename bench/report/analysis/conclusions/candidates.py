"""The arms and bases that a decision weighs, as values with their noise.

Contract: pure. An arm's value is the weighted mean of its scores, each as a share of its metric's scale. The errors of
the values are joint over the evals: a seed's values on all evals come from one training, and examples are shared by all
candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from bench.report.analysis.aligned.align import Aligned
from bench.stats.arrays import BoolArray, FloatArray
from bench.stats.conclusions.decision import Candidates, ExampleNoise
from bench.stats.estimates.corpus import linearised
from bench.stats.noise.influence import Influence, influence, scored_rows
from bench.stats.noise.moderation import SeedPrior, SeedVariance, seed_prior
from bench.stats.samples.sample import Scores, several_draws
from bench.suite.tables.arms.arms import is_base
from bench.suite.tables.conclusions.decision import DecisionOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One eval of the decision. share: of all weights. scale: by what its scores are divided, negative where lower is
    better. support: lowest and highest part of a value that it can be; `None` where its scale has no ends."""

    name: str
    share: float
    scale: float
    support: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeighedArm:
    """values: [seeds or draws]. parts: one for each weight, `None` without a seed that has every score. drawn: whether
    the seeds learned from several subset draws."""

    arm: str
    values: FloatArray
    parts: Sequence[Influence] | None
    trained: bool
    drawn: bool
    gaps: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether it has a value."""
        return self.values.size > 0

    @property
    def lone(self) -> bool:
        """Whether the noise of training is unknown."""
        return self.trained and self.values.size < 2


def weights_of(options: DecisionOptions, entries: Mapping[str, Aligned]) -> tuple[Weight, ...]:
    """The evals of the decision, weights as shares."""
    total = sum(options.weights.values())
    weights = []
    for name, weight in options.weights.items():
        measurand, share = entries[name].measurand, weight / total
        scale = (measurand.largest_difference or 1.0) * (1.0 if measurand.higher_is_better else -1.0)
        support = None
        if measurand.bounds is not None:
            low, high = sorted(share / scale * end for end in measurand.bounds)
            support = low, high
        weights.append(Weight(name=name, share=share, scale=scale, support=support))
    return tuple(weights)


def weighed_arm(
    arm: str, names: Sequence[str], weights: Sequence[Weight], entries: Mapping[str, Aligned]
) -> WeighedArm:
    """One arm's values over the rows that every eval has, and what it lacks. `names`: its subjects."""
    scores = [_scores(entries[weight.name], arm) for weight in weights]
    rows = [scored_rows(entry) for entry in scores]
    usable: BoolArray = np.logical_and.reduce(rows)
    gaps = [
        f"{name} has no score on {weight.name}"
        for weight, seen in zip(weights, rows, strict=True)
        for name, there in zip(names, seen, strict=True)
        if not there
    ]
    gaps += [
        f"{arm} lacks {lacking:,} of {entry.present[usable].size:,} scores on {weight.name}"
        for weight, entry in zip(weights, scores, strict=True)
        if (lacking := int((~entry.present[usable]).sum()))
    ]
    parts = [influence(entry, usable) for entry in scores] if usable.any() else None
    values = np.zeros(0) if parts is None else weighted_sum(weights, [part.values for part in parts])
    drawn = any(several_draws(entry.draws) for entry in scores)
    return WeighedArm(
        arm=arm,
        values=values,
        parts=parts,
        trained=not is_base(arm),
        drawn=drawn,
        gaps=tuple(gaps),
    )


def _scores(entry: Aligned, arm: str) -> Scores:
    """An arm's scores; of a corpus metric its jackknife values."""
    counts = entry.counts.get(arm)
    return entry.arms[arm] if counts is None else linearised(counts)


def weighted_sum(weights: Sequence[Weight], parts: Sequence[FloatArray]) -> FloatArray:
    """Weighted sum of one array for each eval."""
    terms = [weight.share / weight.scale * part for weight, part in zip(weights, parts, strict=True)]
    return np.asarray(np.sum(terms, axis=0))


def with_noise(weights: Sequence[Weight], measured_arms: Sequence[WeighedArm]) -> Candidates:
    """Values of the candidates, with the noise of each eval's examples and of their seeds."""
    parts = [candidate.parts for candidate in measured_arms if candidate.parts is not None]
    squares = [(weight.share / weight.scale) ** 2 for weight in weights]
    examples = []
    for index, weight in enumerate(weights):
        influences = [part[index] for part in parts]
        factor = weight.share / weight.scale
        examples.append(
            ExampleNoise(
                influence=factor * np.stack([part.units.mean(axis=0) for part in influences]),
                degrees=min(part.degrees for part in influences),
                extra=factor**2 * np.array([part.extra for part in influences]),
            )
        )
    seeded = np.array([candidate.trained and not candidate.lone for candidate in measured_arms])
    counts = np.array([candidate.values.size for candidate in measured_arms])
    rest = [sum(square * part.rest for square, part in zip(squares, row, strict=True)) for row in parts]
    prior = prior_of(weights, measured_arms)
    alike = np.array([not candidate.drawn for candidate in measured_arms])
    seeds = _seed_noise(_seed_variances(weights, measured_arms), measured_arms, prior)
    return Candidates(
        values=np.array([candidate.values.mean() for candidate in measured_arms]),
        examples=tuple(examples),
        seed_variance=np.array([variance / count for (variance, _), count in zip(seeds, counts, strict=True)]),
        seed_degrees=np.array([degrees for _, degrees in seeds]),
        rest=np.where(seeded, rest, 0.0),
        exchangeable=np.array([not is_base(candidate.arm) for candidate in measured_arms]),
        pooled=seeded & alike & (prior is not None and prior.usable and prior.pooled),
        support=_support(weights),
    )


def _support(weights: Sequence[Weight]) -> tuple[float, float]:
    """Lowest and highest value that an arm can have."""
    ends = [weight.support for weight in weights if weight.support is not None]
    if len(ends) < len(weights):
        return -inf, inf
    return sum(low for low, _ in ends), sum(high for _, high in ends)


def prior_of(weights: Sequence[Weight], measured_arms: Sequence[WeighedArm]) -> SeedPrior | None:
    """What the seeds of all arms say together about the noise of the weighted mean; `None` where they are too few. An
    arm on several subset draws has the noise of draws, too, and says nothing of others."""
    own = _seed_variances(weights, measured_arms)
    return seed_prior([own[arm.arm] for arm in measured_arms if arm.arm in own and not arm.drawn])


def _seed_variances(weights: Sequence[Weight], measured_arms: Sequence[WeighedArm]) -> dict[str, SeedVariance]:
    """By arm of which two seeds at least are measured."""
    squares = [(weight.share / weight.scale) ** 2 for weight in weights]
    return {
        arm.arm: SeedVariance(
            total=float(np.var(arm.values, ddof=1)),
            rest=sum(square * part.rest for square, part in zip(squares, arm.parts, strict=True)) * arm.values.size,
            degrees=arm.values.size - 1,
        )
        for arm in measured_arms
        if arm.trained and not arm.lone and arm.parts is not None
    }


def _seed_noise(
    own: Mapping[str, SeedVariance], measured_arms: Sequence[WeighedArm], prior: SeedPrior | None
) -> list[tuple[float, float]]:
    """Variance of one seed's weighted mean and its degrees of freedom, for each arm, by `SeedPrior.for_choice`; of an
    arm on several subset draws its own. 0 and infinite for a base, and for a lone seed, whose noise is unknown."""
    return [
        (0.0, float("inf"))
        if (variance := own.get(arm.arm)) is None
        else prior.for_choice(variance)
        if prior is not None and not arm.drawn
        else (variance.total, float(variance.degrees))
        for arm in measured_arms
    ]
