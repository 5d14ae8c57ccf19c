"""The examples of one finished eval as columns: numbers in memory, texts in their file until they are asked for.

Contract: a sequence of `ScoreRow` in the file's order. 20 subjects on ten evals with 10,000 examples are two million
rows: as objects they take gigabytes, and a report prints the texts of a few thousand.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from mmap import ACCESS_READ, mmap
from operator import itemgetter
from pathlib import Path
from typing import Any, NotRequired, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict  # pydantic asks for it below Python 3.12

from bench.errors import InputError
from bench.record.results.evals.evaluation import ScoreRow

_Column: TypeAlias = NDArray[np.float64]
_Mask: TypeAlias = NDArray[np.bool_]


class _KeptOfRow(TypedDict):
    """What is kept of a `ScoreRow`; its texts are passed over, which takes a third of the time."""

    __pydantic_config__ = ConfigDict(extra="ignore", allow_inf_nan=False)  # type: ignore[misc]  # how a TypedDict is configured
    task: str
    id: str
    metrics: dict[str, float | None]
    weight: NotRequired[float]
    cluster: NotRequired[str | None]
    output: NotRequired[str | None]
    slices: NotRequired[dict[str, tuple[str, ...]]]


class ExampleTexts(TypedDict):
    """What a `ScoreRow` asks and answers, read in half of its time."""

    __pydantic_config__ = ConfigDict(extra="ignore")  # type: ignore[misc]  # same
    prompt: str
    question: NotRequired[str | None]
    target: NotRequired[str | None]
    output: NotRequired[str | None]


class ExampleAnswer(ExampleTexts):
    """Texts of a `ScoreRow`, what it chooses from, and its scores."""

    options: NotRequired[tuple[str, ...]]
    metrics: dict[str, float | None]


_Read = TypeVar("_Read")
_adapters: dict[type, TypeAdapter[Any]] = {}


def _rows_of(kind: type[_Read]) -> TypeAdapter[list[_Read]]:
    """What reads rows as `kind`: built for the first rows, for most commands read none."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(list[kind])  # type: ignore[valid-type]  # known when it runs
    return _adapters[kind]


@dataclass(frozen=True, kw_only=True)
class _File:
    """Where the rows are. refused: raised where they cannot be read any more."""

    path: Path
    state: tuple[int, int]
    refused: InputError

    def rows(self, places: Sequence[int], kind: type[_Read]) -> list[_Read]:
        """The rows at these places, as `kind` has them."""
        if not len(places):
            return []
        try:
            if _state(self.path) != self.state:
                raise ValueError("the file has changed since its numbers were read")
            ends = self._ends
            with self.path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
                lines = [content[ends[place] : ends[place + 1]] for place in places]
            return _rows_of(kind).validate_json(b"[" + b",".join(lines) + b"]")
        except (OSError, ValueError, IndexError) as error:  # pydantic's refusal is a ValueError
            raise self.refused from error

    @cached_property
    def _ends(self) -> "array[int]":
        """Where each row begins, and where the last one ends: found when the first text is asked for."""
        content = self.path.read_bytes()
        after = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == ord("\n")) + 1
        last = [] if content.endswith(b"\n") else [len(content)]
        return array("q", [0, *after.tolist(), *last])


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreTable(Sequence[ScoreRow]):
    """The examples of one subject on one eval."""

    examples: tuple[tuple[str, str], ...]
    """(task, id) of each row."""
    metrics: Mapping[str, tuple[_Column, _Mask]]
    """By metric the score of each row, and whether it has one."""
    weights: _Column
    clusters: tuple[str | None, ...]
    slices: tuple[Mapping[str, tuple[str, ...]], ...]
    answered: _Mask
    """Whether each row has an output."""
    source: _File | Sequence[ScoreRow] = field(repr=False)

    @classmethod
    def of(cls, rows: Sequence[ScoreRow]) -> "ScoreTable":
        """Rows that are in memory as a table."""
        return rows if isinstance(rows, ScoreTable) else _table([vars(row) for row in rows], rows)

    @classmethod
    def read(cls, path: Path, refused: InputError) -> "ScoreTable":
        """The rows of a `scores.jsonl`. Raises `refused` where they are missing or torn, now or later."""
        try:
            source = _File(path=path, state=_state(path), refused=refused)
            listed = b"[" + path.read_bytes().removesuffix(b"\n").replace(b"\n", b",") + b"]"
            return _table(_rows_of(_KeptOfRow).validate_json(listed), source)
        except (OSError, ValueError) as error:
            raise refused from error

    def __len__(self) -> int:
        return len(self.examples)

    @overload
    def __getitem__(self, place: int) -> ScoreRow: ...
    @overload
    def __getitem__(self, place: slice) -> list[ScoreRow]: ...
    def __getitem__(self, place: int | slice) -> ScoreRow | list[ScoreRow]:
        found = range(len(self))[place]
        return self.rows([found])[0] if isinstance(found, int) else self.rows(found)

    def __iter__(self) -> Iterator[ScoreRow]:
        return iter(self.rows(range(len(self))))

    def rows(self, places: Sequence[int]) -> list[ScoreRow]:
        """The rows at these places, texts included. Raises `InputError` where the file is not what it was."""
        if isinstance(self.source, _File):
            return self.source.rows(places, ScoreRow)
        return [self.source[place] for place in places]

    def texts(self, places: Sequence[int]) -> Sequence[ExampleTexts]:
        """What the rows at these places ask and answer. Raises as `rows` does."""
        return self._read(places, ExampleTexts)

    @cached_property
    def places(self) -> Mapping[tuple[str, str], int]:
        """Place of each example; of one that is there twice, the last."""
        return {example: place for place, example in enumerate(self.examples)}

    def answers(self, examples: Iterable[tuple[str, str]]) -> dict[tuple[str, str], ExampleAnswer]:
        """The answers to these examples; those that are not here have no entry. Raises as `rows` does."""
        here = [example for example in examples if example in self.places]
        return dict(zip(here, self._read([self.places[example] for example in here], ExampleAnswer), strict=True))

    def _read(self, places: Sequence[int], kind: type[_Read]) -> list[_Read]:
        """The rows at these places, as `kind` has them."""
        if isinstance(self.source, _File):
            return self.source.rows(places, kind)
        return _rows_of(kind).validate_python([vars(self.source[place]) for place in places])

    def like(self, other: "ScoreTable") -> "ScoreTable":
        """A table with the other one's columns where both are equal, so that these are held once."""
        shared = {
            name: getattr(other, name)
            for name in ("examples", "clusters", "slices")
            if getattr(self, name) == getattr(other, name)
        }
        if np.array_equal(self.weights, other.weights):
            shared["weights"] = other.weights
        return replace(self, **shared)


def _table(rows: Sequence[Mapping[str, Any]], source: _File | Sequence[ScoreRow]) -> ScoreTable:
    scored = _values(rows, "metrics")
    metrics = dict.fromkeys(chain.from_iterable(scored))
    return ScoreTable(
        examples=tuple(map(itemgetter("task", "id"), rows)),
        metrics={name: _column(_values(scored, name)) for name in metrics},
        weights=np.array(_values(rows, "weight", 1.0), dtype=np.float64),
        clusters=tuple(_values(rows, "cluster")),
        slices=_slices(_values(rows, "slices")),
        answered=np.array([output is not None for output in _values(rows, "output")], dtype=np.bool_),
        source=source,
    )


def _slices(found: Sequence[Mapping[str, tuple[str, ...]] | None]) -> tuple[Mapping[str, tuple[str, ...]], ...]:
    none: Mapping[str, tuple[str, ...]] = {}  # of most evals, and one object for all rows
    return tuple([slices or none for slices in found]) if any(found) else (none,) * len(found)


def _values(rows: Sequence[Mapping[str, Any]], name: str, default: object = None) -> list[Any]:
    """One field of all rows: most files have it in each, and then no line of Python is run for a row."""
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name, default) for row in rows]


def _column(scores: Sequence[float | None]) -> tuple[_Column, _Mask]:
    column = np.array(scores, dtype=np.float64)  # None is NaN, which no score is
    present = ~np.isnan(column)
    return np.where(present, column, 0.0), present


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
