"""All plots of a comparison as SVG texts.

Contract: the same comparison gives the same bytes. matplotlib is imported when something is drawn; no window system is
needed.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.report.analysis.comparison import Comparison
from bench.report.plots.deltas import deltas_figure
from bench.report.plots.loss import loss_figure
from bench.report.plots.scaling import scaling_figure
from bench.report.plots.scores import scores_figure
from bench.report.plots.style import STYLE
from bench.report.plots.tradeoff import tradeoff_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    with mpl.rc_context(STYLE):
        for name in comparison.plots:
            buffer = io.StringIO()
            metadata = {"Date": None, "Creator": None, "Description": stamp}
            painters[name](comparison).savefig(buffer, format="svg", metadata=metadata)
            drawn[name] = buffer.getvalue()
    return drawn
