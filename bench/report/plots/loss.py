"""Loss curves over the tokens seen, with validation where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.loss_curves import LossCurve
from bench.report.plots.style import COLOURS, GREY, locator, new_figure, plain
from bench.report.render import format as fmt

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def loss_figure(comparison: Comparison) -> Figure:
    """One panel per recipe, one colour per data; thin lines are seeds, the thick one their mean."""
    curves = comparison.curves
    recipes = list(dict.fromkeys(curve.recipe for curve in curves))
    data = list(dict.fromkeys(curve.data for curve in curves))
    figure, axes = new_figure(1, len(recipes), width=max(5.0, 4.3 * len(recipes)), height=3.3, share_y=True)
    for axis, recipe in zip(axes[0], recipes, strict=True):
        axis.set_title(plain(recipe))
        recipe_curves = [curve for curve in curves if curve.recipe == recipe]
        _loss_panel(axis, recipe_curves, data)
        axis.set_xlabel("tokens seen")
        if len(recipe_curves) == 1:
            _steps_above(axis, recipe_curves[0])
    axes[0][0].set_ylabel("training loss, nats per supervised token")
    return figure


def _loss_panel(axis: Any, curves: Sequence[LossCurve], data: Sequence[str]) -> None:
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
            plain(name), (tokens, height), xytext=(5, 0), textcoords="offset points", color=colour, va="center"
        )
    axis.spines["left"].set_visible(True)
    axis.xaxis.set_major_formatter(lambda value, _: fmt.short_count(value).replace(".0", ""))
    axis.xaxis.set_major_locator(locator(4))
    axis.margins(x=0.02)


def _steps_above(axis: Any, curve: LossCurve) -> None:
    """Optimiser steps along the top: of one arm, whose steps are those of its first seed."""
    seen = curve.seeds[0][0]
    last, count = seen[-1], len(seen)
    tokens = np.array([-last, 0.0, *seen, 2 * last])  # on beyond the ends, where the axis has its margins
    steps = np.array([-count, *range(count + 1), 2 * count], dtype=np.float64)
    above = axis.secondary_xaxis(
        "top", functions=(lambda at: np.interp(at, tokens, steps), lambda at: np.interp(at, steps, tokens))
    )
    above.xaxis.set_major_locator(locator(4))
    above.set_xlabel("steps", fontsize=7.5, color=GREY)
    above.tick_params(labelsize=7.5)


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Moves labels up until none covers the one below. heights: ascending."""
    placed: list[float] = []
    for height in heights:
        placed.append(height if not placed else max(height, placed[-1] + gap))
    return placed
