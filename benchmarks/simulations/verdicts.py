"""How often a claim is supported though the truth is on its threshold, and a mark set where nothing differs.

At most 5% is promised; with two-sided intervals at 95% it is 2.5% for one claim, and 5% for a whole family."""

from collections.abc import Callable
from functools import partial

import numpy as np

from bench.stats.conclusions.claim_types import ALPHA, ClaimQuestion, ClaimRelation
from bench.stats.conclusions.claims import decide, decide_family
from bench.stats.conclusions.multiplicity import holm
from bench.stats.estimates.costs.efficiency import efficiency_ratio
from bench.stats.estimates.costs.ratio import Ratio, cost_ratio
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.samples.sample import Scores
from benchmarks.simulations.data import Draw, Population, Rng, matrix
from benchmarks.simulations.table import Cell, Measure, Share, Table
from benchmarks.simulations.trained import items, scores_of, seeded

REPLICATES = 200
AT_MOST = (0.0, 5.0)


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
    people = seeded(seeds, seeds, 1.0, 0.1, 0.5, effect=effect)(rng)
    seed = int(rng.integers(1 << 30))
    return paired_delta(people.arms[0], people.reference, seed=seed, replicates=REPLICATES)


def per_second(rng: Rng, ratio: float) -> Ratio:
    """Right answers per second, three seeds on each side."""
    difficulty = rng.normal(size=200)

    def side(cost: float) -> tuple[Scores, list[float]]:
        skill = 0.1 * rng.normal(size=(3, 1)) + 0.5 * rng.normal(size=(3, 200))
        return matrix(skill > difficulty, binary=True), (cost * np.exp(0.05 * rng.normal(size=3))).tolist()

    seed = int(rng.integers(1 << 30))
    return efficiency_ratio(side(1.0 / ratio), side(1.0), counted=False, seed=seed, replicates=REPLICATES)


Compare = Callable[[Rng], Delta | Ratio]


def on_threshold(relation: ClaimRelation, margin: float, compare: Compare, *, higher: bool = True) -> Measure:
    """Share of claims that are supported."""

    def row(runs: int) -> tuple[Cell, ...]:
        rng = np.random.default_rng(3)
        supported = 0
        for _ in range(runs):
            found = decide(relation, compare(rng), margin=margin, higher_is_better=higher, plan=False)
            supported += found.outcome == "supported"
        return (Share(hits=supported, runs=runs, promised=AT_MOST),)

    return row


def claims() -> dict[str, Measure]:
    """One claim, with the truth on its threshold."""
    found: dict[str, Measure] = {}
    cost: tuple[tuple[ClaimRelation, float], ...] = ((">=", 1.1), (">", 1 / 1.1), ("==", 1.1))
    score: tuple[tuple[ClaimRelation, float, float], ...] = ((">=", 0.1, -0.1), ("==", 0.3, 0.3), (">", 0.0, 0.0))
    for seeds in (3, 5):
        for relation, ratio in cost:
            found[f"cost {relation}, margin 10%, {seeds} seeds"] = on_threshold(
                relation, 0.1, partial(costs, seeds=seeds, ratio=ratio), higher=False
            )
        for relation, margin, effect in score:
            found[f"score {relation}, margin {margin:g}, {seeds} seeds against the control's"] = on_threshold(
                relation, margin, partial(with_seeds, seeds=seeds, effect=effect)
            )
    flips: tuple[tuple[ClaimRelation, float, float, float], ...] = (
        (">=", 0.05, 0.10, 0.15), ("==", 0.1, 0.2, 0.1), (">", 0.0, 0.1, 0.1),
    )  # fmt: skip
    for examples in (50, 200):
        for relation, margin, gain, loss in flips:
            found[f"right or wrong {relation}, margin {margin:g}, n = {examples}, one seed"] = on_threshold(
                relation, margin, partial(right_or_wrong, examples=examples, gain=gain, loss=loss)
            )
    per: tuple[tuple[ClaimRelation, float, float], ...] = ((">=", 0.1, 1 / 1.1), (">", 0.1, 1.1), ("==", 0.2, 1.2))
    for relation, margin, ratio in per:
        found[f"right answers per second {relation}, margin {margin:.0%}, 3 seeds"] = on_threshold(
            relation, margin, partial(per_second, ratio=ratio)
        )
    return found


def suite(people: Population, seed: int) -> list[Delta]:
    """Ten contrasts of six arms that share a base and two controls."""
    arms, prior = people.arms, seed_prior_of(people.arms)
    pairs = [(arm, people.reference) for arm in arms] + [(arms[i], arms[i % 2]) for i in range(2, 6)]
    return [paired_delta(*pair, seed=seed, replicates=REPLICATES, prior=prior) for pair in pairs]


def family(draw: Draw) -> Measure:
    """Suites with a false mark after Holm, and with a false claim of superiority."""

    def row(runs: int) -> tuple[Cell, ...]:
        rng = np.random.default_rng(3)
        marked = supported = 0
        for run in range(runs):
            contrasts = suite(draw(rng), run)
            marked += any(p is not None and p <= ALPHA for p in holm([delta.p_value for delta in contrasts]))
            verdicts = decide_family([ClaimQuestion(relation=">", comparison=delta) for delta in contrasts], plan=False)
            supported += any(verdict.outcome == "supported" for verdict in verdicts)
        return tuple(Share(hits=hits, runs=runs, promised=AT_MOST) for hits in (marked, supported))

    return row


TABLES = (
    Table(
        title="Claims on their threshold",
        about="Share of claims that are supported although the truth is exactly on the threshold; 5% is promised, 2.5% "
        "is meant. Two arms, each with its own seeds.",
        columns=("supported",),
        cases=claims(),
    ),
    Table(
        title="Suites of ten contrasts",
        about="Six arms that do not differ, their seeds' noise moderated: ten contrasts with the base and two "
        "controls.",
        columns=("any better or worse", "any claim of superiority"),
        cases={
            "scores, 3 seeds": family(scores_of([0.1] * 6, seeds=3, rest=0.7, base=True)),
            "right or wrong, half right, 3 seeds": family(items([0.5] * 6, seeds=3, deviation=0.2, base=0.5)),
            "right or wrong, half right, 2 seeds": family(items([0.5] * 6, seeds=2, deviation=0.2, base=0.5)),
            "right or wrong, 5% right, 3 seeds": family(items([0.05] * 6, seeds=3, deviation=0.2, base=0.05)),
        },
    ),
)
