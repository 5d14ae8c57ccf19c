"""Calibration of the decision: how often the arm that is best "with probability p" is the best one, by simulation.

Each run draws a suite: arms around a common level with a spread, right-or-wrong examples that all arms share, training
seeds with noise of their own."""

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np

from bench.stats.arrays import FloatArray
from bench.stats.conclusions.decision import Candidates, ExampleNoise, Prospect, prospects
from bench.stats.noise.moderation import SeedVariance, seed_prior
from benchmarks.simulations.data import Rng
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table

DRAWS = 500
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
"""Bins of the stated probability."""
POINTS, ENOUGH = 15, 100
"""Promised of three arms or more that have one spread in all suites: the probability is at most so many points above
the share of best arms in a bin. Bins with fewer arms than `ENOUGH` say nothing of that; one that is too low harms
nobody."""
EITHER_SIDE = 10
"""Promised where each suite's spread is a draw of the decision's own prior: the stated probability is so near."""
HARDEST = 0.3
"""By how much the rate of the easiest and hardest example differs from an arm's."""
WIDEST = 0.15
"""Spread above which the best arm is plain to see, and rates would leave the scale."""
CONFIDENT = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """spread: standard deviation of the arms' true values; `None`: another one in each suite, by the decision's prior
    (DuMouchel 1994), cut at `WIDEST`. noise: of a training seed of each arm, or its lowest and
    highest. seeds: of each arm, repeated over the arms. outlier: added to the true value of the first
    `outliers` arms."""

    name: str
    arms: int
    spread: float | None
    seeds: tuple[int, ...] = (3,)
    noise: tuple[float, float] = (0.03, 0.03)
    examples: int = 400
    outlier: float = 0.0
    outliers: int = 1


CASES = (
    Case(name="6 arms, spread 0.02", arms=6, spread=0.02),
    Case(name="6 arms, spread 0.1", arms=6, spread=0.1),
    Case(name="6 arms, spread 0.03, seed noise from 0.0075 to 0.03", arms=6, spread=0.03, noise=(0.0075, 0.03)),
    Case(name="6 arms, spread 0.03, of 2 to 5 seeds", arms=6, spread=0.03, seeds=(2, 3, 5)),
    Case(name="6 arms, spread 0.03, one 0.2 below", arms=6, spread=0.03, outlier=-0.2),
    Case(name="6 arms, spread 0.03, two 0.2 below", arms=6, spread=0.03, outlier=-0.2, outliers=2),
    Case(name="2 arms, spread 0.03", arms=2, spread=0.03),
    Case(name="20 arms, spread 0.03, 2 seeds", arms=20, spread=0.03, seeds=(2,)),
    Case(name="4 arms, spread 0.03, 2 seeds", arms=4, spread=0.03, seeds=(2,)),
    Case(name="6 arms, spread 0.02, 10 seeds", arms=6, spread=0.02, seeds=(10,)),
    Case(name="2 arms, spread from the prior", arms=2, spread=None),
    Case(name="6 arms, spread from the prior", arms=6, spread=None),
    Case(name="6 arms, 2 seeds, spread from the prior", arms=6, spread=None, seeds=(2,)),
    Case(name="20 arms, 2 seeds, spread from the prior", arms=20, spread=None, seeds=(2,)),
    Case(name="6 equal arms: each is best in a sixth of the runs", arms=6, spread=0.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arm:
    """What is measured of one arm. by_example: [examples], mean over its seeds."""

    value: float
    by_example: FloatArray
    variance: SeedVariance
    seeds: int


def suite(case: Case, rng: Rng) -> tuple[FloatArray, Candidates]:
    """True values [arms] and what is measured of them."""
    spread = _prior_spread(case, rng) if case.spread is None else case.spread
    truth = 0.5 + spread * rng.normal(size=case.arms)
    truth[: case.outliers] += case.outlier
    difficulty = rng.uniform(-HARDEST, HARDEST, case.examples)
    difficulty -= difficulty.mean()
    arms = [_arm(case, rng, index, truth[index] + difficulty) for index in range(case.arms)]
    prior = seed_prior([arm.variance for arm in arms])
    seeds = [
        (arm.variance.total, float(arm.variance.degrees)) if prior is None else prior.for_choice(arm.variance)
        for arm in arms
    ]
    one = prior is not None and prior.usable and prior.pooled
    counts = np.array([arm.seeds for arm in arms])
    by_example = np.stack([arm.by_example for arm in arms])
    influence = (by_example - by_example.mean(axis=1, keepdims=True)) / case.examples
    return truth, Candidates(
        values=np.array([arm.value for arm in arms]),
        examples=(ExampleNoise(influence=influence, degrees=case.examples - 1.0, extra=np.zeros(case.arms)),),
        seed_variance=np.array([variance for variance, _ in seeds]) / counts,
        seed_degrees=np.array([degrees for _, degrees in seeds]),
        rest=np.array([arm.variance.rest for arm in arms]) / counts,
        exchangeable=np.ones(case.arms, dtype=np.bool_),
        pooled=np.full(case.arms, one),
    )


def _prior_spread(case: Case, rng: Rng) -> float:
    """Log-logistic around the typical error of a value."""
    difficulty = HARDEST**2 / 3
    answers = 0.25 - difficulty
    error = ((case.noise[1] ** 2 + answers / case.examples) / case.seeds[0] + difficulty / case.examples) ** 0.5
    share = rng.random()
    return min(WIDEST, float(error * share / (1 - share)))


def _arm(case: Case, rng: Rng, index: int, chance: FloatArray) -> _Arm:
    seeds, noise = case.seeds[index % len(case.seeds)], rng.uniform(*case.noise)
    skill = np.clip(chance + noise * rng.normal(size=(seeds, 1)), 0.0, 1.0)
    right = (rng.random(skill.shape) < skill).astype(np.float64)
    means, by_example = right.mean(axis=1), right.mean(axis=0)
    rest = (right - means[:, None] - by_example + means.mean()).var(axis=1).sum() / (seeds - 1) / case.examples
    own = SeedVariance(total=float(means.var(ddof=1)), rest=float(rest), degrees=seeds - 1)
    return _Arm(value=float(means.mean()), by_example=by_example, variance=own, seeds=seeds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """stated, best: of every arm of every run, its probability of being best, and 1 for the best one. picks: [runs, 7],
    of the picked arm: whether its interval holds its true value; corrected, and measured, minus true value; by how much
    the best arm is better, found and stated; its probability of being best, and whether it is."""

    stated: FloatArray
    best: FloatArray
    picks: FloatArray


@cache
def simulate(case: Case, runs: int) -> Finding:
    """Many suites of one case."""
    rng = np.random.default_rng(2024)
    stated, best, picks = [], [], []
    for run in range(runs):
        truth, measured = suite(case, rng)
        table = prospects(measured, seed=run, draws=DRAWS)
        stated.append([row.best for row in table])
        best.append(_shares(truth))
        picks.append(_pick(truth, measured, table))
    return Finding(stated=np.array(stated).ravel(), best=np.array(best).ravel(), picks=np.array(picks))


def _shares(truth: FloatArray) -> FloatArray:
    """1 for the best; shared where several are."""
    first = truth >= truth.max() - 1e-12
    return first / first.sum()


def _pick(truth: FloatArray, measured: Candidates, table: tuple[Prospect, ...]) -> tuple[float, ...]:
    pick = min(range(len(table)), key=lambda k: table[k].expected_loss)
    row = table[pick]
    return (
        float(row.low <= truth[pick] <= row.high),
        row.corrected - truth[pick],
        measured.values[pick] - truth[pick],
        truth.max() - truth[pick],
        row.expected_loss,
        row.best,
        float(_shares(truth)[pick]),
    )


def calibration(case: Case) -> Measure:
    """By bin of the stated probability: its mean, the share of arms that are best, and their number."""

    def row(runs: int) -> tuple[Cell, ...]:
        found = simulate(case, runs)
        place = np.clip(np.searchsorted(EDGES, found.stated, side="right") - 1, 0, len(EDGES) - 2)
        cells = [_bin(case, found.stated[place == b], found.best[place == b]) for b in range(len(EDGES) - 1)]
        return replace(cells[0], promise=_promise(case)), *cells[1:]

    return row


def _promise(case: Case) -> str | None:
    match _most(case):
        case None:
            return None
        case (above, below) if above == below:
            return f"± {above} points"
        case (above, _):
            return f"≤ {above} points above"


def _most(case: Case) -> tuple[float, float] | None:
    """By how many points the stated probability may be above, and below, the share; `None` without a promise. Two arms
    do not show their spread, so that one spread of all suites is the prior's only by chance."""
    if case.spread is None:
        return EITHER_SIDE, EITHER_SIDE
    return None if case.spread == 0 or case.arms == 2 else (POINTS, 100)


def _bin(case: Case, stated: FloatArray, best: FloatArray) -> Note:
    if not stated.size:
        return Note(text="–")
    said, true = 100 * float(stated.mean()), 100 * float(best.mean())
    text, most = f"{said:.0f}% → {true:.1f}% ({stated.size:,})", _most(case)
    if most is None or stated.size < ENOUGH:
        return Note(text=text)
    return Note(text=text, verdict="kept" if true - most[1] <= said <= true + most[0] else "missed")


def taken(case: Case) -> Measure:
    """What happens with the arm of the least expected loss."""

    def row(runs: int) -> tuple[Cell, ...]:
        held, bias, raw, loss, stated, best, right = simulate(case, runs).picks.T
        sure = best >= CONFIDENT
        recommended: Cell = Note(text=f"{int(sure.sum())} of {runs:,} suites")
        if case.spread != 0 and sure.any():
            recommended = Share(hits=int(right[sure].sum()), runs=int(sure.sum()), promised=(95.0, 100.0))
        return (
            Share(hits=int(held.sum()), runs=runs, promised=(93.0, 100.0)),
            Note(text=f"{bias.mean():+.3f} / {raw.mean():+.3f}"),
            Note(text=f"{stated.mean():.3f} / {loss.mean():.3f}"),
            recommended,
            Note(text=f"{int(sure.sum()):,}"),
        )

    return row


TABLES = (
    Table(
        title="Probability of being best",
        about="Arms with 400 right-or-wrong examples that all share, three seeds with noise of 0.03; true values with "
        "the stated spread. Of all arms to which the decision gives a probability of being best, the share that is "
        f"best, by bins of the probability (number of arms). Promised, in bins of {ENOUGH} arms or more: at most "
        f"{POINTS} points above that share, and where the spreads are draws of the decision's prior of them, within "
        f"{EITHER_SIDE} points of it.",
        columns=tuple(f"{100 * low:.0f} to {100 * high:.0f}%" for low, high in pairwise(EDGES)),
        cases={case.name: calibration(case) for case in CASES},
    ),
    Table(
        title="The arm that is taken",
        about="The arm of the least expected loss in the same suites. *Recommended*: of the suites that give it 95% or "
        "more, those in which it is the best.",
        columns=(
            "its interval covers",
            "bias, corrected / as measured",
            "expected loss, stated / found",
            "recommended and best",
            "suites with one",
        ),
        cases={case.name: taken(case) for case in CASES},
    ),
)
