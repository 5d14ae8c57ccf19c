"""Quality against cost: the arms on the frontier are filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.tradeoff import Tradeoff
from bench.report.plots.style import GREY, locator, look, new_figure, plain
from bench.report.render import format as fmt
from bench.stats.conclusions.frontier import Amount
from bench.suite.tables.suite import is_base

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def tradeoff_figure(comparison: Comparison) -> Figure:
    """One row per cost, one column per measurand; up and left is better. The base is a line: it costs nothing."""
    shown = comparison.tradeoffs
    costs = list(dict.fromkeys(tradeoff.cost.name for tradeoff in shown))
    names = list(dict.fromkeys(tradeoff.measurand.name for tradeoff in shown))
    figure, axes = new_figure(
        len(costs), len(names), width=max(5.0, 3.0 * len(names)), height=2.7 * len(costs) + 0.5, share_y=False
    )
    for tradeoff in shown:
        axis = axes[costs.index(tradeoff.cost.name)][names.index(tradeoff.measurand.name)]
        _tradeoff_panel(axis, tradeoff)
        axis.set_title(plain(tradeoff.measurand.name))
        axis.set_xlabel(tradeoff.cost.title)
    _legend(figure, [arm for arm in comparison.arms if not is_base(arm)])
    return figure


def _legend(figure: Figure, arms: Sequence[str]) -> None:
    """Names once for all panels: beside points that are close together they would cover each other."""
    from matplotlib.lines import Line2D

    looks = [(plain(arm), *look(arm, arms)) for arm in arms]
    handles = [Line2D([], [], color=colour, marker=marker, label=name) for name, colour, marker in looks]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(6, len(arms)), frameon=False, fontsize=8)


def _tradeoff_panel(axis: Any, tradeoff: Tradeoff) -> None:
    sign = 1.0 if tradeoff.measurand.higher_is_better else -1.0
    arms = [point.name for point in tradeoff.points if not is_base(point.name)]
    for point in tradeoff.points:
        if point.quality is None or point.cost is None:
            continue
        height = sign * point.quality.value
        if is_base(point.name):
            axis.axhline(height, color=GREY, linewidth=1, linestyle=(0, (4, 2)))
            axis.annotate(plain(point.name), (1.0, height), xycoords=("axes fraction", "data"), fontsize=7, color=GREY)
            continue
        colour, marker = look(point.name, arms)
        filled = tradeoff.standings[point.name].standing == "frontier"
        _cross(axis, (point.cost.value, height), (point.cost, point.quality), sign, colour)
        axis.plot(
            [point.cost.value], [height], marker=marker, color=colour, markerfacecolor=colour if filled else "white",
            markersize=5.5, linestyle="none",
        )  # fmt: skip
    axis.spines["left"].set_visible(True)
    axis.xaxis.set_major_formatter(lambda value, _: _short_cost(tradeoff.cost.name, value))
    axis.xaxis.set_major_locator(locator(4))
    axis.margins(x=0.25, y=0.15)
    if not tradeoff.measurand.higher_is_better:
        axis.invert_yaxis()


def _cross(axis: Any, at: tuple[float, float], figures: tuple[Amount, Amount], sign: float, colour: str) -> None:
    """The intervals of cost and quality, where they are known."""
    cost, quality = figures
    if cost.low is not None and cost.high is not None:
        axis.plot([cost.low, cost.high], [at[1], at[1]], color=colour, linewidth=1.2)
    if quality.low is not None and quality.high is not None:
        axis.plot([at[0], at[0]], [sign * quality.low, sign * quality.high], color=colour, linewidth=1.2)


def _short_cost(name: str, value: float) -> str:
    return fmt.memory(value) if name == "memory" else fmt.short_count(value).replace(".0", "")
