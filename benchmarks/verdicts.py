"""How often a claim is supported though the truth stands on its threshold, and a mark set where nothing differs.

Run from the repository root: `python -m benchmarks.verdicts [RUNS [PART-OF-A-NAME]]`. At most 5% is promised; with
two-sided intervals at 95% it is 2.5% for one claim, and 5% for a whole family.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np

from bench.stats.conclusions.claim_types import ClaimQuestion
from bench.stats.conclusions.claims import ClaimRelation, decide, decide_family
from bench.stats.conclusions.multiplicity import holm
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.efficiency import efficiency_ratio
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.ratio import Ratio, cost_ratio
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.samples.sample import Scores
from benchmarks.arms import items
from benchmarks.coverage import matrix, seeded

RUNS, REPLICATES, PERCENT = 2_000, 200, 100
Rng = np.random.Generator


def costs(rng: Rng, seeds: int, ratio: float) -> Ratio:
    """Measured costs with 3% of noise."""
    arm, reference = (scale * np.exp(0.03 * rng.normal(size=seeds)) for scale in (ratio, 1.0))
    return cost_ratio(arm.tolist(), reference.tolist())


def right_or_wrong(rng: Rng, examples: int, gain: float, loss: float) -> Delta:
    """One seed, independent examples; four in ten are right on both sides."""
    luck = rng.random(examples)
    both = (luck >= gain + loss) & (luck < gain + loss + 0.4)
    arm, base = (luck < gain) | both, ((luck >= gain) & (luck < gain + loss)) | both
    return paired_delta(matrix(arm, binary=True), matrix(base, binary=True, trained=False), seed=0)


def with_seeds(rng: Rng, seeds: int, effect: float) -> Delta:
    """Arm and control, noise of examples and of seeds."""
    arm, control, _ = seeded(seeds, seeds, 1.0, 0.1, 0.5, effect=effect)(rng)
    return paired_delta(arm, control, seed=int(rng.integers(1 << 30)), replicates=REPLICATES)


def per_second(rng: Rng, ratio: float) -> Ratio:
    """Right answers per second, three seeds on each side."""
    difficulty = rng.normal(size=200)

    def side(cost: float) -> tuple[Scores, list[float]]:
        skill = 0.1 * rng.normal(size=(3, 1)) + 0.5 * rng.normal(size=(3, 200))
        return matrix(skill > difficulty, binary=True), (cost * np.exp(0.05 * rng.normal(size=3))).tolist()

    seed = int(rng.integers(1 << 30))
    return efficiency_ratio(side(1.0 / ratio), side(1.0), counted=False, seed=seed, replicates=REPLICATES)


def family(rng: Rng) -> list[Delta]:
    """Ten contrasts of six arms that share a base and two controls; nothing differs."""
    base = rng.normal(size=200)
    arms = [matrix(base + 0.1 * rng.normal(size=(3, 1)) + 0.7 * rng.normal(size=(3, 200))) for _ in range(6)]
    prior, seed = seed_prior_of(arms), int(rng.integers(1 << 30))
    pairs = [(arm, matrix(base, trained=False)) for arm in arms] + [(arms[i], arms[i % 2]) for i in range(2, 6)]
    return [paired_delta(*pair, seed=seed, replicates=REPLICATES, prior=prior) for pair in pairs]


def family_of_rates(rng: Rng) -> list[Delta]:
    """The same of right-or-wrong answers: six arms that are right half of the time."""
    population = _ALIKE(rng)
    prior, base = seed_prior_of(population.arms), population.reference
    arms = population.arms
    pairs = [(arm, base) for arm in arms] + [(arms[i], arms[i % 2]) for i in range(2, 6)]
    return [paired_delta(*pair, seed=0, replicates=1, prior=prior) for pair in pairs]


_ALIKE = items([0.5] * 6, seeds=3, deviation=0.2, base=0.5)


Compare = Callable[[Rng], Delta | Ratio]


def claims() -> Iterator[tuple[str, ClaimRelation, float, bool, Compare]]:
    """Name, relation, margin, whether higher is better, comparison on the threshold."""
    for seeds in (3, 5):
        for relation, ratio in ((">=", 1.1), (">", 1 / 1.1), ("==", 1.1)):
            name = f"cost {relation}, margin 10%, {seeds} seeds"
            yield name, relation, 0.1, False, lambda rng, s=seeds, r=ratio: costs(rng, s, r)
    for n in (50, 200):
        for relation, margin, gain, loss in ((">=", 0.05, 0.10, 0.15), ("==", 0.1, 0.2, 0.1), (">", 0.0, 0.1, 0.1)):
            name = f"right or wrong {relation}, margin {margin:g}, n = {n}, one seed"
            yield name, relation, margin, True, lambda rng, n=n, g=gain, x=loss: right_or_wrong(rng, n, g, x)
    for seeds in (3, 5):
        for relation, margin, effect in ((">=", 0.1, -0.1), ("==", 0.3, 0.3), (">", 0.0, 0.0)):
            name = f"score {relation}, margin {margin:g}, {seeds} seeds against the control's"
            yield name, relation, margin, True, lambda rng, s=seeds, e=effect: with_seeds(rng, s, e)
    for relation, margin, ratio in ((">=", 0.1, 1 / 1.1), (">", 0.1, 1.1), ("==", 0.2, 1.2)):
        name = f"right answers per second {relation}, margin {margin:.0%}, 3 seeds"
        yield name, relation, margin, True, lambda rng, r=ratio: per_second(rng, r)


def main() -> None:
    """Prints a Markdown table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    rng = np.random.default_rng(3)
    print("| claim, the truth on its threshold | supported |\n| --- | ---: |", flush=True)
    for name, relation, margin, higher, compare in (row for row in claims() if part in row[0]):
        outcomes = [
            decide(relation, compare(rng), margin=margin, higher_is_better=higher, plan=False).outcome
            for _ in range(runs)
        ]
        print(f"| {name} | {PERCENT * outcomes.count('supported') / len(outcomes):.1f}% |", flush=True)
    for what, draw in (("family of scores", family), ("family of rates", family_of_rates)):
        if part not in what:
            continue
        marked, supported = families(draw, rng, runs // 2)
        print(f"| any ▲ or ▼ among ten contrasts of six equal arms, {what} | {marked:.1f}% |", flush=True)
        print(f"| any of ten such claims, >, {what} | {supported:.1f}% |", flush=True)


def families(draw: Callable[[Rng], list[Delta]], rng: Rng, suites: int) -> tuple[float, float]:
    """Percent of suites with a false mark after Holm, and with a false claim of superiority."""
    marked = supported = 0
    for _ in range(suites):
        contrasts = draw(rng)
        marked += any(p is not None and p <= 0.05 for p in holm([delta.p_value for delta in contrasts]))
        verdicts = decide_family([ClaimQuestion(relation=">", comparison=delta) for delta in contrasts], plan=False)
        supported += any(verdict.outcome == "supported" for verdict in verdicts)
    return PERCENT * marked / suites, PERCENT * supported / suites


if __name__ == "__main__":
    main()
