"""A run on disk as Python sees it: record, every number of its report, pandas frames, figures, and its first screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench.record.record import Record
from bench.record.rundir import RunDirectory
from bench.report.analysis.aligned.score_rows import ScoreRows, read_rows
from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare_record
from bench.report.compose import compose
from bench.report.export import tables
from bench.report.plots.draw import draw
from bench.report.render import fragment
from bench.report.write import write_comparison

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class SvgFigure:
    """A plot of the report; a notebook shows it as the last value of a cell."""

    name: str
    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> None:
        """Write the SVG file."""
        Path(path).write_text(self.svg, encoding="utf-8")


class LoadedRun:
    """One run. What it computes is computed once, at the first use.

    Every property and method raises `InputError` where the record or the scores cannot be read.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.directory.path

    @cached_property
    def record(self) -> Record:
        """What happened: jobs, trainings with their ledgers, evaluations, the machine."""
        return self.directory.load()

    @cached_property
    def comparison(self) -> Comparison:
        """Every number of the report; its fields are the keys of `bench report --json`."""
        return compare_record(self.record, self._rows, name=self.path.name)

    def scores(self) -> pandas.DataFrame:
        """One row for each example, metric and subject."""
        return self._frame(tables.score_rows)

    def deltas(self) -> pandas.DataFrame:
        """One row for each arm, eval and reference, with the interval, Holm's p-value and what it shows."""
        return self._frame(tables.delta_rows)

    def costs(self) -> pandas.DataFrame:
        """One row for each arm: seconds, tokens, memory, FLOPs of one training."""
        return self._frame(tables.cost_rows)

    def claims(self) -> pandas.DataFrame:
        """One row for each claim, with its verdict and its difference in words."""
        return self._frame(tables.claim_rows)

    def examples(self) -> pandas.DataFrame:
        """One row for each example and subject: question, expected answer, answer, score."""
        return self._frame(tables.example_rows)

    def figures(self) -> dict[str, SvgFigure]:
        """The report's plots that have something to show, by name."""
        return {name: SvgFigure(name, drawing.document()) for name, drawing in draw(self.comparison).items()}

    def write_report(self) -> Path:
        """Write report.md, report.html and the plots into the run's folder, and return the path of report.md."""
        return write_comparison(self.comparison, self.path)

    def __repr__(self) -> str:
        return f"LoadedRun({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return fragment.render(compose(self.comparison))

    @cached_property
    def _rows(self) -> ScoreRows:
        return read_rows(self.directory, self.record)

    @property
    def _sources(self) -> tables.TableSources:
        return tables.TableSources(record=self.record, rows=self._rows, comparison=self.comparison)

    def _frame(self, rows: Callable[[tables.TableSources], Iterator[tables.PlainRow]]) -> pandas.DataFrame:
        import pandas

        return pandas.DataFrame(list(rows(self._sources)))
