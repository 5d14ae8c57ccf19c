"""Coverage where the two seeds of an arm agree by chance, and the eval's arms are too few to moderate their noise."""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.simulations.data import Draw, Population, Rng
from benchmarks.simulations.measure import SAME_RESAMPLES, compare
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table
from benchmarks.simulations.trained import items, scores_of

AGREE = 10
"""One run in so many counts as one whose seeds agree: those of the smallest variance of the compared arms' seeds."""
LEAST, LEAST_AGREEING, MOST = (93.0, 100.0), (85.0, 100.0), (0.0, 7.0)
"""Promised: coverage in percent of all runs, and of those whose seeds agree; p-values of at most 5%."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """Of each run. spread: variance of the compared arms' seeds. held: whether the interval holds the truth. width:
    of it. p_values: of no difference."""

    spread: np.ndarray
    held: np.ndarray
    width: np.ndarray
    p_values: np.ndarray


def found(draw: Draw, runs: int, *, together: bool) -> _Found:
    """together: with what all arms say of their seeds."""
    rng = np.random.default_rng(2024)
    rows = []
    for run in range(runs):
        people = draw(rng)
        delta = compare(people, run // SAME_RESAMPLES, moderated=together)
        assert delta.low is not None
        assert delta.high is not None
        held = delta.low <= people.truth <= delta.high
        rows.append((_spread(people), held, delta.high - delta.low, delta.p_value))
    spread, held, width, p_values = np.array(rows, dtype=float).T
    return _Found(spread=spread, held=held, width=width, p_values=p_values)


def _spread(people: Population) -> float:
    sides = [side for side in (people.arms[0], people.reference) if side.trained]
    return float(sum(side.values.mean(axis=1).var() for side in sides))


def agreeing(draw: Draw, *, promised: bool = True, null: bool = True) -> Measure:
    """null: nothing differs; else the share of p-values is power."""

    def row(runs: int) -> tuple[Cell, ...]:
        ours, own = (found(draw, runs, together=together) for together in (True, False))
        agree = ours.spread <= np.sort(ours.spread)[max(1, runs // AGREE) - 1]
        alone = (own.held.mean(), own.held[agree].mean(), (own.p_values <= 0.05).mean())
        return (
            Share(hits=int(ours.held.sum()), runs=runs, promised=LEAST if promised else None),
            _agreeing(ours.held[agree], promised=promised),
            Share(hits=int((ours.p_values <= 0.05).sum()), runs=runs, promised=MOST if promised and null else None),
            Note(text=f"× {np.median(ours.width / own.width):.2f}, × {np.median((ours.width / own.width)[agree]):.1f}"),
            Note(text=", ".join(f"{share:.1%}" for share in alone)),
        )

    return row


def _agreeing(held: np.ndarray, *, promised: bool) -> Share:
    return Share(hits=int(held.sum()), runs=held.size, promised=LEAST_AGREEING if promised else None)


def with_draws(draw: Draw) -> Draw:
    """The first arm learned from another subset with each seed, so that it says nothing of the others."""

    def drawn(rng: Rng) -> Population:
        people = draw(rng)
        first = replace(people.arms[0], draws=np.arange(people.arms[0].values.shape[0]))
        return replace(people, arms=[first, *people.arms[1:]])

    return drawn


def alike() -> dict[str, Measure]:
    """Arms of equal noise."""
    rows = {}
    for arms in (2, 3, 4, 5):
        for against in ("base", "control"):
            draw = scores_of([0.3] * arms, seeds=2, base=against == "base")
            rows[f"{arms} arms, {against}"] = agreeing(draw, promised=arms > 2)
    draws = with_draws(scores_of([0.3] * 5, seeds=2, base=True))
    return rows | {
        "4 arms and one with another draw of each seed, which is compared with the base": agreeing(draws),
        "4 arms, half right, base": agreeing(items([0.5] * 4, seeds=2, deviation=0.4, base=0.5)),
        "4 arms, half right, control": agreeing(items([0.5] * 4, seeds=2, deviation=0.4)),
        "4 arms, 10% right, base": agreeing(items([0.1] * 4, seeds=2, deviation=0.4, base=0.1)),
        "power: 4 arms, difference of 1.7, base": agreeing(
            scores_of([0.3] * 4, seeds=2, base=True, effect=1.7), null=False
        ),
    }


def unlike() -> dict[str, Measure]:
    """Arms of unequal noise: nothing is promised."""
    noises = {
        "4 arms, one with 3 times the noise of the others, base": [0.9, *[0.3] * 3],
        "4 arms, a quiet one beside one with 3 times the noise, base": [*[0.3] * 3, 0.9],
        "7 arms, a quiet one beside one with 10 times the noise, base": [*[0.3] * 6, 3.0],
    }
    return {name: agreeing(scores_of(noise, seeds=2, base=True), promised=False) for name, noise in noises.items()}


TABLE = Table(
    title="Two seeds that agree",
    about="Arms of two seeds each, too few to be asked together (of seven, one is too noisy for that): 200 examples, "
    "noise as in the table before. *Agree*: the tenth of the runs in which the compared arms' seeds differ least. "
    "Width: median against that with each arm's own seeds alone, of all runs and where seeds agree. The last column: "
    "coverage, coverage where seeds agree, and p ≤ 5%, with own seeds alone.",
    columns=("coverage", "where seeds agree", "p ≤ 5%", "width", "own seeds alone"),
    cases=alike() | unlike(),
)
