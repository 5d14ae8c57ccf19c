"""The trend of stored times as a section of a run's report: advice, never a verdict.

Contract: pure but for reading the files; only what this run has itself is shown, and of the files only what is older.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.gate.history import TRAINING, Entry, Trend, entries_of, pytest_benchmark_json, read_history
from bench.record.record import Record
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table, numbers

_ABOUT = (
    "Advice, no verdict: stored times of shared machines differ by more than most regressions. Medians, per optimiser "
    "step or per evaluation, against the median of the earlier ones; `bench gate speed` is what decides."
)


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


def trend_section(trends: Sequence[Trend]) -> Section:
    """A row per benchmark: trainings, then evaluations, which are too many for a terminal."""
    trainings = tuple(_row(trend) for trend in trends if trend.title.startswith(TRAINING))
    evaluations = tuple(_row(trend) for trend in trends if not trend.title.startswith(TRAINING))
    columns = (
        Column(title="What"),
        Column(title="Runs", right=True),
        Column(title="Since"),
        *numbers("This run, ms", "Against earlier"),
    )
    blocks = (
        Paragraph(text=_ABOUT, tone="muted"),
        Table(columns=columns, rows=trainings),
        Table(columns=columns, rows=evaluations, only="document"),
    )
    return Section(title="Times of earlier runs", blocks=blocks)


def _row(trend: Trend) -> tuple[Cell, ...]:
    first, last = trend.entries[0], trend.entries[-1]
    runs = fmt.count(len(trend.entries)) + ("" if trend.machines == 1 else f" on {trend.machines} machines")
    return (
        Cell(text=trend.title, tone="strong"),
        Cell(text=runs),
        Cell(text=first.when[:10]),
        Cell(text=fmt.fixed(1000 * last.median)),
        Cell(text=fmt.NONE if trend.ratio is None else fmt.signed(100 * (trend.ratio - 1), digits=1) + "%"),
    )
