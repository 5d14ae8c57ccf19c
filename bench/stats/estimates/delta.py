"""The difference of two subjects, with what its interval covers and what missing scores leave open.

Contract: pure. No field is ever NaN: what is unknown is `None`, and `reason` says why.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from bench.stats.curves.curve import Curve, interval
from bench.stats.estimates.detectable_rate import detectable_rate
from bench.stats.estimates.inference import Inference
from bench.stats.estimates.missing import (
    AsScored,
    MissingBounds,
    WorstCase,
    counted_as,
    missing_bounds,
    missing_share,
    worst_scale,
)
from bench.stats.estimates.power import detectable_effect
from bench.stats.noise.moderation import SeedPrior
from bench.stats.noise.variance import Components
from bench.stats.samples.sample import Scores, Survivor

LEVEL = 0.95


SURVIVED: Mapping[Survivor, str] = {
    "seed": "one seed alone has a score: the noise of training is unknown",
    "draw": "the seeds of one subset draw alone have a score: the noise of draws is unknown",
}
"""Reasons of a comparison in which a side lost all seeds, or draws, but one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """arm - reference, in units of the score, averaged over examples and seeds.

    low, high, p_value (two-sided, of no difference), standard_error and mde (minimal detectable effect at 80% power)
    are `None` where no interval can be given; estimate too where nothing could be compared. n_missing: examples that
    no seed of one side scored, left out. bounds: what missing scores leave open; `None` where none is missing.
    extremes: the delta with the arm's missing scores as low and the reference's as high as they can be, and the
    reverse. n_better, n_worse: examples on which the arm's mean over seeds is above or below.
    seeds_failed: replicates of both sides without a single score, left out. noise: which sources the interval covers.
    repeated: whether every trained side has two seeds at least, so that the noise of training is in the interval.

    seed_prior: what the eval's arms say together about their seeds' noise; `None` where nothing was asked of them, or
    they are too few.

    A side of which one seed alone is left has no interval and no p-value: losing seeds must not raise confidence.
    """

    estimate: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    standard_error: float | None
    mde: float | None
    method: str
    noise: str
    reason: str | None
    arm_mean: float | None
    reference_mean: float | None
    n_examples: int
    n_missing: int
    n_clusters: int
    n_better: int
    n_worse: int
    arm_seeds: int
    reference_seeds: int
    seeds_failed: int
    repeated: bool
    components: Components | None
    seed_prior: SeedPrior | None
    curve: Curve | None = field(compare=False, repr=False)
    bounds: MissingBounds | None = None
    extremes: "tuple[Delta, Delta] | None" = field(default=None, compare=False, repr=False)

    @property
    def tested_p(self) -> float | None:
        """The p-value that decides: of no difference, whatever the missing scores are."""
        return self.p_value if self.bounds is None or self.p_value is None else self.bounds.p_value

    @property
    def tested_interval(self) -> tuple[float, float] | None:
        """The interval that decides: it covers the difference whatever the missing scores are."""
        low, high = (self.low, self.high) if self.bounds is None else (self.bounds.low, self.bounds.high)
        return None if self.low is None or low is None or high is None else (low, high)

    @property
    def missing_decides(self) -> bool:
        """Whether the interval is on another side of zero, or no longer on one side, in a worst case."""
        return len({_direction(delta) for delta in (self, *(self.extremes or ()))}) > 1


def _direction(delta: Delta) -> int:
    """1 or -1 where the interval excludes zero, else 0."""
    if delta.low is None or delta.high is None:
        return 0
    return int(delta.low > 0) - int(delta.high < 0)


def with_worst_cases(arm: Scores, reference: Scores, delta_of: Callable[[Scores, Scores], Delta]) -> Delta:
    """The delta as scored, by `delta_of`, with the bounds that missing scores of either side leave open."""
    delta, shares = delta_of(arm, reference), (missing_share(arm), missing_share(reference))
    if delta.estimate is None or not any(shares):
        return delta
    scale = worst_scale((arm, reference))
    lowest, highest = (
        delta_of(counted_as(arm, left), counted_as(reference, right)) for left, right in (scale, scale[::-1])
    )
    return with_bounds(delta, lowest, highest, shares=shares, scale=scale)


def with_bounds(
    delta: Delta, lowest: Delta, highest: Delta, *, shares: tuple[float, float], scale: tuple[float, float]
) -> Delta:
    """The delta as scored beside its two worst cases. shares: of the scores that arm and reference lack."""
    bounds = missing_bounds(
        _worst_case(lowest),
        _worst_case(highest),
        scored=AsScored(low=delta.low, high=delta.high, p_value=delta.p_value),
        level=delta.level,
        missing=shares[0],
        reference_missing=shares[1],
        scale=scale,
    )
    return replace(delta, bounds=bounds, extremes=(lowest, highest))


def _worst_case(delta: Delta) -> WorstCase:
    assert delta.estimate is not None, "every example is counted"
    return WorstCase(
        estimate=delta.estimate, standard_error=delta.standard_error, curve=delta.curve, p_value=delta.p_value
    )


def untested(delta: Delta, reason: str) -> Delta:
    """The estimate without an interval, and without what is decided from one."""
    return replace(
        delta, low=None, high=None, p_value=None, standard_error=None, mde=None, method="none", noise="none",
        reason=reason, components=None, curve=None,
    )  # fmt: skip


def detectable_at(delta: Delta | Inference, level: float) -> float | None:
    """The smallest true effect that a two-sided test at 1 - level finds with 80% power; `None` without an interval.

    From the standard error; where all examples agree the wider arm of the interval, which holds what was not seen, is
    the least that it is.
    """
    parts, curve, estimate = delta.components, delta.curve, delta.estimate
    if curve is None or estimate is None:
        return None
    if delta.standard_error is None or parts is None:
        return _reach(curve, estimate, level)
    seed_variance = max(0.0, delta.standard_error**2 - parts.example)
    effect = detectable_effect(
        parts.example**0.5,
        parts.example_degrees,
        seed_error=seed_variance**0.5 if parts.seed_degrees is not None else 0.0,
        seed_degrees=parts.seed_degrees or 1.0,
        seeds=parts.replicates,
        level=level,
    )
    if parts.rates is not None and parts.seed_degrees is not None:
        alone = detectable_effect(parts.example**0.5, parts.example_degrees, level=level)
        effect = detectable_rate(parts.rates, examples_alone=alone, both=effect)
    return effect if parts.example > 0.0 else max(effect, _reach(curve, estimate, level))


def _reach(curve: Curve, estimate: float, level: float) -> float:
    """The wider arm of the interval."""
    low, high = interval(curve, level)
    return max(estimate - low, high - estimate)
