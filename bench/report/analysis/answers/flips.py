"""Flips: examples that the base got right and a tuned model wrong, and the other way round.

Contract: pure; of right-or-wrong measures only. Which few are shown is drawn from the run's digest; the whole list is
for `flips.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np

from bench.record.record import Record
from bench.record.results.evaluation import ScoreRow
from bench.report.analysis.aligned.align import Aligned, ScoreRows
from bench.report.analysis.run_facts.subjects import bases_by_arm, subjects

FILE = "flips.jsonl"
"""The whole list, in the run directory."""
SHOWN = 3
"""Examples of each direction that are shown for each eval."""
Direction = Literal["gained", "lost"]


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
    """One arm on one measurand. The first two are means over its seeds, the others examples that flip with each."""

    arm: str
    measurand: str
    examples: int
    seeds: int
    gained: float
    lost: float
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

    def lines(self) -> str:
        """All flips as JSON Lines."""
        names = [entry.name for entry in fields(Flip)]  # `asdict` would copy every text
        return "".join(
            json.dumps({name: getattr(flip, name) for name in names}, ensure_ascii=False) + "\n" for flip in self.flips
        )


def find_flips(record: Record, aligned: Sequence[Aligned], rows: ScoreRows, *, shown: int = SHOWN) -> Flips:
    """The flips of every arm on every right-or-wrong measurand."""
    entries = [entry for entry in aligned if entry.measurand.binary and entry.measurand.per_example]
    counts: list[FlipCount] = []
    flips: list[Flip] = []
    drawn: list[Flip] = []
    generator, names = np.random.default_rng(int(record.digest[:16], 16)), subjects(record)
    for entry in entries:
        entry_flips: list[Flip] = []
        for arm, base in bases_by_arm(record).items():
            by_seed = _flips_of(arm, base, entry, rows, names[arm])
            if by_seed is not None:
                entry_flips += [flip for per_seed in by_seed for flip in per_seed]
                counts.append(_count(arm, entry, by_seed))
        flips += entry_flips
        drawn += [flip for direction in ("gained", "lost") for flip in _draw(entry_flips, direction, shown, generator)]
    return Flips(counts=tuple(counts), flips=tuple(flips), shown=tuple(drawn))


def _flips_of(arm: str, base: str, entry: Aligned, rows: ScoreRows, names: Sequence[str]) -> list[list[Flip]] | None:
    """By seed that was scored; `None` where the base or all seeds have no score."""
    name = entry.measurand.eval
    if (name, base) not in rows:
        return None
    before = {(row.task, row.id): row for row in rows[name, base]}
    scored = [subject for subject in names if (name, subject) in rows]
    return [list(_compare(arm, subject, entry, before, rows[name, subject])) for subject in scored] or None


def _compare(
    arm: str, subject: str, entry: Aligned, before: dict[tuple[str, str], ScoreRow], after: Sequence[ScoreRow]
) -> Iterator[Flip]:
    metrics = entry.measurand.metrics
    for row in after:
        old = before.get((row.task, row.id))
        if old is None or row.task not in metrics:
            continue
        was, now = old.metrics.get(metrics[row.task]), row.metrics.get(metrics[row.task])
        if was is None or now is None or was == now:
            continue
        better = (now > was) == entry.measurand.higher_is_better
        yield Flip(
            eval=entry.measurand.name,
            task=row.task,
            id=row.id,
            arm=arm,
            subject=subject,
            direction="gained" if better else "lost",
            question=row.question or row.prompt,
            target=row.target,
            base_output=old.output,
            output=row.output,
        )


def _count(arm: str, entry: Aligned, by_seed: Sequence[Sequence[Flip]]) -> FlipCount:
    def of(direction: Direction) -> tuple[float, int]:
        sets = [{(flip.task, flip.id) for flip in flips if flip.direction == direction} for flips in by_seed]
        return sum(map(len, sets)) / len(sets), len(set.intersection(*sets))

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


def _draw(flips: Sequence[Flip], direction: str, shown: int, generator: np.random.Generator) -> list[Flip]:
    """Draws `shown` flips whose text was recorded, each example at most once."""
    open_to_see = [flip for flip in flips if flip.direction == direction and flip.output is not None]
    order = generator.permutation(len(open_to_see))
    chosen: dict[tuple[str, str], Flip] = {}
    for index in order:
        if len(chosen) == shown:
            break
        flip = open_to_see[int(index)]
        chosen.setdefault((flip.task, flip.id), flip)
    return list(chosen.values())
