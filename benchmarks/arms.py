"""Coverage, false positives and power where several arms of one eval say together how noisy their seeds are.

Run from the repository root: `python -m benchmarks.arms [RUNS [PART-OF-A-NAME]]`. The tests run some cases with fewer
runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.samples.sample import Scores
from benchmarks.coverage import matrix

RUNS = 2_000
Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """All arms of one eval; the first is compared with the reference. truth: the expected difference."""

    arms: Sequence[Scores]
    reference: Scores
    truth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmsCase:
    """low, high: the promised coverage in percent, or `None` where nothing is promised."""

    name: str
    draw: Callable[[Rng], Population]
    promise: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Percent of runs, with the arms' seeds moderated and with each arm's own: coverage; p-values of at most 5% and
    0.5%; the mean width of the interval."""

    coverage: float
    at_5: float
    at_half: float
    width: float


def measure(case: ArmsCase, runs: int, *, moderated: bool) -> Measured:
    """Student's t for the examples' noise of scores that are no rates: seeds are the subject here."""
    generator = np.random.default_rng(2025)
    covered, p_values, widths = [], [], []
    for run in range(runs):
        people = case.draw(generator)
        prior = seed_prior_of(people.arms) if moderated else None
        delta = paired_delta(people.arms[0], people.reference, seed=run, replicates=1, prior=prior)
        low, high, p = decided(delta)
        covered.append(low <= people.truth <= high)
        p_values.append(p)
        widths.append(high - low)
    p_array = np.array(p_values)
    return Measured(
        coverage=100 * float(np.mean(covered)),
        at_5=100 * float(np.mean(p_array <= 0.05)),
        at_half=100 * float(np.mean(p_array <= 0.005)),
        width=float(np.mean(widths)),
    )


def decided(delta: Delta) -> tuple[float, float, float]:
    """The interval and the p-value, which every difference of a simulation has."""
    assert delta.low is not None
    assert delta.high is not None
    assert delta.p_value is not None
    return delta.low, delta.high, delta.p_value


def scores_of(
    deviations: Sequence[float], *, seeds: int, effect: float = 0.0, rest: float = 0.5, against_base: bool = False
) -> Callable[[Rng], Population]:
    """Scores on 200 examples; deviations: of the seeds of each arm. The last arm is the control."""

    def draw(rng: Rng) -> Population:
        example = rng.normal(size=200)
        arms = [
            matrix(shift + example + s * rng.normal(size=(seeds, 1)) + rest * rng.normal(size=(seeds, 200)))
            for s, shift in zip(deviations, [effect, *[0.0] * (len(deviations) - 1)], strict=True)
        ]
        base = matrix(example + rest * rng.normal(size=200), trained=False)
        return Population(arms=arms, reference=base if against_base else arms[-1], truth=effect)

    return draw


def items(
    rates: Sequence[float],
    *,
    seeds: int,
    deviation: float,
    examples: int = 200,
    collapse: float = 0.0,
    base: float | None = None,
) -> Callable[[Rng], Population]:
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

    skills = [skill_of(rate, 1.0) for rate in rates]
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


def cases() -> list[ArmsCase]:
    """Every promise about arms whose seeds are asked together, and what is not promised."""
    good = (93.0, 98.0)
    found = [
        ArmsCase(name=f"{arms} alike arms, {seeds} seeds, {against}", draw=draw, promise=good)
        for arms, seeds in ((3, 3), (6, 2), (6, 3), (6, 5))
        for against, draw in (
            ("control", scores_of([0.3] * arms, seeds=seeds)),
            ("base", scores_of([0.3] * arms, seeds=seeds, against_base=True)),
        )
    ]
    found += [
        ArmsCase(
            name="6 alike arms, no seed noise, 3 seeds, control", draw=scores_of([0.0] * 6, seeds=3), promise=good
        ),
        ArmsCase(name="power: 6 alike arms, 3 seeds", draw=scores_of([0.3] * 6, seeds=3, effect=0.97), promise=good),
        ArmsCase(name="power: 6 alike arms, 2 seeds", draw=scores_of([0.3] * 6, seeds=2, effect=1.07), promise=good),
    ]
    for times in (2, 3, 6):
        noisy = [0.3 * times, *[0.3] * 5]
        found += [
            ArmsCase(name=f"an arm with {times} times the noise, 3 seeds, base",
                     draw=scores_of(noisy, seeds=3, against_base=True), promise=None),
            ArmsCase(name=f"a quiet arm beside one with {times} times the noise, 3 seeds, control",
                     draw=scores_of([0.3] * 5 + [0.3 * times], seeds=3), promise=None),
        ]  # fmt: skip
    found.append(
        ArmsCase(name="half of the arms with 3 times the noise, 3 seeds, a noisy one against a quiet one",
                 draw=scores_of([0.9, 0.9, 0.9, 0.3, 0.3, 0.3], seeds=3), promise=None)
    )  # fmt: skip
    for rate in (0.01, 0.05, 0.5, 0.99):
        found += [
            ArmsCase(name=f"items, {rate:.0%} right, {seeds} seeds, control",
                     draw=items([rate] * 6, seeds=seeds, deviation=0.4), promise=good)
            for seeds in (2, 3)
        ]  # fmt: skip
    found += [
        ArmsCase(name="items, 30% and 20% right, 3 seeds", draw=items([0.3, *[0.2] * 5], seeds=3, deviation=0.3),
                 promise=good),
        ArmsCase(name="items, 1% right against a base of 0.2%, 576 examples, 3 seeds",
                 draw=items([0.01] * 6, seeds=3, deviation=0.4, examples=576, base=0.002), promise=good),
        ArmsCase(name="power: items, 20% right against a base of 0.2%, 576 examples, 3 noisy seeds",
                 draw=items([0.2] * 2, seeds=3, deviation=0.8, examples=576, base=0.002), promise=good),
        ArmsCase(name="items, 50% right, one training in ten collapses, 3 seeds",
                 draw=items([0.45] * 6, seeds=3, deviation=0.3, collapse=0.1), promise=None),
    ]  # fmt: skip
    return found


def main() -> None:
    """Prints a Markdown table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    print("| case | promised | coverage | p ≤ 5% | p ≤ 0.5% | width | own seeds alone |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    start = time.process_time()
    for case in (case for case in cases() if part in case.name):
        both, own = measure(case, runs, moderated=True), measure(case, max(1, runs // 4), moderated=False)
        promise = "none" if case.promise is None else f"{case.promise[0]:g} to {case.promise[1]:g}%"
        alone = f"{own.coverage:.1f}%, {own.at_5:.1f}%, {own.at_half:.1f}%"
        print(
            f"| {case.name} | {promise} | {both.coverage:.1f}% | {both.at_5:.1f}% | {both.at_half:.1f}% | "
            f"{both.width / own.width:.2f} | {alone} |",
            flush=True,
        )
    seconds = time.process_time() - start
    print(f"\n{runs:,} runs each, a quarter of them with own seeds; {seconds:,.0f} s of processor time")


if __name__ == "__main__":
    main()
