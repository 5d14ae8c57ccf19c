"""Fresh data of simulations, one seed of each side: scores that are continuous, graded or right or wrong, alone, in
clusters, weighted and in tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.stats.samples.sample import Scores

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """All arms of one eval; the first is compared with the reference. truth: the expected difference."""

    arms: Sequence[Scores]
    reference: Scores
    truth: float = 0.0


Draw = Callable[[Rng], Population]


def matrix(values: np.ndarray, **fields: object) -> Scores:
    """Scores without gaps and weights, from [seeds, examples] or [examples]."""
    rows = np.atleast_2d(np.asarray(values, dtype=float))
    return Scores(values=rows, present=np.ones(rows.shape, bool), weights=np.ones(rows.shape[1]), **fields)  # type: ignore[arg-type]


def against_base(arm: np.ndarray, base: np.ndarray, *, truth: float = 0.0, **fields: object) -> Population:
    """One arm and the base, with the same clusters, tasks and kind of scores."""
    return Population(arms=[matrix(arm, **fields)], reference=matrix(base, trained=False, **fields), truth=truth)


def continuous(examples: int, kind: str) -> Draw:
    """Independent examples."""

    def draw(rng: Rng) -> Population:
        base = rng.normal(2, 1, examples)
        noise = {
            "normal": lambda: rng.normal(size=examples),
            "skewed": lambda: rng.exponential(size=examples) - 1,
            "heavy": lambda: rng.standard_t(4, size=examples),
        }[kind]()
        return against_base(base + noise, base)

    return draw


def clustered(clusters: int, size: int, uneven: bool) -> Draw:
    """Half of the variance is shared within a cluster."""

    def draw(rng: Rng) -> Population:
        sizes = rng.integers(1, 2 * size, clusters) if uneven else np.full(clusters, size)
        label = np.repeat(np.arange(clusters), sizes)
        return against_base(half_shared(rng, label), np.zeros(label.size), clusters=label)

    return draw


def unequal(clusters: int, spread: float, weights: float = 0.0) -> Draw:
    """Cluster sizes, and weights of the examples, from log-normal distributions with these deviations."""

    def draw(rng: Rng) -> Population:
        sizes = np.maximum(1, np.round(np.exp(rng.normal(1.5, spread, clusters)))).astype(int)
        label = np.repeat(np.arange(clusters), sizes)
        people = against_base(half_shared(rng, label), np.zeros(label.size), clusters=label)
        return _weighted(people, np.exp(rng.normal(0, weights, label.size)))

    return draw


def half_shared(rng: Rng, label: np.ndarray) -> np.ndarray:
    """Standard normal values, half of whose variance is that of their cluster."""
    return (rng.normal(size=int(label.max()) + 1)[label] + rng.normal(size=label.size)) * 0.5**0.5


def binary(examples: int, gain: float, loss: float, clusters: int) -> Draw:
    """Right or wrong; an example takes its cluster's luck half of the time."""

    def draw(rng: Rng) -> Population:
        label = np.arange(examples) % clusters
        shared = rng.random(examples) < 0.5
        luck = np.where(shared, rng.random(clusters)[label], rng.random(examples))
        agree = rng.random(examples) < 0.5
        base = np.where(luck < gain, 0, np.where(luck < gain + loss, 1, agree))
        arm = np.where(luck < gain, 1, np.where(luck < gain + loss, 0, agree))
        return against_base(arm, base, truth=gain - loss, binary=True, clusters=label)

    return draw


def ordinal(examples: int) -> Draw:
    """Grades from 1 to 5; about two in five agree."""

    def draw(rng: Rng) -> Population:
        shared = rng.normal(3, 0.7, examples)
        arm, base = (np.clip(np.round(shared + rng.normal(0, 0.7, examples)), 1, 5) for _ in range(2))
        return against_base(arm, base, bounds=(1.0, 5.0))

    return draw


def judged(examples: int) -> Draw:
    """Wins, ties and losses of a judge against answers whose rate is one half by definition."""

    def draw(rng: Rng) -> Population:
        arm = rng.choice([0.0, 0.5, 1.0], size=examples, p=[0.2, 0.5, 0.3])
        tie = matrix(np.full(examples, 0.5), bounds=(0.0, 1.0), trained=False, defined=0.5)
        return Population(arms=[matrix(arm, bounds=(0.0, 1.0))], reference=tie, truth=0.05)

    return draw


def tied(examples: int, share: float) -> Draw:
    """A share of the examples comes out the same to the last digit, the others differ by normal noise."""

    def draw(rng: Rng) -> Population:
        differs = rng.random(examples) >= share
        return against_base(differs * rng.normal(size=examples), np.zeros(examples))

    return draw


def weighted(examples: int) -> Draw:
    """A loss per token: long examples weigh more, and their means are less noisy."""

    def draw(rng: Rng) -> Population:
        weights = np.ceil(np.exp(rng.normal(3, 0.7, examples)))
        return _weighted(against_base(rng.normal(size=examples) / weights**0.25, np.zeros(examples)), weights)

    return draw


def few_gains(examples: int, differ: int) -> Draw:
    """A few examples differ, all for the better, by exponential amounts; the others not at all."""

    def draw(rng: Rng) -> Population:
        gained = rng.random(examples) < differ / examples
        values = gained * rng.exponential(size=examples)
        return against_base(values, np.zeros(examples), truth=differ / examples)

    return draw


def two_tasks(fewer: int, more: int) -> Draw:
    """Tasks of unequal size, averaged with equal weight; the small one is the noisier."""

    def draw(rng: Rng) -> Population:
        task = np.repeat([0, 1], [fewer, more])
        arm = rng.normal(size=task.size) * np.where(task == 0, 2.0, 1.0)
        return against_base(arm, np.zeros(task.size), strata=task)

    return draw


def _weighted(people: Population, weights: np.ndarray) -> Population:
    arms = [replace(arm, weights=weights) for arm in people.arms]
    return replace(people, arms=arms, reference=replace(people.reference, weights=weights))
