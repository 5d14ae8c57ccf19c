"""All plots of a comparison, by name.

Contract: the same comparison gives the same drawings. No library draws: a panel is text (`docs/decisions`).
"""

from collections.abc import Callable

from bench.report.analysis.comparison import Comparison
from bench.report.plots.claims import claims_drawing
from bench.report.plots.deltas import deltas_drawing
from bench.report.plots.loss import gradient_drawing, loss_drawing, rate_drawing
from bench.report.plots.scaling import scaling_drawing
from bench.report.plots.scores import scores_drawing
from bench.report.plots.tradeoff import tradeoff_drawing
from bench.report.plots.trajectory import trajectory_drawing
from bench.report.render.drawing import Drawing

_PAINTERS: dict[str, Callable[[Comparison], Drawing]] = {
    "claims": claims_drawing,
    "scores": scores_drawing,
    "deltas": deltas_drawing,
    "loss": loss_drawing,
    "gradient_norm": gradient_drawing,
    "learning_rate": rate_drawing,
    "tradeoff": tradeoff_drawing,
    "trajectory": trajectory_drawing,
    "scaling": scaling_drawing,
}


def draw(comparison: Comparison) -> dict[str, Drawing]:
    """Drawings by name; a plot without anything to show is left out."""
    return {name: _PAINTERS[name](comparison) for name in comparison.plots}
