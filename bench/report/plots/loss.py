"""What training looked like, over the tokens seen: the loss with its validation, the norm of the gradient, the rate."""

from collections.abc import Callable, Sequence

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.losses.loss_curves import Line, LossCurve
from bench.report.plots.canvas import Style, numbered
from bench.report.plots.lines import Frame, Series, line_panel
from bench.report.render.drawing import Drawing

_MOST_SEEDS = 60
"""Lines of single seeds in a panel of losses; beyond, their means alone can be read."""


def loss_drawing(comparison: Comparison) -> Drawing:
    """One panel per recipe, one colour per data; thin lines are seeds, the thick one their mean."""
    return _drawing(comparison, "nats per supervised token", _loss_lines)


def gradient_drawing(comparison: Comparison) -> Drawing:
    """The norm of the gradient before clipping, a line per seed."""
    return _drawing(
        comparison, "gradient norm, before clipping", lambda curve, look: _fine(curve, look, curve.gradient_norm)
    )


def rate_drawing(comparison: Comparison) -> Drawing:
    """The learning rate of each step, a line per seed."""
    return _drawing(comparison, "learning rate", lambda curve, look: _fine(curve, look, curve.learning_rate))


def _drawing(comparison: Comparison, title: str, lines: Callable[[LossCurve, Style], list[Series]]) -> Drawing:
    data = list(dict.fromkeys(curve.data for curve in comparison.curves))
    panels = []
    for recipe in dict.fromkeys(curve.recipe for curve in comparison.curves):
        curves = [curve for curve in comparison.curves if curve.recipe == recipe]
        series = [entry for curve in curves for entry in lines(curve, numbered(data.index(curve.data)))]
        if sum("thin" in entry.kind for entry in series) > _MOST_SEEDS:
            series = [entry for entry in series if "thin" not in entry.kind]
        if series:
            steps = curves[0].seeds[0][0] if len(curves) == 1 else ()
            frame = Frame(title=recipe, x_title="tokens seen", y_title=title, steps=steps)
            panels.append(line_panel(frame, series))
    return Drawing(panels=tuple(panels))


def _loss_lines(curve: LossCurve, look: Style) -> list[Series]:
    seeds = [Series(name=curve.data, look=look, x=x, y=y, kind="curve thin") for x, y in curve.seeds]
    mean = Series(name=curve.data, look=look, x=curve.mean_tokens, y=curve.mean_losses)
    validation = [
        Series(name=curve.data, look=look, x=x, y=y, kind="curve dashed", marks=True) for x, y in curve.validation
    ]
    return [*seeds, *([mean] if curve.mean_tokens else []), *validation]


def _fine(curve: LossCurve, look: Style, lines: Sequence[Line]) -> list[Series]:
    return [Series(name=curve.data, look=look, x=x, y=y, kind="curve fine") for x, y in lines]
