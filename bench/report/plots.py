"""The report's plots as SVG: scores, differences, loss curves, quality against cost.

Contract: every plot shows figures of a `Comparison` as they stand; the same comparison gives the same bytes. Colours
are Okabe & Ito's, shapes repeat what colours say; what is named stands beside its name, or in one legend where points
lie close together. matplotlib is imported only here, when something is drawn; no window system is needed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.report import format as fmt
from bench.report.align import Measurand
from bench.report.comparison import Comparison
from bench.report.curves import Curve, loss_curves
from bench.report.escape import shorten, visible
from bench.report.figures import planned
from bench.report.results import Contrast, Result
from bench.report.scaling import ScalingLine, scaling_lines
from bench.report.tradeoff import Tradeoff
from bench.stats.frontier import Figure as Amount
from bench.suite.suite import is_base

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
GREY = "#666666"
_ROW_INCHES, _PANEL_INCHES, _LABEL_INCHES = 0.30, 2.05, 1.55
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#999999",
    "xtick.color": "#444444",
    "svg.hashsalt": "bench",
    "svg.fonttype": "path",
}


def draw(comparison: Comparison, *, stamp: str) -> dict[str, str]:
    """SVG texts by name; a plot without anything to show is left out. stamp: written into each as its description."""
    import matplotlib as mpl

    painters: dict[str, Callable[[Comparison], Figure]] = {
        "scores": scores_figure,
        "deltas": deltas_figure,
        "loss": loss_figure,
        "tradeoff": tradeoff_figure,
        "scaling": scaling_figure,
    }
    drawn = {}
    with mpl.rc_context(_STYLE):
        for name in planned(comparison):
            buffer = io.StringIO()
            metadata = {"Date": None, "Creator": None, "Description": stamp}
            painters[name](comparison).savefig(buffer, format="svg", metadata=metadata)
            drawn[name] = buffer.getvalue()
    return drawn


def scores_figure(comparison: Comparison) -> Figure:
    """One panel per measurand, one row per arm; the base as a line with its interval as a band."""
    panels = [measurand for measurand in comparison.measurands if _any_score(comparison, measurand)]
    figure, axes = _panels(1, len(panels), len(comparison.arms))
    for axis, measurand in zip(axes[0], panels, strict=True):
        results = [comparison.results[arm, measurand.name] for arm in comparison.arms]
        _score_panel(axis, measurand, results)
    _label_rows(axes[0][0], comparison.arms)
    return figure


def deltas_figure(comparison: Comparison) -> Figure:
    """Differences from the base above, from the control below; filled where resolved, hollow where not."""
    arms = [arm for arm in comparison.arms if not is_base(arm)]
    kinds: list[tuple[str, Callable[[Result], Contrast | None]]] = [
        ("base", lambda result: result.versus_base),
        ("control", lambda result: result.versus_control),
    ]
    shown = [(name, pick) for name, pick in kinds if _any_contrast(comparison, pick)]
    figure, axes = _panels(len(shown), len(comparison.measurands), len(arms))
    for row, (name, pick) in zip(axes, shown, strict=True):
        for axis, measurand in zip(row, comparison.measurands, strict=True):
            contrasts = [pick(comparison.results[arm, measurand.name]) for arm in arms]
            _delta_panel(axis, f"{measurand.name} − {name}", measurand, arms, contrasts)
        _label_rows(row[0], arms)
    return figure


def loss_figure(comparison: Comparison) -> Figure:
    """One panel per recipe, one colour per data; thin lines are seeds, the thick one their mean."""
    curves = loss_curves(comparison.record)
    recipes = list(dict.fromkeys(curve.recipe for curve in curves))
    data = list(dict.fromkeys(curve.data for curve in curves))
    figure, axes = _new_figure(1, len(recipes), width=max(5.0, 4.3 * len(recipes)), height=3.3, share_y=True)
    for axis, recipe in zip(axes[0], recipes, strict=True):
        axis.set_title(_plain(recipe))
        mine = [curve for curve in curves if curve.recipe == recipe]
        _loss_panel(axis, mine, data)
        axis.set_xlabel("tokens seen")
        if len(mine) == 1:
            _steps_above(axis, mine[0])
    axes[0][0].set_ylabel("training loss, nats per supervised token")
    return figure


def tradeoff_figure(comparison: Comparison) -> Figure:
    """One row per cost, one column per measurand; up and left is better. The base is a line: it costs nothing."""
    shown = comparison.tradeoffs
    costs = list(dict.fromkeys(one.cost.name for one in shown))
    names = list(dict.fromkeys(one.measurand.name for one in shown))
    figure, axes = _new_figure(
        len(costs), len(names), width=max(5.0, 3.0 * len(names)), height=2.7 * len(costs) + 0.5, share_y=False
    )
    for one in shown:
        axis = axes[costs.index(one.cost.name)][names.index(one.measurand.name)]
        _tradeoff_panel(axis, one)
        axis.set_title(_plain(one.measurand.name))
        axis.set_xlabel(one.cost.title)
    _legend(figure, [arm for arm in comparison.arms if not is_base(arm)])
    return figure


def _legend(figure: Figure, arms: Sequence[str]) -> None:
    """Names once for all panels: beside points that lie close together they would cover each other."""
    from matplotlib.lines import Line2D

    looks = [(_plain(arm), *_look(arm, arms)) for arm in arms]
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
            axis.annotate(_plain(point.name), (1.0, height), xycoords=("axes fraction", "data"), fontsize=7, color=GREY)
            continue
        colour, marker = _look(point.name, arms)
        filled = tradeoff.standings[point.name].standing == "frontier"
        _cross(axis, (point.cost.value, height), (point.cost, point.quality), sign, colour)
        axis.plot(
            [point.cost.value], [height], marker=marker, color=colour, markerfacecolor=colour if filled else "white",
            markersize=5.5, linestyle="none",
        )  # fmt: skip
    axis.spines["left"].set_visible(True)
    axis.xaxis.set_major_formatter(lambda value, _: _short_cost(tradeoff.cost.name, value))
    axis.xaxis.set_major_locator(_locator(4))
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


def scaling_figure(comparison: Comparison) -> Figure:
    """One panel per measurand, one line per recipe over the number of rows; the base as a dashed line."""
    lines = scaling_lines(comparison.record, comparison.measurands, comparison.results)
    names = list(dict.fromkeys(line.measurand.name for line in lines))
    recipes = list(dict.fromkeys(line.recipe for line in lines))
    figure, axes = _new_figure(1, len(names), width=max(5.0, 3.2 * len(names)), height=3.0, share_y=False)
    for axis, name in zip(axes[0], names, strict=True):
        mine = [line for line in lines if line.measurand.name == name]
        for line in mine:
            _scaling_line(axis, line, recipes.index(line.recipe))
        base = comparison.results[comparison.arms[0], name].value.mean
        if base is not None:
            axis.axhline(base, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(lambda value, _: fmt.short_count(value).replace(".0", ""))
        axis.xaxis.set_minor_formatter(lambda value, _: "")
        axis.spines["left"].set_visible(True)
        axis.set_title(_plain(name))
        axis.set_xlabel("rows" if mine[0].measurand.higher_is_better else "rows (lower is better)")
    axes[0][0].legend(frameon=False, fontsize=7.5)
    return figure


def _scaling_line(axis: Any, line: ScalingLine, index: int) -> None:
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    known = [(point.rows, point.result.value) for point in line.points if point.result.value.mean is not None]
    axis.plot(
        [rows for rows, _ in known],
        [value.mean for _, value in known],
        color=colour, marker=marker, markersize=5, linewidth=1.6, label=_plain(line.recipe),
    )  # fmt: skip
    for rows, value in known:
        if value.low is not None and value.high is not None:
            axis.plot([rows, rows], [value.low, value.high], color=colour, linewidth=1.2, alpha=0.7)


def _score_panel(axis: Any, measurand: Measurand, results: Sequence[Result]) -> None:
    base = results[0].value
    if base.mean is not None:
        axis.axvline(base.mean, color=GREY, linewidth=1)
        if base.low is not None and base.high is not None:
            axis.axvspan(base.low, base.high, color=GREY, alpha=0.12, linewidth=0)
    arms = [result.arm for result in results if not is_base(result.arm)]
    for row, result in enumerate(results):
        value = result.value
        if value.mean is None:
            axis.annotate(
                "failed", (0.02, row), xycoords=("axes fraction", "data"), fontsize=8, color=GREY, va="center"
            )
            continue
        colour, marker = (GREY, "o") if is_base(result.arm) else _look(result.arm, arms)
        _point(axis, row, value.mean, value.low, value.high, colour=colour, marker=marker, filled=True)
        axis.annotate(
            fmt.number(value.mean), (1.02, row), xycoords=("axes fraction", "data"), fontsize=7.5, va="center"
        )
    if measurand.chance:
        _chance_line(axis, measurand.chance, len(results))
    axis.set_title(_plain(measurand.name))
    axis.set_xlabel("" if measurand.higher_is_better else "lower is better", fontsize=7.5, color=GREY)


def _chance_line(axis: Any, chance: float, rows: int) -> None:
    """Left out where it is so far off that it would squeeze the scores together."""
    low, high = axis.get_xlim()
    if low - (high - low) / 2 <= chance <= high:
        axis.axvline(chance, color=GREY, linewidth=1, linestyle=(0, (1, 2)))
        axis.annotate("chance", (chance, rows - 0.55), fontsize=7, color=GREY, ha="left", va="bottom")


def _delta_panel(
    axis: Any, title: str, measurand: Measurand, arms: Sequence[str], contrasts: Sequence[Contrast | None]
) -> None:
    axis.axvline(0, color=GREY, linewidth=1)
    for row, (arm, contrast) in enumerate(zip(arms, contrasts, strict=True)):
        delta = None if contrast is None else contrast.delta
        if contrast is None or delta is None or delta.estimate is None:
            word = "control" if contrast is None else "failed"
            axis.annotate(
                word, (0.5, row), xycoords=("axes fraction", "data"), fontsize=7, color=GREY, va="center", ha="center"
            )
            continue
        colour, marker = _look(arm, arms)
        resolved = contrast.reading in {"better", "worse", "higher", "lower"}
        _point(axis, row, delta.estimate, delta.low, delta.high, colour=colour, marker=marker, filled=resolved)
    axis.set_title(_plain(title))
    axis.set_xlabel("" if measurand.higher_is_better else "lower is better", fontsize=7.5, color=GREY)


def _point(
    axis: Any,
    row: int,
    estimate: float,
    low: float | None,
    high: float | None,
    *,
    colour: str,
    marker: str,
    filled: bool,
) -> None:
    if low is not None and high is not None:
        axis.plot([low, high], [row, row], color=colour, linewidth=1.6, solid_capstyle="round")
    face = colour if filled else "white"
    axis.plot([estimate], [row], marker=marker, color=colour, markerfacecolor=face, markersize=5.5, linestyle="none")


def _loss_panel(axis: Any, curves: Sequence[Curve], data: Sequence[str]) -> None:
    ends: list[tuple[float, float, str, str]] = []
    for curve in curves:
        colour = COLOURS[data.index(curve.data) % len(COLOURS)]
        for seen, losses in curve.seeds:
            axis.plot(seen, losses, color=colour, linewidth=0.5, alpha=0.35)
        for seen, losses in curve.validation:
            axis.plot(
                seen, losses, color=colour, linewidth=1, linestyle=(0, (3, 2)), marker="o", markersize=3,
                markerfacecolor="white",
            )  # fmt: skip
        if curve.mean_tokens:
            axis.plot(curve.mean_tokens, curve.mean_losses, color=colour, linewidth=2)
            ends.append((curve.mean_losses[-1], curve.mean_tokens[-1], curve.data, colour))
    low, high = axis.get_ylim()
    for height, (_, tokens, name, colour) in zip(
        _spread([end[0] for end in sorted(ends)], (high - low) * 0.07), sorted(ends), strict=True
    ):
        axis.annotate(
            _plain(name), (tokens, height), xytext=(5, 0), textcoords="offset points", color=colour, va="center"
        )
    axis.spines["left"].set_visible(True)
    axis.xaxis.set_major_formatter(lambda value, _: fmt.short_count(value).replace(".0", ""))
    axis.xaxis.set_major_locator(_locator(4))
    axis.margins(x=0.02)


def _steps_above(axis: Any, curve: Curve) -> None:
    """Optimiser steps along the top: of one arm, whose steps are those of its first seed."""
    seen = curve.seeds[0][0]
    last, count = seen[-1], len(seen)
    tokens = np.array([-last, 0.0, *seen, 2 * last])  # on beyond the ends, where the axis has its margins
    steps = np.array([-count, *range(count + 1), 2 * count], dtype=np.float64)
    above = axis.secondary_xaxis(
        "top", functions=(lambda at: np.interp(at, tokens, steps), lambda at: np.interp(at, steps, tokens))
    )
    above.xaxis.set_major_locator(_locator(4))
    above.set_xlabel("steps", fontsize=7.5, color=GREY)
    above.tick_params(labelsize=7.5)


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Moves labels up until none covers the one below. heights: ascending."""
    placed: list[float] = []
    for height in heights:
        placed.append(height if not placed else max(height, placed[-1] + gap))
    return placed


def _panels(rows: int, columns: int, arms: int) -> tuple[Figure, Any]:
    width = _LABEL_INCHES + _PANEL_INCHES * columns
    height = rows * (0.75 + _ROW_INCHES * arms)
    figure, axes = _new_figure(rows, columns, width=width, height=height, share_y=True)
    for axis in axes.flat:
        axis.set_ylim(arms - 0.5, -0.5)
        axis.tick_params(left=False)
        axis.xaxis.set_major_locator(_locator(4))
        axis.grid(axis="y", color="#eeeeee", linewidth=0.8)
        axis.set_axisbelow(True)
    return figure, axes


def _new_figure(rows: int, columns: int, *, width: float, height: float, share_y: bool) -> tuple[Figure, Any]:
    """Without pyplot: no global state, no window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    return figure, np.asarray(axes)


def _locator(ticks: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10])


def _label_rows(axis: Any, arms: Sequence[str]) -> None:
    axis.set_yticks(range(len(arms)), [_plain(arm) for arm in arms])


def _look(arm: str, arms: Sequence[str]) -> tuple[str, str]:
    """Colour by data, shape by recipe."""
    data = list(dict.fromkeys(name.rpartition("/")[0] for name in arms))
    recipes = list(dict.fromkeys(name.rpartition("/")[2] for name in arms))
    own_data, _, own_recipe = arm.rpartition("/")
    return COLOURS[data.index(own_data) % len(COLOURS)], MARKERS[recipes.index(own_recipe) % len(MARKERS)]


def _any_score(comparison: Comparison, measurand: Measurand) -> bool:
    return any(comparison.results[arm, measurand.name].value.mean is not None for arm in comparison.arms)


def _any_contrast(comparison: Comparison, pick: Callable[[Result], Contrast | None]) -> bool:
    return any(pick(result) is not None for result in comparison.results.values())


def _plain(text: str) -> str:
    """matplotlib reads `$` as mathematics."""
    return shorten(visible(text), 32).replace("$", r"\$")
