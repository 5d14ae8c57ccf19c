"""Quality against cost: the arms on the frontier are filled."""

from collections.abc import Sequence

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.costs.tradeoff import Tradeoff
from bench.report.plots.axes import Axis, of_bytes, spanning
from bench.report.plots.canvas import WIDTH, Canvas, Style, look, text_width, with_labels
from bench.report.render import format as fmt
from bench.report.render.drawing import Drawing, Panel
from bench.stats.conclusions.frontier import Amount, Point
from bench.suite.tables.arms.arms import is_base

_TOP, _BOTTOM = 24.0, 176.0


def tradeoff_drawing(comparison: Comparison) -> Drawing:
    """One panel per cost and measurand; up and left is better. The base is a line: it costs nothing."""
    arms = [arm for arm in comparison.arms if not is_base(arm)]
    shown = [trade for trade in comparison.tradeoffs if any(point.priced for point in trade.points)]
    return Drawing(panels=tuple(_panel(tradeoff, arms) for tradeoff in shown))


def _panel(tradeoff: Tradeoff, arms: Sequence[str]) -> Panel:
    name = tradeoff.measurand.name
    canvas = Canvas(title=f"{name} against {tradeoff.cost.name}", label=_in_words(tradeoff))
    points = [(point, *_known(point)) for point in tradeoff.points if point.quality and point.cost]
    priced = [entry for entry in points if not is_base(entry[0].name)]
    y = _quality_axis(tradeoff, [quality for _, quality, _ in points])
    start = max(text_width(label) for label in with_labels(y)[1]) + 6
    costs = [value for _, _, cost in priced for value in (cost.value, cost.low, cost.high)]
    x = spanning(costs, start=start, end=WIDTH - 4, margin=0.1)
    ticks = of_bytes(x) if tradeoff.cost.name == "memory" else None
    canvas.bottom_axis(x, _BOTTOM, top=_TOP, title=tradeoff.cost.title, at=ticks)
    canvas.left_axis(y, start, right=x.end)
    for point, quality, _ in points:
        if is_base(point.name):
            at = y.at(quality.value)
            canvas.line(start, at, x.end, at, "zero dashed")
            canvas.text(x.end, at - 4, point.name, "faint end")
        else:
            _point(canvas, (x, y), point, look(point.name, arms), tradeoff)
    return canvas.panel(canvas.legend([(point.name, look(point.name, arms)) for point, _, _ in priced], _BOTTOM + 46))


def _known(point: Point) -> tuple[Amount, Amount]:
    assert point.quality is not None
    assert point.cost is not None
    return point.quality, point.cost


def _quality_axis(tradeoff: Tradeoff, qualities: Sequence[Amount]) -> Axis:
    """Better is up. The points' quality is turned where lower is better: the axis shows the eval's own values."""
    values = [value for quality in qualities for value in (quality.value, quality.low, quality.high)]
    axis = spanning(values, start=_BOTTOM, end=_TOP + 4, margin=0.12)
    if tradeoff.measurand.higher_is_better:
        return axis
    return Axis(low=-axis.high, high=-axis.low, start=axis.end, end=axis.start)


def _point(canvas: Canvas, axes: tuple[Axis, Axis], point: Point, style: Style, tradeoff: Tradeoff) -> None:
    (x, y), (quality, cost) = axes, _known(point)
    sign = 1.0 if tradeoff.measurand.higher_is_better else -1.0
    standing = tradeoff.standings[point.name].standing
    canvas.mark(
        x.at(cost.value),
        y.at(sign * quality.value),
        style,
        arm=point.name,
        says=_says(tradeoff, point),
        filled=standing == "frontier",
        across=None if cost.low is None or cost.high is None else (x.at(cost.low), x.at(cost.high)),
        along=None
        if quality.low is None or quality.high is None
        else (y.at(sign * quality.low), y.at(sign * quality.high)),
    )


def _says(tradeoff: Tradeoff, point: Point) -> str:
    quality, cost = _known(point)
    value = quality.value if tradeoff.measurand.higher_is_better else -quality.value
    amount = fmt.memory(cost.value) if tradeoff.cost.name == "memory" else fmt.short_count(cost.value)
    unit = "" if tradeoff.cost.name == "memory" else f" {tradeoff.cost.name}"
    return f"{point.name} {fmt.number(value)} for {amount}{unit}, {tradeoff.standings[point.name].standing}"


def _in_words(tradeoff: Tradeoff) -> str:
    said = [_says(tradeoff, point) for point in tradeoff.points if point.quality and point.cost]
    return f"{tradeoff.measurand.name} against {tradeoff.cost.title}: {'; '.join(said)}"
