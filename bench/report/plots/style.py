"""The look that all plots share: figures and their panels, colours and shapes of arms, names as they may be drawn.

Colours are Okabe & Ito's; shapes repeat what colours say. matplotlib is imported inside functions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.control_codes import visible
from bench.report.render.escape import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure


COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
GREY = "#666666"
_ROW_INCHES, _PANEL_INCHES, _LABEL_INCHES = 0.30, 2.05, 1.55
STYLE = {
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


def new_figure(rows: int, columns: int, *, width: float, height: float, share_y: bool) -> tuple[Figure, Any]:
    """Without pyplot: no global state, no window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    return figure, np.asarray(axes)


def new_panels(rows: int, columns: int, arms: int) -> tuple[Figure, Any]:
    """Panels with one row per arm, the first arm on top."""
    width = _LABEL_INCHES + _PANEL_INCHES * columns
    height = rows * (0.75 + _ROW_INCHES * arms)
    figure, axes = new_figure(rows, columns, width=width, height=height, share_y=True)
    for axis in axes.flat:
        axis.set_ylim(arms - 0.5, -0.5)
        axis.tick_params(left=False)
        axis.xaxis.set_major_locator(locator(4))
        axis.grid(axis="y", color="#eeeeee", linewidth=0.8)
        axis.set_axisbelow(True)
    return figure, axes


def locator(ticks: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10])


def label_rows(axis: Any, arms: Sequence[str]) -> None:
    axis.set_yticks(range(len(arms)), [plain(arm) for arm in arms])


def draw_point(
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


def look(arm: str, arms: Sequence[str]) -> tuple[str, str]:
    """Colour by data, shape by recipe."""
    data = list(dict.fromkeys(name.rpartition("/")[0] for name in arms))
    recipes = list(dict.fromkeys(name.rpartition("/")[2] for name in arms))
    own_data, _, own_recipe = arm.rpartition("/")
    return COLOURS[data.index(own_data) % len(COLOURS)], MARKERS[recipes.index(own_recipe) % len(MARKERS)]


def plain(text: str) -> str:
    """matplotlib reads `$` as mathematics."""
    return shorten(visible(text), 32).replace("$", r"\$")
