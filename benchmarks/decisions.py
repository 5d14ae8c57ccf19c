"""Calibration of the decision: how often the arm that is best "with probability p" is the best one, by simulation.

Run from the repository root: `python -m benchmarks.decisions [RUNS [PART-OF-A-NAME]]`. Each run draws a suite: arms
around a common level with a spread, right-or-wrong examples that all arms share, training seeds with noise of their
own."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from bench.stats.conclusions.decision import Candidates, ExampleNoise, Prospect, prospects
from bench.stats.curves.distributions import FloatArray
from bench.stats.noise.moderation import SeedVariance, seed_prior

RUNS = 2_000
DRAWS = 500
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
"""Bins of the stated probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """spread: standard deviation of the arms' true values. noise: of a training seed. seeds: of each arm."""

    name: str
    arms: int
    spread: float
    seeds: int = 3
    noise: float = 0.03
    examples: int = 400
    uneven: bool = False
    """Whether the arms' seed noise differs, by a factor of up to four."""


CASES = (
    Case(name="6 arms, equal", arms=6, spread=0.0),
    Case(name="6 arms, spread as the noise", arms=6, spread=0.02),
    Case(name="6 arms, wide apart", arms=6, spread=0.1),
    Case(name="6 arms, uneven seed noise", arms=6, spread=0.03, uneven=True),
    Case(name="2 arms", arms=2, spread=0.03),
    Case(name="20 arms, 2 seeds", arms=20, spread=0.03, seeds=2),
    Case(name="6 arms, 10 seeds", arms=6, spread=0.02, seeds=10),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """covered: share of intervals of the picked arm that hold its true value. bias, raw_bias: mean of corrected and of
    measured minus true value of the picked arm. loss, stated_loss: by how much the best arm was better, found and
    announced. decided, right: runs with a pick at 95%, and the share of these in which it was the best."""

    bins: tuple[tuple[int, float, float], ...]
    """Candidates, mean stated probability and share of the best ones, for each bin."""
    covered: float
    bias: float
    raw_bias: float
    loss: float
    stated_loss: float
    decided: int
    right: float


def suite(case: Case, generator: np.random.Generator) -> tuple[FloatArray, Candidates]:
    """True values [arms] and what is measured of them."""
    truth = 0.5 + case.spread * generator.normal(size=case.arms)
    noise = case.noise * (generator.uniform(0.25, 1.0, case.arms) if case.uneven else np.ones(case.arms))
    skill = truth[:, None] + noise[:, None] * generator.normal(size=(case.arms, case.seeds))
    difficulty = generator.uniform(-0.3, 0.3, case.examples)
    difficulty -= difficulty.mean()
    chance = np.clip(skill[:, :, None] + difficulty, 0.0, 1.0)
    right = (generator.random(chance.shape) < chance).astype(np.float64)
    means = right.mean(axis=2)
    by_example = right.mean(axis=1)
    influence = (by_example - by_example.mean(axis=1, keepdims=True)) / case.examples
    rest = (
        (right - means[:, :, None] - by_example[:, None, :] + means.mean(axis=1)[:, None, None]).var(axis=2).sum(axis=1)
    )
    variances = [
        SeedVariance(total=float(total), rest=float(part) / (case.seeds - 1) / case.examples, degrees=case.seeds - 1)
        for total, part in zip(means.var(axis=1, ddof=1), rest, strict=True)
    ]
    prior = seed_prior(variances)
    usable = prior is not None and prior.usable
    seeds = [prior.moderated(own) if prior and usable else (own.total, float(own.degrees)) for own in variances]
    return truth, Candidates(
        values=means.mean(axis=1),
        examples=(ExampleNoise(influence=influence, degrees=case.examples - 1.0, extra=np.zeros(case.arms)),),
        seed_variance=np.array([variance for variance, _ in seeds]) / case.seeds,
        seed_degrees=np.array([degrees for _, degrees in seeds]),
        rest=rest / (case.seeds - 1) / case.examples / case.seeds,
        exchangeable=np.ones(case.arms, dtype=np.bool_),
    )


def simulate(case: Case, runs: int) -> Finding:
    """Many suites of one case."""
    generator = np.random.default_rng(2024)
    stated, best, picks = [], [], []
    for run in range(runs):
        truth, measured = suite(case, generator)
        table = prospects(measured, seed=run, draws=DRAWS)
        stated.append([row.best for row in table])
        best.append(_shares(truth))
        picks.append(_pick(truth, measured, table))
    p, q = np.array(stated).ravel(), np.array(best).ravel()
    where = np.clip(np.searchsorted(EDGES, p, side="right") - 1, 0, len(EDGES) - 2)
    bins = [(int((where == b).sum()), p[where == b], q[where == b]) for b in range(len(EDGES) - 1)]
    covered, bias, raw, loss, stated_loss, sure, right = np.array(picks).T
    decided = sure > 0
    return Finding(
        bins=tuple((n, float(a.mean()), float(b.mean())) for n, a, b in bins if n),
        covered=100 * float(covered.mean()),
        bias=float(bias.mean()),
        raw_bias=float(raw.mean()),
        loss=float(loss.mean()),
        stated_loss=float(stated_loss.mean()),
        decided=int(decided.sum()),
        right=100 * float(right[decided].mean()) if decided.any() else float("nan"),
    )


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
        float(row.best >= 0.95),
        float(_shares(truth)[pick]),
    )


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    began = time.monotonic()
    for case in (case for case in CASES if part in case.name):
        found = simulate(case, runs)
        print(
            f"{case.name}: " + "; ".join(f"{100 * said:.0f}% → {100 * true:.1f}% ({n})" for n, said, true in found.bins)
        )
        print(
            f"  covered {found.covered:.1f}%; bias {found.bias:+.4f}, uncorrected {found.raw_bias:+.4f}; "
            f"loss {found.loss:.4f}, stated {found.stated_loss:.4f}; "
            f"decided {found.decided}, right {found.right:.1f}%"
        )
    print(f"\n{runs:,} runs each; {time.monotonic() - began:,.0f} s")


if __name__ == "__main__":
    main()
