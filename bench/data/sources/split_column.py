"""A column in which the rows of a source name their split: one split is taken, or the source is refused.

Contract: as with a folder whose files are named after splits (`bench.data.sources.splits`), rows of two splits are
never read together unless the suite says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.data.formats.chat.messages import parsed_flag
from bench.data.sources.splits import split_of
from bench.errors import Problem
from bench.suite.tables.data import SPLIT_COLUMNS, SPLIT_FLAGS


@dataclass(slots=True, kw_only=True)
class SplitColumn:
    """What the rows of one source say of their split."""

    wanted: str | None
    """The split that the suite takes from the file; `None` where it names none."""
    reads: Collection[str]
    """Columns that the suite or the row's shape reads for what they mean otherwise: then splits may mix."""
    seen: Counter[str] = field(default_factory=Counter)
    """Rows by split, as they write it; values that name no split are of some other meaning."""

    name: str = ""
    """The column, once a row has it."""

    def other(self, record: Mapping[str, Any]) -> str | None:
        """Why a row is left out, where it is of another split than the wanted one."""
        value = self._of(record)
        if self.wanted is not None:
            same = value == self.wanted or (split_of(value) == split_of(self.wanted) is not None)
            return None if same else f"{self.name or SPLIT_COLUMNS[0]} is {value[:40] or 'empty'}"
        if self.name not in self.reads and split_of(value) is not None:
            self.seen[value] += 1
        return None

    def problem(self, label: str, *, is_file: bool) -> Problem | None:
        """Rows of several splits that would be read together."""
        if len({split_of(value) for value in self.seen}) < 2:
            return None
        counts = ", ".join(f"{value} ({rows:,})" for value, rows in self.seen.most_common(5))
        what = f"the rows are of several splits, as their column `{self.name}` says: {counts}"
        train = next((value for value in self.seen if (name := split_of(value)) and name.kind == "train"), None)
        one = f'split = "{train or next(iter(self.seen))}" takes one of them, ' if is_file else ""
        hint = f'{one}ignore = ["{self.name}"] takes all'
        return Problem(reference="data.split", what=what, where=label, hint=hint)

    def _of(self, record: Mapping[str, Any]) -> str:
        """The split that a row names, empty where it names none."""
        for name in SPLIT_COLUMNS:
            if value := str(record.get(name) or "").strip():
                self.name = name
                return value
        for name in SPLIT_FLAGS:
            if (flag := parsed_flag(record.get(name))) is not None:
                self.name = name
                return name.removeprefix("is_") if flag else "train"
        return ""
