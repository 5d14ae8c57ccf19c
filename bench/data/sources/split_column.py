"""A column in which the rows of a source name their split: one split is taken, or the source is refused.

Contract: as with a folder whose files are named after splits (`bench.data.sources.splits`), rows of two splits are
never read together unless the suite says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.data.sources.splits import split_of
from bench.errors import Problem
from bench.suite.tables.data import SPLIT_COLUMN


@dataclass(slots=True, kw_only=True)
class SplitColumn:
    """What the rows of one source say of their split."""

    wanted: str | None
    """The split that the suite takes from the file; `None` where it names none."""
    reads: Collection[str]
    """Columns that the suite or the row's shape reads for what they mean otherwise."""
    seen: Counter[str] = field(default_factory=Counter)
    """Rows by split, as they write it; values that name no split are of some other meaning."""

    def other(self, record: Mapping[str, Any]) -> str | None:
        """Why a row is left out, where it is of another split than the wanted one."""
        if SPLIT_COLUMN in self.reads:
            return None
        value = str(record.get(SPLIT_COLUMN) or "").strip()
        if self.wanted is not None:
            same = value == self.wanted or (split_of(value) == split_of(self.wanted) is not None)
            return None if same else f"{SPLIT_COLUMN} is {value[:40] or 'empty'}"
        if split_of(value) is not None:
            self.seen[value] += 1
        return None

    def problem(self, label: str, *, is_file: bool) -> Problem | None:
        """Rows of several splits that would be read together."""
        if len({split_of(value) for value in self.seen}) < 2:
            return None
        counts = ", ".join(f"{value} ({rows:,})" for value, rows in self.seen.most_common(5))
        what = f"the rows are of several splits, as their column `{SPLIT_COLUMN}` says: {counts}"
        train = next((value for value in self.seen if (name := split_of(value)) and name.kind == "train"), None)
        one = f'split = "{train or next(iter(self.seen))}" takes one of them, ' if is_file else ""
        hint = f'{one}ignore = ["{SPLIT_COLUMN}"] takes all'
        return Problem(reference="data.split", what=what, where=label, hint=hint)
