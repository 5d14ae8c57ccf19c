"""Scores: one panel per measurand, one row per arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Result
from bench.report.plots.style import GREY, draw_point, label_rows, look, new_panels, plain
from bench.report.render import format as fmt
from bench.suite.tables.suite import is_base

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def scores_figure(comparison: Comparison) -> Figure:
    """One panel per measurand, one row per arm; the base as a line with its interval as a band."""
    panels = [measurand for measurand in comparison.measurands if _any_score(comparison, measurand)]
    figure, axes = new_panels(1, len(panels), len(comparison.arms))
    for axis, measurand in zip(axes[0], panels, strict=True):
        results = [comparison.results[arm, measurand.name] for arm in comparison.arms]
        _score_panel(axis, measurand, results)
    label_rows(axes[0][0], comparison.arms)
    return figure


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
                result.absent_word,
                (0.02, row),
                xycoords=("axes fraction", "data"),
                fontsize=8,
                color=GREY,
                va="center",
            )
            continue
        colour, marker = (GREY, "o") if is_base(result.arm) else look(result.arm, arms)
        draw_point(axis, row, value.mean, value.low, value.high, colour=colour, marker=marker, filled=True)
        axis.annotate(
            fmt.number(value.mean), (1.02, row), xycoords=("axes fraction", "data"), fontsize=7.5, va="center"
        )
    if measurand.chance:
        _chance_line(axis, measurand.chance, len(results))
    axis.set_title(plain(measurand.name))
    axis.set_xlabel("" if measurand.higher_is_better else "lower is better", fontsize=7.5, color=GREY)


def _chance_line(axis: Any, chance: float, rows: int) -> None:
    """Left out where it is so far off that it would squeeze the scores together."""
    low, high = axis.get_xlim()
    if low - (high - low) / 2 <= chance <= high:
        axis.axvline(chance, color=GREY, linewidth=1, linestyle=(0, (1, 2)))
        axis.annotate("chance", (chance, rows - 0.55), fontsize=7, color=GREY, ha="left", va="bottom")


def _any_score(comparison: Comparison, measurand: Measurand) -> bool:
    return any(comparison.results[arm, measurand.name].value.mean is not None for arm in comparison.arms)
