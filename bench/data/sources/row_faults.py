"""Faulty rows of one source, grouped: one problem for each kind of fault, with its first row and the number of rows."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.data.formats.fields import RowError
from bench.errors import Problem

COLUMNS_HINT = 'name the columns: columns = { prompt = "…", completion = "…" }'
_VALUES = re.compile(r"""\d+|'[^']*'|"[^"]*"|\(fields seen: .*""")
"""What differs between faults of one kind: numbers, and texts of rows between quotation marks."""
_KINDS_SHOWN = 3


@dataclass(slots=True)
class _Fault:
    """One kind of fault: its first row, and how many rows have it."""

    row: int
    first: RowError
    rows: int = 1


@dataclass(slots=True)
class RowFaults:
    """The faults of one source, by kind: what they say but for numbers and quoted texts."""

    kinds: dict[tuple[str, str], _Fault] = field(default_factory=dict)
    is_cut: bool = False
    """Whether a fault ended the reading of a file."""

    def add(self, row: int, fault: RowError) -> None:
        """Note what is wrong with a row."""
        self.is_cut |= fault.ends_file
        kind = (fault.reference, _VALUES.sub("", fault.what))
        if kind in self.kinds:
            self.kinds[kind].rows += 1
        else:
            self.kinds[kind] = _Fault(row, fault)

    @property
    def rows(self) -> int:
        """Faulty rows."""
        return sum(fault.rows for fault in self.kinds.values())

    def counts(self) -> Counter[str]:
        """Rows by what is wrong with them, as reasons to be left out."""
        reasons: Counter[str] = Counter()
        for fault in self.kinds.values():
            reasons[f"cannot be read ({fault.first.reference.removeprefix('data.')})"] += fault.rows
        return reasons

    def problems(self, place: Callable[[int], str], *, label: str, hint: str) -> list[Problem]:
        """Each kind of fault once, the most frequent first; of many kinds the last ones as a number of rows.

        place: `file:row` of a row. label: the source. hint: for faults that have none of their own.
        """
        ordered = sorted(self.kinds.values(), key=lambda fault: -fault.rows)
        problems = [_problem(fault, place(fault.row), hint) for fault in ordered[:_KINDS_SHOWN]]
        if more := sum(fault.rows for fault in ordered[_KINDS_SHOWN:]):
            what = f"{more:,} more faulty rows"
            problems.append(Problem(reference="data.more-faults", what=what, where=label, hint=hint))
        return problems


def _problem(fault: _Fault, where: str, hint: str) -> Problem:
    error = fault.first
    what = error.what if fault.rows == 1 else f"{error.what} (so in {fault.rows:,} rows; this is the first)"
    default = COLUMNS_HINT if error.reference == "data.missing-field" else hint
    return Problem(reference=error.reference, what=what, where=where, hint=error.hint or default)
