"""Difference from the base over the steps of each training, with its band."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.trajectory import Trajectory
from bench.report.plots.canvas import numbered
from bench.report.plots.lines import Frame, Series, line_panel
from bench.report.render.drawing import Drawing, Panel


def trajectory_drawing(comparison: Comparison) -> Drawing:
    """One panel per measurand, one line per training over its steps; the base as a dashed line at zero."""
    names = dict.fromkeys(row.measurand for row in comparison.trajectories)
    panels = [_panel(comparison, name) for name in names]
    return Drawing(panels=tuple(panel for panel in panels if panel is not None))


def _panel(comparison: Comparison, name: str) -> Panel | None:
    trainings = list(dict.fromkeys(row.name for row in comparison.trajectories))
    rows = [row for row in comparison.trajectories if row.measurand == name]
    series = [entry for row in rows if (entry := _series(row, trainings.index(row.name))).y]
    if not series:
        return None
    frame = Frame(
        title=name,
        x_title="optimiser steps",
        y_title="minus base" if rows[0].higher_is_better else "minus base (lower is better)",
        level=0.0,
    )
    return line_panel(frame, series)


def _series(row: Trajectory, index: int) -> Series:
    scored = [(point.step, point.gain, point.gain.estimate) for point in row.points]
    known = [(step, gain, estimate) for step, gain, estimate in scored if estimate is not None]
    return Series(
        name=row.name,
        look=numbered(index, index),
        x=[0.0, *(float(step) for step, _, _ in known)],
        y=[0.0, *(estimate for _, _, estimate in known)],
        marks=True,
        low=[0.0, *(gain.low for _, gain, _ in known)],
        high=[0.0, *(gain.high for _, gain, _ in known)],
        band=True,
    )
