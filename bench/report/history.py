"""A comparison with the times of earlier runs beside its own (`bench report --history`).

Contract: pure but for reading the files; only what this run has itself is shown, and of the files only what is older.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.record.record import Record
from bench.report.analysis.comparison import Comparison
from bench.report.export.pytest_benchmark import pytest_benchmark_json
from bench.report.imported.stored_times import Entry, Trend, entries_of, read_history


def with_history(comparison: Comparison, record: Record, paths: Sequence[Path]) -> Comparison:
    """The comparison of `record` after the times in pytest-benchmark's files. Raises as `run_trends`."""
    return replace(comparison, history=run_trends(record, paths))


def run_trends(record: Record, paths: Sequence[Path]) -> tuple[Trend, ...]:
    """This run's times, each after the earlier ones of the same name in pytest-benchmark's files.

    Raises `InputError` with every path that is missing or holds no such JSON.
    """
    stored = {trend.name: trend.entries for trend in read_history(paths)}
    run_entries = entries_of(pytest_benchmark_json(record), source="this run")
    return tuple(
        Trend(name=name, entries=(*(earlier for earlier in stored.get(name, ()) if _earlier(earlier, entry)), entry))
        for name, entry in run_entries
    )


def _earlier(stored: Entry, entry: Entry) -> bool:
    """Whether a stored entry is another measurement: the files may hold an earlier export of this very run."""
    return stored.when < entry.when and stored.median != entry.median
