"""One side of a comparison: its complete rows, and its rate and seed noise on the scale that arms are compared on.

Contract: pure. Rates are compared on the logit scale, where the same noise of training is as large near 0 or 1 as in
the middle; other scores as they are.
"""

from dataclasses import dataclass

from bench.stats.arrays import FloatArray
from bench.stats.noise.moderation import SeedVariance
from bench.stats.noise.variance import SeedNoise, seed_noise
from bench.stats.samples.sample import Layout

ScaleEnds = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One side of a delta. values: [seeds, examples], complete; a row is a seed, or the mean over the seeds of a subset
    draw. trained: whether seeds are a source of noise. drawn: whether the seeds learned from several subset draws.
    short: whether a seed has no score at all."""

    values: FloatArray
    trained: bool
    drawn: bool = False
    short: bool = False

    @property
    def comparable(self) -> bool:
        """Whether its seeds' noise can be taken for a draw of that of all arms."""
        return self.trained and not self.drawn and not self.short

    @property
    def lost(self) -> bool:
        """Whether of several seeds fewer than two are left, so that nothing shows their noise."""
        return self.trained and not self.drawn and self.short and self.values.shape[0] < 2


def lone_among_several(arm: Side, reference: Side | None) -> bool:
    """Whether one trained side has a single seed and the other several: nothing shows the single one's noise."""
    counts = [side.values.shape[0] for side in (arm, reference) if side is not None and side.trained]
    return bool(counts) and min(counts) == 1 < max(counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledSide:
    """One side on the scale of comparison. added: as in `_SideNoise`. variance: `None` without two seeds."""

    rate: float
    added: float
    slope: float
    variance: SeedVariance | None


def on_scale(side: Side, plan: Layout, ends: ScaleEnds | None) -> ScaledSide:
    """A rate has half an answer added at each end, and its noise of seed by example the variance that this adds: few
    answers unlike the others are no measure of how many more there might be (Agresti & Coull 1998)."""
    mean = float(plan.mean(side.values.mean(axis=0)))
    noise = seed_noise(side.values, plan) if side.trained else None
    if ends is None:
        return ScaledSide(rate=mean, added=0.0, slope=1.0, variance=_variance(noise, 1.0, 0.0))
    width, examples = ends[1] - ends[0], equal_examples(plan)
    answers = examples * side.values.shape[0]
    plain = (mean - ends[0]) / width
    rate = (plain * answers + 0.5) / (answers + 1.0)
    slope = width * rate * (1.0 - rate)
    added = max(0.0, rate * (1.0 - rate) - plain * (1.0 - plain)) / examples * width**2
    return ScaledSide(rate=rate, added=added, slope=slope, variance=_variance(noise, slope, added))


def equal_examples(plan: Layout) -> float:
    """Number of examples of equal weight that say as much (Kish 1965)."""
    return 1.0 / float((plan.share**2).sum())


def _variance(noise: SeedNoise | None, slope: float, added: float) -> SeedVariance | None:
    if noise is None:
        return None
    more = added if noise.total + noise.rest > 0 else 0.0
    return SeedVariance(
        total=(noise.total + more) / slope**2, rest=(noise.rest + more) / slope**2, degrees=noise.seeds - 1
    )
