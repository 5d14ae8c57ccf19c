"""Fresh data of simulations with several seeds: two arms, an arm and the base, and all arms of an eval; scores, and
right-or-wrong answers to items with a latent difficulty."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from benchmarks.simulations.data import Draw, Population, Rng, against_base, half_shared, matrix

EXAMPLES = 200
SEED_NOISE = {"both": (1.0, 0.1, 0.5), "no seed noise": (1.0, 0.0, 1.0), "seed noise": (0.5, 0.3, 1.0)}
"""Standard deviations: of examples, of seeds, of examples by seeds."""


def seeded(
    arm: int, control: int, example: float, seed: float, rest: float, *, examples: int = EXAMPLES, effect: float = 0.0
) -> Draw:
    """Numbers of seeds; control 0: against a base without seeds. The deviations as in `SEED_NOISE`."""

    def side(rng: Rng, seeds: int) -> np.ndarray:
        return seed * rng.normal(size=(seeds, 1)) + rest * rng.normal(size=(seeds, examples))

    def draw(rng: Rng) -> Population:
        left = effect + side(rng, arm) + example * rng.normal(size=examples)
        if control == 0:
            return against_base(left, np.zeros(examples), truth=effect)
        return _pair(left, side(rng, control), truth=effect)

    return draw


def uneven_noise(seeds: int, noisy: float, quiet: float) -> Draw:
    """An arm and its control whose trainings differ in noise."""

    def draw(rng: Rng) -> Population:
        example = rng.normal(size=EXAMPLES)
        sides = [
            example + deviation * rng.normal(size=(seeds, 1)) + 0.5 * rng.normal(size=(seeds, EXAMPLES))
            for deviation in (noisy, quiet)
        ]
        return _pair(*sides)

    return draw


def seeded_binary(seeds: int, seed: float, rest: float) -> Draw:
    """Each training passes an example where its skill, plus luck, exceeds the example's difficulty."""

    def draw(rng: Rng) -> Population:
        difficulty = rng.normal(size=EXAMPLES)

        def passes() -> np.ndarray:
            return seed * rng.normal(size=(seeds, 1)) + rest * rng.normal(size=(seeds, EXAMPLES)) > difficulty

        return _pair(passes(), passes(), binary=True)

    return draw


def seeded_clusters(seeds: int, clusters: int, right_or_wrong: bool, spread: float = 0.0) -> Draw:
    """200 examples in clusters, whose expected sizes are log-normal with deviation `spread`, against a control with as
    many seeds."""

    def draw(rng: Rng) -> Population:
        sizes = np.exp(rng.normal(0, spread, clusters))
        label = rng.choice(clusters, EXAMPLES, p=sizes / sizes.sum()) if spread else np.arange(EXAMPLES) % clusters
        difficulty = half_shared(rng, label)

        def side() -> np.ndarray:
            topics = rng.normal(size=(seeds, clusters))[:, label]
            skill = 0.2 * rng.normal(size=(seeds, 1)) + 0.3 * topics
            values = skill + 0.5 * rng.normal(size=(seeds, EXAMPLES)) - difficulty
            return values > 0 if right_or_wrong else values

        return _pair(side(), side(), clusters=label, binary=right_or_wrong)

    return draw


def drawn_subsets(draws: int, seeds: int, *, known: bool = True) -> Draw:
    """An arm whose data are drawn several times, with several seeds of each draw, against the base."""

    def draw(rng: Rng) -> Population:
        label = np.repeat(np.arange(draws), seeds)
        level = 0.2 * rng.normal(size=draws)[label] + 0.2 * rng.normal(size=label.size)
        values = level[:, None] + rng.normal(size=EXAMPLES) + 0.5 * rng.normal(size=(label.size, EXAMPLES))
        arm = matrix(values, draws=label if known else None)
        return Population(arms=[arm], reference=matrix(np.zeros(EXAMPLES), trained=False))

    return draw


def scores_of(
    deviations: Sequence[float], *, seeds: int, effect: float = 0.0, rest: float = 0.5, base: bool = False
) -> Draw:
    """Deviations of the seeds of each arm; the last arm is the control, unless the first is compared with the base."""

    def draw(rng: Rng) -> Population:
        example = rng.normal(size=EXAMPLES)
        arms = [
            matrix(shift + example + s * rng.normal(size=(seeds, 1)) + rest * rng.normal(size=(seeds, EXAMPLES)))
            for s, shift in zip(deviations, [effect, *[0.0] * (len(deviations) - 1)], strict=True)
        ]
        fixed = matrix(example + rest * rng.normal(size=EXAMPLES), trained=False)
        return Population(arms=arms, reference=fixed if base else arms[-1], truth=effect)

    return draw


def items(
    rates: Sequence[float],
    *,
    seeds: int,
    deviation: float,
    examples: int = EXAMPLES,
    collapse: float = 0.0,
    base: float | None = None,
) -> Draw:
    """Right or wrong, two-parameter item response: each training passes an item with the logistic of discrimination
    times (skill - difficulty). rates: expected shares of right answers; the first arm against the second, or against a
    base. collapse: probability that a training gets everything wrong."""
    population = np.random.default_rng(0)
    difficulty, slope = population.normal(size=4_000), np.exp(0.3 * population.normal(size=4_000))
    luck = deviation * population.normal(size=4_000)

    def rate_of(skill: float, spread: float) -> float:
        return float(expit(slope * (skill + spread * luck - difficulty)).mean()) * (1 - collapse if spread else 1)

    def skill_of(rate: float, spread: float) -> float:
        low, high = -12.0, 12.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if rate_of(middle, spread) < rate else (low, middle)
        return 0.5 * (low + high)

    known = {rate: skill_of(rate, 1.0) for rate in set(rates)}
    skills = [known[rate] for rate in rates]
    base_skill = None if base is None else skill_of(base, 0.0)

    def draw(rng: Rng) -> Population:
        b, a = rng.normal(size=examples), np.exp(0.3 * rng.normal(size=examples))

        def passed(skill: np.ndarray) -> np.ndarray:
            return rng.random((skill.shape[0], examples)) < expit(a * (skill - b))

        arms = []
        for skill in skills:
            alive = rng.random((seeds, 1)) >= collapse
            arms.append(matrix(passed(skill + deviation * rng.normal(size=(seeds, 1))) & alive, binary=True))
        if base_skill is None:
            return Population(arms=arms, reference=arms[1], truth=rates[0] - rates[1])
        fixed = matrix(passed(np.array([[base_skill]])), binary=True, trained=False)
        return Population(arms=arms, reference=fixed, truth=rates[0] - float(base or 0.0))

    return draw


def _pair(arm: np.ndarray, control: np.ndarray, *, truth: float = 0.0, **fields: object) -> Population:
    sides = [matrix(side, **fields) for side in (arm, control)]
    return Population(arms=sides, reference=sides[1], truth=truth)
