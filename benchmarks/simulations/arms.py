"""Coverage, false positives and power where several arms of one eval say together how noisy their seeds are."""

from collections.abc import Sequence

from benchmarks.simulations.data import Draw
from benchmarks.simulations.measure import measure
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table
from benchmarks.simulations.trained import items, scores_of

PROMISED = (93.0, 98.0)


def asked(draw: Draw, *, promised: bool = True, null: bool = True, alone: bool = False) -> Measure:
    """null: nothing differs; else the share of p-values is power. alone: the same with each arm's own seeds."""

    def row(runs: int) -> tuple[Cell, ...]:
        found = measure(draw, runs)
        window, most = (PROMISED, (0.0, 7.0)) if promised else (None, None)
        own: Cell = Note(text="–")
        if alone:
            without = measure(draw, runs, moderated=False)
            own = Note(
                text=f"{without.held.percent:.1f}%, {without.at_5.percent:.1f}%, × {found.width / without.width:.2f}"
            )
        return (
            Share(hits=found.held.hits, runs=runs, promised=window),
            Share(hits=found.at_5.hits, runs=runs, promised=most if null else None),
            found.at_half,
            own,
        )

    return row


def alike() -> dict[str, Measure]:
    """Arms whose trainings are as noisy as each other's."""
    found = {}
    for arms, seeds in ((3, 3), (6, 2), (6, 3), (6, 5)):
        for against in ("control", "base"):
            draw = scores_of([0.3] * arms, seeds=seeds, base=against == "base")
            found[f"{arms} alike arms, {seeds} seeds, {against}"] = asked(draw)
    return found | {
        "6 alike arms, no seed noise, 3 seeds, control": asked(scores_of([0.0] * 6, seeds=3)),
        "power: 6 alike arms, 3 seeds, difference of 0.97": asked(
            scores_of([0.3] * 6, seeds=3, effect=0.97), null=False, alone=True
        ),
        "power: 6 alike arms, 2 seeds, difference of 1.07": asked(
            scores_of([0.3] * 6, seeds=2, effect=1.07), null=False, alone=True
        ),
    }


def unlike() -> dict[str, Measure]:
    """Arms of unequal noise: nothing is promised."""
    found = {}
    for times in (2, 3, 6):
        loud, quiet = 0.3 * times, [0.3] * 5
        found[f"an arm with {times} times the noise of five others, 3 seeds, base"] = asked(
            scores_of([loud, *quiet], seeds=3, base=True), promised=False, alone=True
        )
        found[f"a quiet arm beside one with {times} times the noise, 3 seeds, control"] = asked(
            scores_of([*quiet, loud], seeds=3), promised=False
        )
    halves = scores_of([0.9, 0.9, 0.9, 0.3, 0.3, 0.3], seeds=3)
    found["half of the arms with 3 times the noise, 3 seeds, a noisy one against a quiet one"] = asked(
        halves, promised=False
    )
    return found


def of_items() -> dict[str, Measure]:
    """Right or wrong, from 1% to 99%, and trainings that collapse."""
    found = {}
    for rate in (0.01, 0.05, 0.5, 0.95, 0.99):
        for seeds in (2, 3):
            draw = items([rate] * 6, seeds=seeds, deviation=0.4)
            found[f"items, {rate:.0%} right, {seeds} seeds, control"] = asked(draw, alone=rate == 0.99)
    found["items, 30% and 20% right, 3 seeds"] = asked(items([0.3, *[0.2] * 5], seeds=3, deviation=0.3), null=False)
    found["items, 1% right against a base of 0.2%, 576 examples, 3 seeds"] = asked(
        items([0.01] * 6, seeds=3, deviation=0.4, examples=576, base=0.002), null=False
    )
    found["items, 99.5% right against a base of 0.2%, 576 examples, 3 seeds"] = asked(
        items([0.995] * 6, seeds=3, deviation=0.4, examples=576, base=0.002), null=False, promised=False
    )
    found["items, 20% right against a base of 0.2%, 576 examples, 3 noisy seeds, two arms"] = asked(
        items([0.2] * 2, seeds=3, deviation=0.8, examples=576, base=0.002), null=False
    )
    found["items, 20% right against a base of 0.01%, 576 examples, 3 seeds of about 10 to 28%, two arms"] = asked(
        items([0.2] * 2, seeds=3, deviation=0.7, examples=576, base=0.0001), null=False
    )
    for against, base in (("control", None), ("base of 45%", 0.45)):
        draw = items([0.45] * 6, seeds=3, deviation=0.3, collapse=0.1, base=base)
        found[f"items, one training in ten collapses, 45% right on average, 3 seeds, {against}"] = asked(
            draw, promised=False
        )
    return found


def cases() -> dict[str, Measure]:
    """By name."""
    parts: Sequence[dict[str, Measure]] = (alike(), unlike(), of_items())
    return {name: row for part in parts for name, row in part.items()}


TABLE = Table(
    title="Arms that are asked together",
    about="Three arms or more, whose seeds' noise is moderated "
    "([decision 27](../docs/decisions/0027-moderated-seed-variances.md)). Scores on 200 examples with seed noise of "
    "0.3 and noise of seed by example of 0.5; items of a two-parameter response model with latent difficulty. The last "
    "column: coverage, p ≤ 5%, and the interval's width against that with each arm's own seeds alone.",
    columns=("coverage", "p ≤ 5%", "p ≤ 0.5%", "own seeds alone"),
    cases=cases(),
)
