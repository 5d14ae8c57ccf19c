"""Scores over the number of rows trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.scaling import ScalingLine
from bench.report.plots.style import COLOURS, GREY, MARKERS, new_figure, plain
from bench.report.render import format as fmt

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def scaling_figure(comparison: Comparison) -> Figure:
    """One panel per measurand, one line per recipe over the number of rows; the base as a dashed line."""
    lines = comparison.scaling
    names = list(dict.fromkeys(line.measurand.name for line in lines))
    recipes = list(dict.fromkeys(line.recipe for line in lines))
    figure, axes = new_figure(1, len(names), width=max(5.0, 3.2 * len(names)), height=3.0, share_y=False)
    for axis, name in zip(axes[0], names, strict=True):
        panel = [line for line in lines if line.measurand.name == name]
        for line in panel:
            _scaling_line(axis, line, recipes.index(line.recipe))
        base = comparison.results[comparison.arms[0], name].value.mean
        if base is not None:
            axis.axhline(base, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(lambda value, _: fmt.short_count(value).replace(".0", ""))
        axis.xaxis.set_minor_formatter(lambda value, _: "")
        axis.spines["left"].set_visible(True)
        axis.set_title(plain(name))
        axis.set_xlabel("rows" if panel[0].measurand.higher_is_better else "rows (lower is better)")
    axes[0][0].legend(frameon=False, fontsize=7.5)
    return figure


def _scaling_line(axis: Any, line: ScalingLine, index: int) -> None:
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    scored = [(point.rows, point.value) for point in line.points if point.value.mean is not None]
    axis.plot(
        [rows for rows, _ in scored],
        [value.mean for _, value in scored],
        color=colour, marker=marker, markersize=5, linewidth=1.6, label=plain(line.recipe),
    )  # fmt: skip
    for rows, value in scored:
        if value.low is not None and value.high is not None:
            axis.plot([rows, rows], [value.low, value.high], color=colour, linewidth=1.2, alpha=0.7)
