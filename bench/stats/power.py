"""What a comparison could have seen, and what would decide it.

All figures are two-sided at `1 - level`, at 80% power, under the variance model of `bench.stats.variance`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.stats.distributions import student_quantile
from bench.stats.variance import Components

POWER = 0.8
MAX_EXAMPLES = 1_000_000
MAX_SEEDS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Examples alone, or seeds (of each trained side) alone, that would decide; `None` where they could not."""

    examples: int | None
    seeds: int | None


def detectable_effect(standard_error: float, degrees: float, *, level: float = 0.95, power: float = POWER) -> float:
    """The smallest true effect that a two-sided test finds with probability `power`.

    Bloom 1995, "Minimum detectable effects": (t quantile of the test + t quantile of the power) standard errors.
    """
    return standard_error * _multiplier(degrees, level, power)


def needed(
    distance: float,
    components: Components,
    *,
    examples: int,
    seeds: int,
    level: float = 0.95,
    power: float = POWER,
) -> Needed:
    """How many examples, or seeds, bring the detectable effect down to `distance`, if the estimate is the truth.

    distance: between the estimate and the nearest threshold, in units of the score. examples, seeds: those of this
    run. Never less than one more than what is there. With a single seed the seeds' variance is unknown: examples are
    then counted against example noise alone, and seeds are `None`.
    """
    if distance <= 0 or examples < 1:
        return Needed(examples=None, seeds=None)

    def enough(n: int, s: int) -> bool:
        return _resolution(components, n / examples, n, s, level, power) <= distance

    more_examples = _least(lambda n: enough(n, seeds), examples + 1, MAX_EXAMPLES)
    more_seeds = None
    if components.seed is not None:
        more_seeds = _least(lambda s: enough(examples, s), seeds + 1, MAX_SEEDS)
    return Needed(examples=more_examples, seeds=more_seeds)


def _resolution(components: Components, growth: float, examples: int, seeds: int, level: float, power: float) -> float:
    """The detectable effect with `growth` times the examples and `seeds` seeds."""
    example = components.example / growth
    if components.seed is None or components.rest is None or seeds < 2:
        return detectable_effect(example**0.5, max(1.0, examples - 1.0), level=level, power=power)
    seed = (components.seed + components.rest / growth) / seeds
    variance = example + seed
    if variance <= 0:
        return 0.0
    degrees = variance**2 / (example**2 / max(1, examples - 1) + seed**2 / (seeds - 1))
    return detectable_effect(variance**0.5, degrees, level=level, power=power)


def _multiplier(degrees: float, level: float, power: float) -> float:
    return float(student_quantile((1.0 + level) / 2.0, degrees)) + float(student_quantile(power, degrees))


def _least(enough: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest count in [low, high] that is enough, by bisection; `None` where none is."""
    if low > high or not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
