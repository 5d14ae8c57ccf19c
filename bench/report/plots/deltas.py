"""Differences from the base and from the control: what is resolved is filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Contrast, Result
from bench.report.plots.style import GREY, draw_point, label_rows, look, new_panels, plain
from bench.suite.tables.suite import is_base

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def deltas_figure(comparison: Comparison) -> Figure:
    """Differences from the base above, from the control below; filled where resolved, hollow where not."""
    arms = [arm for arm in comparison.arms if not is_base(arm)]
    kinds: list[tuple[str, Callable[[Result], Contrast | None]]] = [
        ("base", lambda result: result.versus_base),
        ("control", lambda result: result.versus_control),
    ]
    shown = [(name, pick) for name, pick in kinds if _any_contrast(comparison, pick)]
    figure, axes = new_panels(len(shown), len(comparison.measurands), len(arms))
    for row, (name, pick) in zip(axes, shown, strict=True):
        for axis, measurand in zip(row, comparison.measurands, strict=True):
            results = [comparison.results[arm, measurand.name] for arm in arms]
            _delta_panel(axis, f"{measurand.name} − {name}", measurand, results, [pick(result) for result in results])
        label_rows(row[0], arms)
    return figure


def _delta_panel(
    axis: Any, title: str, measurand: Measurand, results: Sequence[Result], contrasts: Sequence[Contrast | None]
) -> None:
    axis.axvline(0, color=GREY, linewidth=1)
    arms = [result.arm for result in results]
    for row, (result, contrast) in enumerate(zip(results, contrasts, strict=True)):
        delta = None if contrast is None else contrast.delta
        if contrast is None or delta is None or delta.estimate is None:
            scored = result.value.mean is not None
            word = "control" if contrast is None else "no pair scored" if scored else result.absent_word
            axis.annotate(
                word, (0.5, row), xycoords=("axes fraction", "data"), fontsize=7, color=GREY, va="center", ha="center"
            )
            continue
        colour, marker = look(result.arm, arms)
        resolved = contrast.reading in {"better", "worse", "higher", "lower"}
        draw_point(axis, row, delta.estimate, delta.low, delta.high, colour=colour, marker=marker, filled=resolved)
    axis.set_title(plain(title))
    axis.set_xlabel("" if measurand.higher_is_better else "lower is better", fontsize=7.5, color=GREY)


def _any_contrast(comparison: Comparison, pick: Callable[[Result], Contrast | None]) -> bool:
    return any(pick(result) is not None for result in comparison.results.values())
