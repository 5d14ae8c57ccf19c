"""Flips: examples that the base got right and a tuned model wrong, and the other way round.

Contract: pure; of right-or-wrong measures only. Which few are shown is drawn from the run's digest; the whole list is
for `flips.jsonl`, whose texts are read where it is written: a large run has a million flips.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bench.processes import each
from bench.record.record import Record
from bench.record.results.evals.score_table import ExampleTexts
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.analysis.aligned.scored_rows import RowsOfTasks, ScoredRows, TaskAndId
from bench.report.analysis.run_facts.subjects import bases_by_arm, subjects

if TYPE_CHECKING:
    from bench.report.analysis.aligned.align import Aligned  # statistics, which a share of the work does not need

FILE = "flips.jsonl"
"""The whole list, in the run directory."""
SHOWN = 3
"""Examples of each direction that are shown for each eval."""
Direction = Literal["gained", "lost"]
_DIRECTIONS: tuple[Direction, Direction] = ("lost", "gained")
_LINE = (
    '{"eval": %s, "task": %s, "id": %s, "arm": %s, "subject": %s, "direction": "%s", '
    '"question": %s, "target": %s, "base_output": %s, "output": %s}\n'
)
"""A `Flip` as a line of JSON, of values that are JSON already."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubjectFlips:
    """The flips of one subject on one measurand, by the places of their rows."""

    eval: str
    arm: str
    subject: str
    before: ScoredRows
    """Rows of the base."""
    after: ScoredRows
    """Rows of the subject."""
    old: NDArray[np.int64]
    """Place of each flip in `before`."""
    new: NDArray[np.int64]
    """Place of each flip in `after`."""
    gained: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.new)

    def shown_from(self, *, gained: bool) -> NDArray[np.int64]:
        """The flips of one direction whose answer was recorded."""
        answered = self.after.table.answered[self.after.places[self.new]]
        return np.flatnonzero(answered & (self.gained == gained))

    def example(self, place: int) -> TaskAndId:
        """Task and id of a flip."""
        return self.after.examples[int(self.new[place])]

    def flips(self, which: Sequence[int] | None = None) -> Iterator[Flip]:
        """All flips in order, texts included, or `which` of them. Raises `InputError` where texts cannot be read."""
        chosen = np.arange(len(self)) if which is None else np.array(which, dtype=np.int64)
        before, after = self.before.texts(self.old[chosen]), self.after.texts(self.new[chosen])
        for place, was, now in zip(chosen.tolist(), before, after, strict=True):
            task, example = self.example(place)
            yield Flip(
                eval=self.eval,
                task=task,
                id=example,
                arm=self.arm,
                subject=self.subject,
                direction=_DIRECTIONS[int(self.gained[place])],
                question=_question(now),
                target=now.get("target"),
                base_output=was.get("output"),
                output=now.get("output"),
            )

    def lines(self, base_outputs: Sequence[str]) -> Iterator[str]:
        """All flips as lines of JSON. base_outputs: the answers of all rows in `before`, as JSON."""
        name, arm, subject = map(_encoded, (self.eval, self.arm, self.subject))
        tasks = {task: _encoded(task) for task in dict(self.after.examples)}
        examples = [self.after.examples[place] for place in self.new.tolist()]
        rows = zip(self.old.tolist(), self.gained.tolist(), examples, self.after.texts(self.new), strict=True)
        for old, gained, (task, example), now in rows:
            yield _LINE % (
                name, tasks[task], _encoded(example), arm, subject, _DIRECTIONS[gained], _encoded(_question(now)),
                _encoded(now.get("target")), base_outputs[old], _encoded(now.get("output")),
            )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """counts: every arm that was scored. shown: the drawn few. by_subject: all of them, for the file."""

    counts: tuple[FlipCount, ...]
    shown: tuple[Flip, ...]
    by_subject: tuple[SubjectFlips, ...] = field(repr=False, compare=False)
    file: str | None = FILE
    """`None`: a copy to publish, without the flips themselves."""

    @property
    def total(self) -> int:
        """Flips in the file."""
        return sum(map(len, self.by_subject))

    def flips(self) -> Iterator[Flip]:
        """All flips. Raises `InputError` where the texts of their rows cannot be read any more."""
        for subject in self.by_subject:
            yield from subject.flips()

    def lines(self) -> Iterator[str]:
        """All flips as JSON Lines, many lines at a time. Raises as `flips` does."""
        by_base = [tuple(of_base) for _, of_base in groupby(self.by_subject, key=lambda subject: id(subject.before))]
        return each(_lines, by_base, rows=sum(len(subject.after.places) for subject in self.by_subject))


def _lines(of_base: Sequence[SubjectFlips]) -> str:
    """Lines of subjects with one base, whose answers are read once."""
    outputs = [_encoded(row.get("output")) for row in of_base[0].before.texts()]
    return "".join(line for subject in of_base for line in subject.lines(outputs))


_text_as_json = json.JSONEncoder(ensure_ascii=False).encode


def _encoded(text: str | None) -> str:
    return "null" if text is None else _text_as_json(text)


def _question(row: ExampleTexts) -> str:
    return row.get("question") or row["prompt"]


def find_flips(record: Record, aligned: Sequence["Aligned"], rows: ScoreRows) -> Flips:
    """The flips of every arm on every right-or-wrong measurand."""
    counts: list[FlipCount] = []
    flips: list[SubjectFlips] = []
    drawn: list[Flip] = []
    generator = np.random.default_rng(int(record.digest[:16], 16))
    for entry in aligned:
        if entry.measurand.binary and entry.measurand.per_example:
            by_arm = _by_arm(record, entry, rows)
            counts += [_count(arm, entry, by_seed) for arm, by_seed in by_arm.items()]
            of_entry = [subject for by_seed in by_arm.values() for subject in by_seed]
            drawn += [flip for gained in (True, False) for flip in _draw(of_entry, generator, gained=gained)]
            flips += of_entry
    return Flips(counts=tuple(counts), shown=tuple(drawn), by_subject=tuple(flips))


def _by_arm(record: Record, entry: "Aligned", rows: ScoreRows) -> dict[str, list[SubjectFlips]]:
    """Flips of each seed, by the arms that were scored and whose base was."""
    names, taken, name = subjects(record), RowsOfTasks(entry.measurand.metrics), entry.measurand.eval
    by_arm: dict[str, list[SubjectFlips]] = {}
    bases: dict[str, _Base] = {}
    for arm, base in bases_by_arm(record).items():
        answered = [subject for subject in names[arm] if (name, subject) in rows]
        if answered and (name, base) in rows:
            before = bases.get(base) or bases.setdefault(base, _Base(taken.of(rows[name, base])))
            by_arm[arm] = [before.flips(entry, arm, subject, taken.of(rows[name, subject])) for subject in answered]
    return by_arm


class _Base:
    """Rows of a base, and where each example is among them."""

    def __init__(self, scored: ScoredRows) -> None:
        self._scored = scored
        self._places = {example: place for place, example in enumerate(scored.examples)}
        self._found: dict[int, tuple[Sequence[TaskAndId], NDArray[np.int64]]] = {}

    def flips(self, entry: "Aligned", arm: str, subject: str, after: ScoredRows) -> SubjectFlips:
        """Where a subject differs from this base."""
        before, old = self._scored, self._of(after.examples)
        new = np.flatnonzero(after.present & (old >= 0))
        new = new[before.present[old[new]]]
        new = new[before.values[old[new]] != after.values[new]]
        better = (after.values[new] > before.values[old[new]]) == entry.measurand.higher_is_better
        return SubjectFlips(
            eval=entry.measurand.name, arm=arm, subject=subject, before=before, after=after, old=old[new], new=new,
            gained=better,
        )  # fmt: skip

    def _of(self, examples: Sequence[TaskAndId]) -> NDArray[np.int64]:
        """Place of each example, -1 where the base has none. Known by identity: most subjects share their examples."""
        if id(examples) not in self._found:
            places = [self._places.get(example, -1) for example in examples]
            self._found[id(examples)] = examples, np.array(places, dtype=np.int64)
        return self._found[id(examples)][1]


def _count(arm: str, entry: "Aligned", by_seed: Sequence[SubjectFlips]) -> FlipCount:
    def of(*, gained: bool) -> tuple[int, int]:
        sets = [set(flips.old[flips.gained == gained].tolist()) for flips in by_seed]
        return len(set.union(*sets)), len(set.intersection(*sets))

    (gained, always_gained), (lost, always_lost) = of(gained=True), of(gained=False)
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


def _draw(by_subject: Sequence[SubjectFlips], generator: np.random.Generator, *, gained: bool) -> list[Flip]:
    """Draws `SHOWN` flips whose text was recorded, each example at most once."""
    open_to_see = [subject.shown_from(gained=gained) for subject in by_subject]
    ends = np.array([*accumulate(map(len, open_to_see))], dtype=np.int64)
    chosen: dict[TaskAndId, Flip] = {}
    for index in generator.permutation(int(ends[-1]) if len(ends) else 0):
        if len(chosen) == SHOWN:
            break
        number = int(np.searchsorted(ends, index, side="right"))
        place = int(open_to_see[number][index - ends[number]])  # from the end of its subject's flips
        if by_subject[number].example(place) not in chosen:
            chosen[by_subject[number].example(place)] = next(by_subject[number].flips([place]))
    return list(chosen.values())
