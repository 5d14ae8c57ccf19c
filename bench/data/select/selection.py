"""What each data table of a suite takes from its source, in an order that keeps evaluation clean.

Contract: the evals' rows are chosen first, then what the suite holds out, then all that trains; each later table is
kept free of rows that an earlier one evaluates on, by content and by prompt. Then come length filter, deduplication and
selection, in this order. What is left out is counted by reason. All problems come in one
`TableError`.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.select.mix import largest, shares
from bench.data.select.near_duplicates import distinct, near_distinct
from bench.data.select.order import in_order, key_of
from bench.data.select.selectors import SELECTORS, at_least, draw, within
from bench.data.sources.faulty_tables import TableError
from bench.data.sources.table import IndexRecords, Indices, Joined, Rows, RowTable, column, filtered
from bench.data.sources.unavailable import evaluates, holds_out
from bench.data.store import write_rows
from bench.errors import InputError, Problem, collected
from bench.suite.resolved import ResolvedData
from bench.suite.tables.data import DataSpec, OddRows
from bench.units import plural

HELD_OUT = "held out for evaluation"
SAME_PROMPT = "prompt held out for evaluation"
TOO_SHORT_OR_LONG = "outside the length limits"
DUPLICATE, NEAR_DUPLICATE = "duplicate", "near duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """A finished selection, still where it was chosen from."""

    rows: Rows
    indices: Indices


def select_all(
    specs: Mapping[str, DataSpec],
    tables: Mapping[str, RowTable],
    revisions: Mapping[str, str | None],
    folder: Path,
    absent: Collection[str] = (),
) -> dict[str, ResolvedData]:
    """Stores the selection of every spec under `folder`, save the `absent` ones (`bench.data.sources.unavailable`).

    `tables` and `revisions` have each other spec that is no mix.
    """
    selector = _Selector(specs, tables, revisions, folder)
    problems: list[Problem] = []
    resolved: dict[str, ResolvedData] = {}
    present = [name for name in in_order(specs) if name not in absent]
    for name in present:
        if all(need in resolved for need in specs[name].needs):  # else it was told what is wrong with the need
            with collected(problems):
                resolved[name] = selector.take(name)
    if problems:
        raise TableError(problems, names=set(present) - set(resolved))
    return {name: resolved[name] for name in specs if name in resolved}


class _Selector:
    """Takes one table after the other, and remembers what has been held out."""

    def __init__(
        self,
        specs: Mapping[str, DataSpec],
        tables: Mapping[str, RowTable],
        revisions: Mapping[str, str | None],
        folder: Path,
    ) -> None:
        self._specs, self._tables, self._revisions, self._folder = specs, tables, revisions, folder
        self._held_keys = self._held_prompts = np.empty(0, dtype=np.uint64)
        self._needed = {need for spec in specs.values() for need in spec.needs}
        self._chosen: dict[str, _Chosen] = {}
        self._free_rows: dict[tuple[int, int, int], tuple[Indices, dict[str, int]]] = {}
        """By table and what was held out: a thousand draws of one table ask for the same."""

    def take(self, name: str) -> ResolvedData:
        """Selects and stores one table's rows. Raises `InputError`."""
        spec = self._specs[name]
        pool: Rows
        if spec.mix is None:
            pool, table = self._tables[name], self._tables[name]
            dropped, source_rows = dict(table.dropped), table.source_rows
            free = self._free(name, table, dropped)
        else:
            pool = Joined([(self._chosen[part.data].rows, self._chosen[part.data].indices) for part in spec.mix])
            dropped, source_rows, free = {}, len(pool), np.arange(len(pool), dtype=np.uint32)
        left = _refined(spec, pool, free, dropped)
        size = self._size(spec)
        _check_left(name, spec, max(0, len(left) - spec.select.offset), size, dropped)
        parts: dict[str, int] = {}
        if isinstance(pool, Joined):
            indices, parts = _mixed(name, spec, pool, left, size)
        else:
            indices = SELECTORS[spec.select.by](pool, left, spec.select.model_copy(update={"size": size}))
        if holds_out(name, spec):
            self._hold(pool, indices)
        if name in self._needed:
            self._chosen[name] = _Chosen(rows=pool, indices=indices)
        rows = pool.rows(indices)
        path, sha256 = write_rows(
            rows if spec.system is None else _with_system(rows, spec.system, key_of(name, "system")), self._folder
        )
        return ResolvedData(
            name=name,
            source=spec.label,
            revision=self._revisions.get(name),
            rows=len(indices),
            source_rows=source_rows,
            dropped=dropped,
            notes={} if spec.mix is not None else dict(self._tables[name].notes),
            parts=parts,
            odd_rows=self._odd_rows(spec),
            sha256=sha256,
            path=str(path),
        )

    def _odd_rows(self, spec: DataSpec) -> OddRows:
        """What becomes of a table's odd rows; a mix that does not say follows its parts, the strictest first."""
        if spec.mix is None or "odd_rows" in spec.model_fields_set:
            return spec.odd_rows
        of_parts = {self._specs[part.data].odd_rows for part in spec.mix}
        return "strict" if "strict" in of_parts else "drop" if "drop" in of_parts else "repair"

    def _size(self, spec: DataSpec) -> int | None:
        other = spec.select.size_of
        return spec.select.size if other is None else len(self._chosen[other].indices)

    def _free(self, name: str, table: RowTable, dropped: dict[str, int]) -> Indices:
        """Rows that `name` may take. What evaluates may share rows with what else evaluates; nothing else may."""
        everything = np.arange(len(table), dtype=np.uint32)
        if evaluates(name) or not len(self._held_keys):
            return everything
        key = id(table), len(self._held_keys), len(self._held_prompts)  # what is held out only grows
        if key not in self._free_rows:
            self._free_rows[key] = self._not_held(table, everything)
        kept, counts = self._free_rows[key]
        dropped.update(counts)
        return kept

    def _not_held(self, table: RowTable, everything: Indices) -> tuple[Indices, dict[str, int]]:
        """The rows that are not held out, by content or by prompt, and how many are."""
        counts = {HELD_OUT: 0, SAME_PROMPT: 0}

        def free(records: IndexRecords) -> NDArray[np.bool_]:
            held = _among(records["key"], self._held_keys)
            same_prompt = _among(records["prompt"], self._held_prompts) & ~held
            counts[HELD_OUT] += int(held.sum())
            counts[SAME_PROMPT] += int(same_prompt.sum())
            return ~(held | same_prompt)

        kept = filtered(table, everything, free)
        return kept, {reason: count for reason, count in counts.items() if count}

    def _hold(self, rows: Rows, indices: Indices) -> None:
        self._held_keys = np.union1d(self._held_keys, column(rows, "key", indices))
        self._held_prompts = np.union1d(self._held_prompts, column(rows, "prompt", indices))


def _among(values: NDArray[np.uint64], ascending: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which values are among the sorted known ones."""
    places = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    among: NDArray[np.bool_] = ascending[places] == values
    return among


def _count(dropped: dict[str, int], reason: str, before: Indices, after: Indices) -> None:
    if len(before) > len(after):
        dropped[reason] = len(before) - len(after)


def _refined(spec: DataSpec, pool: Rows, indices: Indices, dropped: dict[str, int]) -> Indices:
    """Length filter, deduplication, minimum score: what is there to select from."""
    select = spec.select
    if spec.length is not None:
        fitting = within(pool, indices, spec.length)
        _count(dropped, TOO_SHORT_OR_LONG, indices, fitting)
        indices = fitting
    if select.by == "score" and select.minimum is not None:
        indices = at_least(pool, indices, select.minimum)
    if spec.dedup != "none" or select.by in ("holdout", "diverse"):
        once = distinct(pool, indices)
        _count(dropped, DUPLICATE, indices, once)
        indices = once
    if spec.dedup == "near" or select.by == "diverse":
        unlike = near_distinct(pool, indices)
        _count(dropped, NEAR_DUPLICATE, indices, unlike)
        indices = unlike
    return indices


def _mixed(
    name: str, spec: DataSpec, pool: Joined, indices: Indices, size: int | None
) -> tuple[Indices, dict[str, int]]:
    """Rows drawn from each part by its weight, and how many of each."""
    assert spec.mix is not None, "a mix"
    edges = np.searchsorted(indices, pool.starts)
    available = np.diff(edges).tolist()
    wanted = shares(spec.mix, largest(spec.mix, available) if size is None else size)
    drawn: list[Indices] = []
    problems: list[Problem] = []
    for number, part in enumerate(spec.mix):
        if wanted[number] > available[number]:
            what = f"asks for {plural(wanted[number], 'row')} of {part.data!r}, which has {available[number]:,}"
            hint = f"at most {largest(spec.mix, available):,} rows have these weights; or change the weights"
            where = key_of(name, f"mix[{number}]")
            problems.append(Problem(reference="data.too-few-rows", what=what, where=where, hint=hint))
        rows = indices[edges[number] : edges[number + 1]]
        drawn.append(draw(rows, wanted[number], f"mix:{part.data}:{spec.select.seed}"))
    if problems:
        raise InputError(problems)
    return np.concatenate(drawn), {part.data: count for part, count in zip(spec.mix, wanted, strict=True)}


def _with_system(rows: Iterable[tuple[bytes, str]], system: str, where: str) -> Iterator[tuple[bytes, str]]:
    for conversation, origin in rows:
        turns = json.loads(conversation)
        if turns[0]["role"] == "text":
            what = "plain text has no turns, so no system prompt either"
            hint = "leave system out, or name the columns of prompt and completion"
            raise InputError(Problem(reference="data.system", what=what, where=where, hint=hint))
        first = {"role": "system", "content": system} | ({"tools": turns[0]["tools"]} if "tools" in turns[0] else {})
        turns = [first, *(turn for turn in turns if turn["role"] != "system")]
        yield json.dumps(turns, ensure_ascii=False, separators=(",", ":")).encode(), origin


def _check_left(name: str, spec: DataSpec, left: int, size: int | None, dropped: Mapping[str, int]) -> None:
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
    less = f" (left out: {left_out})" if left_out else ""
    if spec.select.offset:
        less = f" after the first {spec.select.offset:,}{less}"
    if spec.select.minimum is not None:
        less = f" with {spec.select.column} of at least {spec.select.minimum:g}{less}"
    if left == 0:
        hint = (
            "hold out fewer rows, or give more" if not spec.length and spec.select.minimum is None else "ask for less"
        )
        what = f"{spec.label} has no row left{less}"
        raise InputError(Problem(reference="data.no-rows", what=what, where=key_of(name, "source"), hint=hint))
    if size is not None and size > left:
        what = f"asks for {plural(size, 'row')}, {spec.label} has {left:,}{less}"
        place = "select.size" if spec.select.size_of is None else "select.size_of"
        hint = f"set it to {left} or less" if spec.select.size_of is None else f"give it a size of {left} or less"
        raise InputError(Problem(reference="data.too-few-rows", what=what, where=key_of(name, place), hint=hint))
