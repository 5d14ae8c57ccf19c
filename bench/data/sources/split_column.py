"""A column in which the rows of a source name their split: one split is taken, or the source is refused.

Contract: as with a folder whose files are named after splits (`bench.data.sources.splits`), rows of two splits are
never read together unless the suite says so.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.data.formats.chat.messages import parsed_flag
from bench.data.formats.fields import is_filled
from bench.data.sources.splits import SplitName, is_split_name, split_of
from bench.errors import Problem
from bench.suite.tables.data import PERHAPS_SPLITS, SPLIT_COLUMNS, SPLIT_FLAGS

_BY_NAME = (*SPLIT_COLUMNS, *SPLIT_FLAGS)
"""Columns whose names say that they tell splits."""
_TAKEN = (*_BY_NAME, *PERHAPS_SPLITS)
"""Columns of which `split` in the suite takes a split."""
_SLICE = re.compile(r"\[[^]]*\]$")
"""A part of a split as `datasets` writes it: `train[:50%]`."""


@dataclass(slots=True, kw_only=True)
class SplitColumn:
    """What the rows of one source say of their split."""

    wanted: str | None
    """The split that the suite takes from the file; `None` where it names none."""
    reads: Collection[str]
    """Columns that the suite or the row's shape reads for what they mean otherwise: then splits may mix."""
    seen: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Rows by split, as they write it, of each column; values that name no split are of some other meaning."""
    other_meaning: set[str] = field(default_factory=set)
    """Columns whose names tell nothing of splits, and that hold other values as well."""

    name: str = ""
    """The column that the wanted split is taken by, once a row has it."""

    def other(self, record: Mapping[str, Any]) -> str | None:
        """Why a row is left out, where it is of another split than the wanted one."""
        if self.wanted is not None:
            value = self._of(record)
            same = value == self.wanted or (_split(value) == split_of(self.wanted) is not None)
            return None if same else f"{self.name or SPLIT_COLUMNS[0]} is {value[:40] or 'empty'}"
        for name, value in record.items():
            if name not in self.reads:
                self._note(name, value)
        return None

    def problem(self, label: str, *, is_file: bool) -> Problem | None:
        """Rows of several splits that would be read together."""
        for name, values in self.seen.items():
            kinds = {_split(value) for value in values}
            if len(kinds) > 1 and (
                name in _BY_NAME or (name not in self.other_meaning and SplitName("train") in kinds)
            ):
                return _mixed(name, values, label, is_file=is_file)
        return None

    def _note(self, name: str, value: object) -> None:
        """Counts the split that a row names in a column."""
        if name in SPLIT_COLUMNS:
            if _split(text := str(value or "").strip()) is not None:
                self.seen[name][text] += 1
        elif name in SPLIT_FLAGS:
            if (flag := parsed_flag(value)) is not None:
                self.seen[name][_of_flag(name, flag)] += 1
        elif is_split_name(value):
            self.seen[name][str(value).strip()] += 1
        elif name not in self.other_meaning and is_filled(value):
            self.other_meaning.add(name)

    def _of(self, record: Mapping[str, Any]) -> str:
        """The split that a row names, empty where it names none."""
        for name in SPLIT_COLUMNS:
            if value := str(record.get(name) or "").strip():
                self.name = name
                return value
        for name in SPLIT_FLAGS:
            if (flag := parsed_flag(record.get(name))) is not None:
                self.name = name
                return _of_flag(name, flag)
        for name in PERHAPS_SPLITS:
            if is_split_name(record.get(name)):
                self.name = name
                return str(record[name]).strip()
        return ""


def _split(value: str) -> SplitName | None:
    return split_of(_SLICE.sub("", value))


def _of_flag(name: str, flag: bool) -> str:
    return name.removeprefix("is_") if flag else "train"


def _mixed(name: str, values: Counter[str], label: str, *, is_file: bool) -> Problem:
    counts = ", ".join(f"{value} ({rows:,})" for value, rows in values.most_common(5))
    what = f"the rows are of several splits, as their column `{name}` says: {counts}"
    train = next((value for value in values if (found := _split(value)) and found.kind == "train"), None)
    one = f'split = "{train or next(iter(values))}" takes one of them, '
    if not is_file:
        one = "put the rows of one into a file of their own, "
    elif name not in _TAKEN:
        one = f"with the column renamed to `{SPLIT_COLUMNS[0]}` {one}"
    return Problem(reference="data.split", what=what, where=label, hint=f'{one}ignore = ["{name}"] takes all')
