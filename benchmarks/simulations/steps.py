"""Coverage of a band over the steps of a training: how often all steps' true differences are inside at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.estimates.simultaneous import band_level
from bench.stats.samples.sample import Scores
from benchmarks.simulations.data import Rng, matrix
from benchmarks.simulations.measure import REPLICATES, SAME_RESAMPLES
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table

EXAMPLES, STEPS = 200, 8
PROMISED = (93.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectories:
    """Scores by arm and step, the base's, and the true difference at each step of the first arm."""

    arms: list[list[Scores]]
    base: Scores
    truth: np.ndarray


DrawSteps = Callable[[Rng], Trajectories]


def trainings(
    seeds: int, *, alike: float, arms: int = 1, seed: float = 0.2, rest: float = 0.5, right_or_wrong: bool = False
) -> DrawSteps:
    """Trainings whose skill rises over the steps and levels off. alike: correlation of one step's noise with the
    next's, of seeds and of seeds by examples. seed, rest: deviations of both, in those of the examples' difficulty."""
    skill = 1.0 - np.exp(-0.4 * np.arange(1, STEPS + 1))

    def noise(rng: Rng, *shape: int) -> np.ndarray:
        """[steps, *shape], each step correlated with the one before."""
        fresh = rng.normal(size=(STEPS, *shape))
        for step in range(1, STEPS):
            fresh[step] = alike * fresh[step - 1] + (1 - alike**2) ** 0.5 * fresh[step]
        return fresh

    def draw(rng: Rng) -> Trajectories:
        difficulty = rng.normal(size=EXAMPLES)

        def scores(values: np.ndarray, *, trained: bool = True) -> Scores:
            return matrix(values > 0 if right_or_wrong else values, binary=right_or_wrong, trained=trained)

        found = []
        for _ in range(arms):
            luck = seed * noise(rng, seeds, 1) + rest * noise(rng, seeds, EXAMPLES)
            found.append([scores(skill[step] + luck[step] - difficulty) for step in range(STEPS)])
        untrained = scores(rest * rng.normal(size=(1, EXAMPLES)) - difficulty, trained=False)
        truth = skill
        if right_or_wrong:
            truth = ndtr(skill / (1 + seed**2 + rest**2) ** 0.5) - 0.5
        return Trajectories(arms=found, base=untrained, truth=truth)

    return draw


def asked(draw: DrawSteps) -> Measure:
    """The band as reported, and with Bonferroni's level."""

    def row(runs: int) -> tuple[Cell, ...]:
        rng, held, strict, ratio = np.random.default_rng(2024), 0, 0, 0.0
        for run in range(runs):
            drawn = draw(rng)
            band, wide = (_inside(drawn, run // SAME_RESAMPLES, level) for level in (None, 1 - 0.05 / STEPS))
            held, strict, ratio = held + band[0], strict + wide[0], ratio + band[1] / wide[1]
        return (
            Share(hits=held, runs=runs, promised=PROMISED),
            Share(hits=strict, runs=runs),
            Note(text=f"× {ratio / runs:.2f}"),
        )

    return row


def _inside(drawn: Trajectories, seed: int, level: float | None) -> tuple[bool, float]:
    """Whether all steps are inside, and the mean width. level: of each interval; `None`: that of the report's band."""
    steps = drawn.arms[0]
    level = band_level(steps, drawn.base, seed=seed) if level is None else level
    priors = [seed_prior_of(turn) for turn in zip(*drawn.arms, strict=True)]
    deltas = [
        paired_delta(scores, drawn.base, seed=seed, replicates=REPLICATES, level=level, prior=prior)
        for scores, prior in zip(steps, priors, strict=True)
    ]
    ends = [(delta.low, delta.high) for delta in deltas if delta.low is not None and delta.high is not None]
    inside = [low <= truth <= high for (low, high), truth in zip(ends, drawn.truth, strict=True)]
    return all(inside), float(np.mean([high - low for low, high in ends]))


def cases() -> dict[str, Measure]:
    """By name."""
    found = {
        "one seed, without seed noise": asked(trainings(1, alike=0.9, seed=0.0)),
        "one seed, without seed noise, right or wrong": asked(trainings(1, alike=0.9, seed=0.0, right_or_wrong=True)),
    }
    for seeds in (2, 3, 5):
        found[f"{seeds} seeds"] = asked(trainings(seeds, alike=0.9))
        found[f"{seeds} seeds, right or wrong"] = asked(trainings(seeds, alike=0.9, right_or_wrong=True))
    return found | {
        "3 seeds, steps whose noise is independent": asked(trainings(3, alike=0.0)),
        "3 seeds, much seed noise": asked(trainings(3, alike=0.9, seed=0.6)),
        "3 seeds, 6 alike arms": asked(trainings(3, alike=0.9, arms=6)),
    }


TABLE = Table(
    title="Bands over the steps of a training",
    about=f"{STEPS} steps on {EXAMPLES} examples, the difference from the base at each: the share of runs in which all "
    "intervals hold their truth at once. Skill rises and levels off; the noise of seeds (0.2 of the examples' "
    "deviation) and of seeds by examples (0.5) is correlated by 0.9 from one step to the next. Beside it the same with "
    "Bonferroni's level, and the mean width against that.",
    columns=("all steps inside", "Bonferroni", "width"),
    cases=cases(),
)
