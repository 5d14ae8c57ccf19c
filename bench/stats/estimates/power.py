"""What a comparison could have seen, and what would decide it.

All figures are two-sided at `1 - level`, at 80% power, under the variance model of `bench.stats.noise.variance`, and
for the intervals that `bench.stats.estimates.inference` gives. A few seeds do not know their own noise: a run that
happens to overestimate it, or to find it on one side alone, has a wider interval. Power is the mean over what a run may
find (`bench.stats.estimates.half_width`), and not that of the interval with the true noise.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bench.stats.curves.distributions import chi_square_quantile, student_quantile
from bench.stats.estimates.half_width import chance_to_exclude, seed_estimates
from bench.stats.noise.variance import Components

POWER = 0.8
MAX_EXAMPLES = 1_000_000
MAX_SEEDS = 1_000
RANGE_LEVEL = 0.8
"""Confidence of the range of the noise for which needed examples and seeds are given."""
_RANGE_ENDS = ((1.0 + RANGE_LEVEL) / 2.0, (1.0 - RANGE_LEVEL) / 2.0)
_HALVINGS = 40
_TIMES = (2, 3, 4, 6, 8, 12, 16)  # as many seeds as now, where examples and seeds must both grow


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Examples alone, or seeds (of each trained side) alone, that would decide; `None` where they could not.

    together: examples and seeds that would where neither alone could; `None` where either can, or not even both.
    """

    examples: int | None
    seeds: int | None
    together: tuple[int, int] | None = None


def detectable_effect(
    standard_error: float,
    degrees: float,
    *,
    seed_error: float = 0.0,
    seed_degrees: float = 1.0,
    seeds: float = 1.0,
    level: float = 0.95,
    power: float = POWER,
) -> float:
    """The smallest true effect that a two-sided test finds with probability `power`.

    standard_error, degrees: of the examples' noise. seed_error, seed_degrees: of the seeds', where it is told apart.
    seeds: of each side, from which that noise is estimated.

    Without seed noise by Bloom 1995, "Minimum detectable effects": the half-width of the interval, and the t quantile
    of the power times the standard error.
    """
    noise = _Noise(
        standard_error=standard_error, degrees=degrees, seed_error=seed_error, seed_degrees=seed_degrees, seeds=seeds
    )
    if seed_error <= 0.0:
        return noise.without_seeds(level, power)
    chance = noise.chance(level)
    low, high = 0.0, noise.whole
    while chance(high) < power:
        low, high = high, 2.0 * high
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if chance(middle) < power else (low, middle)
    return high


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noise:
    """Arguments of `detectable_effect`."""

    standard_error: float
    degrees: float
    seed_error: float
    seed_degrees: float
    seeds: float

    @property
    def whole(self) -> float:
        """Standard error of both."""
        return float((self.standard_error**2 + self.seed_error**2) ** 0.5)

    def without_seeds(self, level: float, power: float) -> float:
        """The detectable effect."""
        return self.standard_error * (_quantile((1.0 + level) / 2.0, self.degrees) + _quantile(power, self.degrees))

    def chance(self, level: float) -> Callable[[float], float]:
        """Power by the true effect."""
        estimates = seed_estimates(self.seed_error, self.seed_degrees, self.seeds)
        return chance_to_exclude(
            self.standard_error, self.degrees, estimates, standard_deviation=self.whole, level=level
        )

    def shows(self, effect: float, *, level: float, power: float) -> bool:
        """Whether the detectable effect is no larger."""
        if self.seed_error <= 0.0:
            return self.without_seeds(level, power) <= effect
        return self.chance(level)(effect) >= power


def _quantile(probability: float, degrees: float) -> float:
    return float(student_quantile(probability, degrees))


def needed(
    distance: float, components: Components, *, examples: int, level: float = 0.95, power: float = POWER
) -> Needed:
    """How many examples, or seeds, bring the detectable effect down to `distance`, if the estimate is the truth.

    distance: between the estimate and the nearest threshold, in units of the score. examples: those of this run. Never
    less than one more than what is there. With a single seed the seeds' variance is unknown: examples are then counted
    against example noise alone, and seeds are `None`. Where seeds are averaged by subset draw, they are draws.
    """
    if distance <= 0 or examples < 1:
        return Needed(examples=None, seeds=None)

    search = _Search(distance=distance, components=components, examples=examples, level=level, power=power)
    more_examples = search.examples_with(components.replicates, components.seed_degrees or 1.0)
    if components.seed is None:
        return Needed(examples=more_examples, seeds=None)
    now = components.most_replicates
    more_seeds = _least(lambda seeds: search.enough(examples, seeds, _degrees(components, seeds)), now + 1, MAX_SEEDS)
    if more_examples is not None or more_seeds is not None:
        return Needed(examples=more_examples, seeds=more_seeds)
    pairs = [(search.examples_with_seeds(seeds), seeds) for seeds in (now * times for times in _TIMES)]
    reachable = [(count, seeds) for count, seeds in pairs if count is not None]
    return Needed(examples=None, seeds=None, together=min(reachable, key=lambda pair: pair[0] * pair[1], default=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """Arguments of `needed`."""

    distance: float
    components: Components
    examples: int
    level: float
    power: float

    def enough(self, count: int, replicates: float, seed_degrees: float) -> bool:
        """Whether so many examples and seeds decide."""
        noise = _noise_at(self.components, count / self.examples, replicates, seed_degrees)
        return noise.shows(self.distance, level=self.level, power=self.power)

    def examples_with(self, replicates: float, seed_degrees: float) -> int | None:
        """The fewest examples that decide beside so many seeds."""
        return _least(lambda count: self.enough(count, replicates, seed_degrees), self.examples + 1, MAX_EXAMPLES)

    def examples_with_seeds(self, seeds: int) -> int | None:
        """The fewest examples that decide beside so many seeds, with the degrees of freedom that the seeds bring."""
        return self.examples_with(seeds, _degrees(self.components, seeds))


def needed_range(
    distance: float, components: Components, *, examples: int, level: float = 0.95, power: float = POWER
) -> tuple[Needed, Needed]:
    """What `needed` gives with the noise at the lower and at the upper end of its own interval (at `RANGE_LEVEL`).

    A few seeds hardly know their noise: with two degrees of freedom it may be a half, or three times, of what was seen.
    """
    fewest, most = (
        needed(distance, _scaled(components, end), examples=examples, level=level, power=power) for end in _RANGE_ENDS
    )
    return fewest, most


def together_range(
    distance: float, components: Components, seeds: int, *, examples: int, level: float = 0.95, power: float = POWER
) -> tuple[int | None, int | None]:
    """Examples that decide together with so many seeds, with the noise at both ends of its interval."""
    fewest, most = (
        _Search(
            distance=distance, components=_scaled(components, end), examples=examples, level=level, power=power
        ).examples_with_seeds(seeds)
        for end in _RANGE_ENDS
    )
    return fewest, most


def _scaled(components: Components, end: float) -> Components:
    """Noise of which what was seen is the `end` quantile of what such noise gives."""
    example = components.example * _factor(components.example_degrees, end)
    if components.seed is None or components.seed_degrees is None:
        return replace(components, example=example)
    rest = components.rest or 0.0
    total = (components.seed + rest) * _factor(components.seed_degrees, end)
    return replace(components, example=example, seed=max(0.0, total - rest))


def _factor(degrees: float, end: float) -> float:
    return 1.0 if not degrees < float("inf") else degrees / float(chi_square_quantile(end, degrees))


def needed_unseen(distance: float, reach: float, *, units: int, examples: int, level: float = 0.95) -> int | None:
    """How many examples bound what was not seen to `distance`, where all units agree: the "rule of three".

    reach: by how much a unit that differs can move the value. The inverse of `TiedCurve`; `None` beyond
    `MAX_EXAMPLES`, or where the estimate is on the threshold.
    """
    if distance <= 0 or reach <= 0:
        return None
    share = min(distance / reach, 1.0 - 1e-12)
    count = int(np.ceil(np.log((1.0 - level) / 2.0) / np.log1p(-share) * examples / units))
    return max(examples + 1, count) if count <= MAX_EXAMPLES else None


def _degrees(components: Components, seeds: int) -> float:
    """Degrees of freedom of the noise with `seeds` on each side: those of both sides where both have as much of it, of
    one where it has nearly all, and never fewer than now, when other arms may tell of the noise, too."""
    now = components.seed_degrees
    if now is None or components.replicates <= 1.0:
        return float(seeds - 1)
    sides = min(2.0, max(1.0, now / (components.replicates - 1.0)))
    return max(now, sides * (seeds - 1))


def _noise_at(components: Components, growth: float, replicates: float, seed_degrees: float) -> _Noise:
    """With `growth` times the examples and `replicates` seeds on each side."""
    seed = ((components.seed or 0.0) + (components.rest or 0.0) / growth) / replicates
    return _Noise(
        standard_error=(components.example / growth) ** 0.5,
        degrees=max(1.0, (components.example_degrees + 1.0) * growth - 1.0),
        seed_error=seed**0.5,
        seed_degrees=seed_degrees,
        seeds=replicates,
    )


def _least(enough: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest count in [low, high] that is enough, by bisection; `None` where none is."""
    if low > high or not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
