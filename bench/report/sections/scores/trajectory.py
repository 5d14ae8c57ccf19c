"""Gain and forgetting over the steps of a training."""

from __future__ import annotations

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.trajectory import Trajectory, TrajectoryPoint
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table, Tone


def trajectory_section(comparison: Comparison) -> Section | None:
    """One table per training: a row per eval, a column per step; `None` where no arm is a checkpoint."""
    names = tuple(dict.fromkeys(trajectory.name for trajectory in comparison.trajectories))
    if not names:
        return None
    text = (
        "Difference from the base at each checkpoint. The intervals of a row hold for all its steps at once, at 95% "
        "(Bonferroni), over examples and seeds. Best: the largest gain, which chance has helped; on other examples "
        "the same step scores less."
    )
    tables = (_table([row for row in comparison.trajectories if row.name == name]) for name in names)
    return Section(title="Over the steps", blocks=(Paragraph(text=text, tone="muted"), *tables))


def _table(rows: list[Trajectory]) -> Table:
    steps = sorted({point.step for row in rows for point in row.points})
    columns = (
        Column(title=f"{rows[0].name} ({fmt.plural(max(row.seeds for row in rows), 'seed')})"),
        *(Column(title=f"step {fmt.count(step)}", right=True) for step in steps),
        Column(title="Best", right=True),
    )
    return Table(columns=columns, rows=tuple(_row(row, steps) for row in rows))


def _row(row: Trajectory, steps: list[int]) -> tuple[Cell, ...]:
    cells = {point.step: _cell(row, point) for point in row.points}
    best = Cell(text=fmt.NONE if row.best_step is None else f"step {fmt.count(row.best_step)}")
    return (
        Cell(text=row.measurand, tone="strong"),
        *(cells.get(step, Cell(text=fmt.NONE, tone="muted")) for step in steps),
        best,
    )


def _cell(row: Trajectory, point: TrajectoryPoint) -> Cell:
    gain = point.gain
    tone: Tone = "plain"
    if gain.low is not None and gain.high is not None and (gain.low > 0 or gain.high < 0):
        tone = "good" if (gain.low > 0) == row.higher_is_better else "bad"
    text = f"{fmt.signed(gain.estimate)} {fmt.signed_interval(gain.low, gain.high)}".strip()
    return Cell(text=text, tone=tone)
