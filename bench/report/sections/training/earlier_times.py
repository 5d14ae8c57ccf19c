"""This run's times after those of earlier runs: advice, never a verdict."""

from bench.report.analysis.comparison import Comparison
from bench.report.imported.stored_times import TRAINING, Trend
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table, numbers

_ABOUT = (
    "Advice, no verdict: stored times of shared machines differ by more than most regressions. Medians, per optimiser "
    "step or per evaluation, against the median of the earlier ones; `bench gate speed` is what decides."
)


def earlier_times_section(comparison: Comparison) -> Section | None:
    """A row per benchmark: trainings, then evaluations in documents alone. `None` unless earlier times are wanted."""
    if not comparison.history:
        return None
    trainings = tuple(_row(trend) for trend in comparison.history if trend.title.startswith(TRAINING))
    evaluations = tuple(_row(trend) for trend in comparison.history if not trend.title.startswith(TRAINING))
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
