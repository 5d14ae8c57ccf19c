"""A panel with lines over one axis: training curves, scores over rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.report.plots.axes import Axis, labels, spanning
from bench.report.plots.canvas import WIDTH, Canvas, Style, path, shape, text_width, with_labels
from bench.report.render import format as fmt
from bench.report.render.drawing import Panel, element

_TOP, _BOTTOM = 26.0, 186.0
_MOST_SAID = 60
"""Lines that a plot says in words."""
_MOST_POINTS, _PANEL_POINTS, _FEWEST_POINTS = 400, 24_000, 40
"""Points of a line at most, of all lines of a panel, and of a line where there are very many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line. kind: `curve`, `curve thin` or `curve dashed`; marks: whether each point has its shape."""

    name: str
    look: Style
    x: Sequence[float]
    y: Sequence[float]
    kind: str = "curve"
    marks: bool = False
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    """Ends of each point's interval; empty where there are none."""
    band: bool = False
    """Whether the intervals are drawn as the area between their ends: they hold for all points at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is around the lines of a panel. x_ticks: the only ticks; steps: tokens by step, as ticks along the top."""

    title: str
    x_title: str
    y_title: str = ""
    log_x: bool = False
    x_ticks: Sequence[float] = ()
    level: float | None = None
    """A dashed line all across, such as the base's score."""
    steps: Sequence[float] = field(default=())


def line_panel(frame: Frame, series: Sequence[Series]) -> Panel:
    """The panel, with a legend of the names below; a name counts once."""
    canvas = Canvas(title=frame.title, label=_in_words(frame, series))
    x, y = _axes(frame, series)
    top = 13.0
    if frame.y_title:
        top += 14
        canvas.text(0, top, frame.y_title, "faint")
    canvas.bottom_axis(x, _BOTTOM, top=_TOP + 8, title=frame.x_title, at=_x_labels(frame, x))
    canvas.left_axis(y, x.start, right=x.end)
    if frame.level is not None:
        canvas.line(x.start, y.at(frame.level), x.end, y.at(frame.level), "zero dashed")
    if frame.steps:
        _steps_along_the_top(canvas, x, frame.steps)
    most = max(_FEWEST_POINTS, min(_MOST_POINTS, _PANEL_POINTS // len(series)))
    for entry in series:
        _draw(canvas, x, y, entry, most)
    looks = {entry.name: entry.look for entry in series}
    return canvas.panel(canvas.legend(list(looks.items()), _BOTTOM + 48, curve=not series[0].marks) - 6)


def _axes(frame: Frame, series: Sequence[Series]) -> tuple[Axis, Axis]:
    heights = [value for entry in series for value in (*entry.y, *entry.low, *entry.high)]
    y = spanning([*heights, frame.level], start=_BOTTOM, end=_TOP + 16)
    start = max(text_width(name) for name in with_labels(y)[1]) + 6
    x = spanning(
        [value for entry in series for value in entry.x], start=start, end=WIDTH - 4, margin=0.02, log=frame.log_x
    )
    return x, y


def _x_labels(frame: Frame, x: Axis) -> tuple[list[float], list[str]] | None:
    """Ticks at given values only, as many as have room."""
    values, names = list(frame.x_ticks), []
    if not values:
        return None
    names = [fmt.short_count(value).replace(".0", "") for value in values]
    kept: list[int] = []
    for index, name in enumerate(names):
        room = not kept or x.at(values[index]) - x.at(values[kept[-1]]) > text_width(name) + 6
        if room and name not in [names[other] for other in kept]:
            kept.append(index)
    return [values[index] for index in kept], [names[index] for index in kept]


def _draw(canvas: Canvas, x: Axis, y: Axis, entry: Series, most: int) -> None:
    points = [(x.at(a), y.at(b)) for a, b in _thinned(list(zip(entry.x, entry.y, strict=True)), most)]
    inside = [element("title", [entry.name])]
    ends_of = zip(points, entry.low, entry.high, strict=False)
    spans = [(at, y.at(low), y.at(high)) for (at, _), low, high in ends_of if low is not None and high is not None]
    if entry.band:
        around = [*((at, low) for at, low, _ in spans), *((at, high) for at, _, high in reversed(spans))]
        inside += [element("path", [], d=path(around) + "Z", class_="area")] if spans else []
    else:
        inside += [element("path", [], d=path([(at, low), (at, high)]), class_="span") for at, low, high in spans]
    if points:
        inside.append(element("path", [], d=path(points), class_=entry.kind))
    if entry.marks:
        inside += [shape(*point, entry.look.shape, "mark", 2.6) for point in points]
    ends = " ".join(f"{end:.6g}" for axis in (x, y) for end in (axis.low, axis.high, axis.start, axis.end))
    canvas.add("g", inside, class_=entry.look.colour, data_arm=entry.name, data_axes=None if x.log else ends)


def _thinned(points: list[tuple[float, float]], most: int = _MOST_POINTS) -> list[tuple[float, float]]:
    """At most so many points: of each stretch the first, lowest, highest and last, so that no peak is lost."""
    if len(points) <= most:
        return points
    width = -(-len(points) * 4 // most)
    kept: list[int] = []
    for start in range(0, len(points), width):
        stretch = range(start, min(start + width, len(points)))
        lowest, highest = (pick(stretch, key=lambda index: points[index][1]) for pick in (min, max))
        kept += sorted({stretch[0], lowest, highest, stretch[-1]})
    return [points[index] for index in kept]


def _steps_along_the_top(canvas: Canvas, x: Axis, tokens: Sequence[float]) -> None:
    """Optimiser steps of one arm: the place of a step is that of the tokens seen by then. tokens: by step, from 1."""
    count = len(tokens)
    every = spanning([0.0, float(count)], start=0.0, end=1.0, margin=0.0)
    values = [value for value in with_labels(every)[0] if value >= 1 and value == int(value)]
    for value, name in zip(values, labels(values), strict=True):
        at = x.at(tokens[int(value) - 1])
        canvas.line(at, _TOP + 8, at, _TOP + 13, "axis")
        canvas.text(at, _TOP + 4, f"step {name}" if value == values[0] else name, "faint mid")


def _in_words(frame: Frame, series: Sequence[Series]) -> str:
    if len(series) > _MOST_SAID:
        return f"{frame.title}, {frame.y_title or 'score'} over {frame.x_title}: {len(series)} lines"
    ends = [
        f"{entry.name} ends at {fmt.number(entry.y[-1])}" for entry in series if entry.y and "thin" not in entry.kind
    ]
    return f"{frame.title}, {frame.y_title or 'score'} over {frame.x_title}: {'; '.join(ends)}"
