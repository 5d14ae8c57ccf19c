"""Scores over the number of rows trained on."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.scaling import ScalingLine
from bench.report.plots.canvas import numbered
from bench.report.plots.lines import Frame, Series, line_panel
from bench.report.render.drawing import Drawing, Panel


def scaling_drawing(comparison: Comparison) -> Drawing:
    """One panel per measurand, one line per recipe over the number of rows; the base as a dashed line."""
    names = dict.fromkeys(line.measurand.name for line in comparison.scaling)
    panels = [_panel(comparison, name) for name in names]
    return Drawing(panels=tuple(panel for panel in panels if panel is not None))


def _panel(comparison: Comparison, name: str) -> Panel | None:
    recipes = list(dict.fromkeys(line.recipe for line in comparison.scaling))
    lines = [line for line in comparison.scaling if line.measurand.name == name]
    series = [_series(line, recipes.index(line.recipe)) for line in lines]
    if not any(entry.y for entry in series):
        return None
    higher = lines[0].measurand.higher_is_better
    frame = Frame(
        title=name,
        x_title="rows" if higher else "rows (lower is better)",
        log_x=True,
        x_ticks=sorted({rows for entry in series for rows in entry.x}),
        level=comparison.results[comparison.arms[0], name].value.mean,
    )
    return line_panel(frame, series)


def _series(line: ScalingLine, index: int) -> Series:
    scored = [(point.rows, point.value, point.value.mean) for point in line.points if point.value.mean is not None]
    return Series(
        name=line.recipe,
        look=numbered(index, index),
        x=[float(rows) for rows, _, _ in scored],
        y=[mean for _, _, mean in scored if mean is not None],
        marks=True,
        low=[value.low for _, value, _ in scored],
        high=[value.high for _, value, _ in scored],
    )
