"""Flips: examples that the base got right and a tuned model wrong, and the other way round.

Contract: pure; of right-or-wrong measures only. Which few are shown is drawn from the run's digest; the whole list is
for `flips.jsonl`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from operator import attrgetter
from typing import Literal, TypeVar

import numpy as np

from bench.record.record import Record
from bench.record.results.evals.score_table import ExampleTexts
from bench.report.analysis.aligned.align import Aligned, ScoreRows
from bench.report.analysis.aligned.scored_rows import RowsOfTasks, ScoredRows
from bench.report.analysis.run_facts.subjects import bases_by_arm, subjects

FILE = "flips.jsonl"
"""The whole list, in the run directory."""
SHOWN = 3
"""Examples of each direction that are shown for each eval."""
_SHARED_TEXTS = 1 << 16
"""Encoded texts that are held: questions, targets and base's answers of one eval."""
Direction = Literal["gained", "lost"]
_Text = TypeVar("_Text", str, str | None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """One example on which one subject differs from its base."""

    eval: str
    task: str
    id: str
    arm: str
    subject: str
    direction: Direction
    """gained: wrong before training, right after. lost: the other way round."""
    question: str
    target: str | None
    base_output: str | None
    output: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipCount:
    """One arm on one measurand, in examples. gained, lost: on which the arm, averaged over its seeds, is better, or
    worse, than its base: at least one seed flips. always_gained, always_lost: which flip with every seed."""

    arm: str
    measurand: str
    examples: int
    seeds: int
    gained: int
    lost: int
    always_gained: int
    always_lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """counts: every arm that was scored. flips: all of them, for the file. shown: the drawn few."""

    counts: tuple[FlipCount, ...]
    shown: tuple[Flip, ...]
    flips: tuple[Flip, ...] = field(repr=False)
    file: str | None = FILE
    """`None`: a copy to publish, without the flips themselves."""

    @property
    def total(self) -> int:
        """Flips in the file."""
        return len(self.flips)

    def lines(self) -> Iterator[str]:
        """All flips as JSON Lines; a text that many flips share is encoded once."""
        names = [entry.name for entry in fields(Flip)]
        encoded = lru_cache(_SHARED_TEXTS)(json.JSONEncoder(ensure_ascii=False).encode)
        line, values = "{" + ", ".join(f'"{name}": %s' for name in names) + "}\n", attrgetter(*names)
        for flip in self.flips:
            yield line % tuple(map(encoded, values(flip)))


def find_flips(record: Record, aligned: Sequence[Aligned], rows: ScoreRows) -> Flips:
    """The flips of every arm on every right-or-wrong measurand."""
    entries = [entry for entry in aligned if entry.measurand.binary and entry.measurand.per_example]
    counts: list[FlipCount] = []
    flips: list[Flip] = []
    drawn: list[Flip] = []
    generator, names = np.random.default_rng(int(record.digest[:16], 16)), subjects(record)
    for entry in entries:
        entry_flips: list[Flip] = []
        taken, bases = RowsOfTasks(entry.measurand.metrics), bases_by_arm(record)
        scored = {base: rows.get((entry.measurand.eval, base)) for base in dict.fromkeys(bases.values())}
        before = {base: None if found is None else _Before(taken.of(found)) for base, found in scored.items()}
        for arm, base in bases.items():
            answered = [name for name in names[arm] if (entry.measurand.eval, name) in rows]
            after = {name: taken.of(rows[entry.measurand.eval, name]) for name in answered}
            if (was := before[base]) is not None and after:
                by_seed = [list(_compare(arm, name, entry, was, now)) for name, now in after.items()]
                entry_flips += [flip for per_seed in by_seed for flip in per_seed]
                counts.append(_count(arm, entry, by_seed))
        flips += entry_flips
        drawn += [flip for direction in ("gained", "lost") for flip in _draw(entry_flips, direction, generator)]
    return Flips(counts=tuple(counts), flips=tuple(flips), shown=tuple(drawn))


class _Before:
    """What a base answered; each text is held once, however many subjects differ from it.

    texts: question, target and output of each row.
    """

    def __init__(self, scored: ScoredRows) -> None:
        self.scored, self.texts = scored, [_texts(row) for row in scored.texts()]
        self.places = {example: place for place, example in enumerate(scored.examples)}


def _compare(arm: str, subject: str, entry: Aligned, before: _Before, after: ScoredRows) -> Iterator[Flip]:
    old = np.array([before.places.get(example, -1) for example in after.examples], dtype=np.int64)
    new = np.flatnonzero(after.present & (old >= 0))
    new = new[before.scored.present[old[new]]]
    new = new[before.scored.values[old[new]] != after.values[new]]
    better = (after.values[new] > before.scored.values[old[new]]) == entry.measurand.higher_is_better
    name, examples = entry.measurand.name, before.scored.examples
    for place, row, gained in zip(old[new].tolist(), after.texts(new), better.tolist(), strict=True):
        (task, example), was, now = examples[place], before.texts[place], _texts(row)
        yield Flip(
            eval=name,
            task=task,
            id=example,
            arm=arm,
            subject=subject,
            direction="gained" if gained else "lost",
            question=_shared(was[0], now[0]),
            target=_shared(was[1], now[1]),
            base_output=was[2],
            output=_shared(was[2], now[2]),
        )


def _texts(row: ExampleTexts) -> tuple[str, str | None, str | None]:
    return row.get("question") or row["prompt"], row.get("target"), row.get("output")


def _shared(was: _Text, now: _Text) -> _Text:
    """`now`; where both say the same, the object that is there already."""
    return was if was == now else now


def _count(arm: str, entry: Aligned, by_seed: Sequence[Sequence[Flip]]) -> FlipCount:
    def of(direction: Direction) -> tuple[int, int]:
        sets = [{(flip.task, flip.id) for flip in flips if flip.direction == direction} for flips in by_seed]
        return len(set.union(*sets)), len(set.intersection(*sets))

    (gained, always_gained), (lost, always_lost) = of("gained"), of("lost")
    return FlipCount(
        arm=arm,
        measurand=entry.measurand.name,
        examples=len(entry.examples),
        seeds=len(by_seed),
        gained=gained,
        lost=lost,
        always_gained=always_gained,
        always_lost=always_lost,
    )


def _draw(flips: Sequence[Flip], direction: str, generator: np.random.Generator) -> list[Flip]:
    """Draws `SHOWN` flips whose text was recorded, each example at most once."""
    open_to_see = [flip for flip in flips if flip.direction == direction and flip.output is not None]
    order = generator.permutation(len(open_to_see))
    chosen: dict[tuple[str, str], Flip] = {}
    for index in order:
        if len(chosen) == SHOWN:
            break
        flip = open_to_see[int(index)]
        chosen.setdefault((flip.task, flip.id), flip)
    return list(chosen.values())
