"""A panel under construction: axes, rows of arms, marks with intervals, lines, legends.

Contract: places are in units of the panel; colours are classes (`render/plot.css`), shapes repeat what colours say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from markupsafe import Markup

from bench.report.plots.axes import Axis, labels, ticks
from bench.report.render.drawing import Panel, element
from bench.report.render.escape import shorten

WIDTH = 320.0
"""Units of a panel: the pixels that a telephone has."""
COLOURS = 7
SHAPES = ("disc", "square", "diamond", "up", "down", "plus", "cross")
_LETTER = 6.6
"""Units of a letter, on the wide side."""


def _star(even: float, odd: float) -> tuple[tuple[float, float], ...]:
    """Eight corners around the origin at two distances, in turn."""
    around = [(place * math.pi / 4, odd if place % 2 else even) for place in range(8)]
    return tuple((math.cos(angle) * radius, math.sin(angle) * radius) for angle, radius in around)


_SHAPE_POINTS = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "diamond": ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
    "up": ((0, -1.25), (1.2, 1), (-1.2, 1)),
    "down": ((0, 1.25), (1.2, -1), (-1.2, -1)),
    "plus": _star(1.35, 0.55),
    "cross": _star(0.5, 1.35),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How an arm or a line is drawn."""

    colour: str
    shape: str = "disc"


BASE = Style(colour="base")


def look(arm: str, arms: Sequence[str]) -> Style:
    """Colour by data, shape by recipe."""
    data, recipes = _parts(tuple(arms))
    of_data, _, of_recipe = arm.rpartition("/")
    return numbered(data[of_data], recipes[of_recipe])


@lru_cache(maxsize=4)
def _parts(arms: tuple[str, ...]) -> tuple[dict[str, int], dict[str, int]]:
    """Places of data and of recipes in the order in which the arms have them."""
    data, recipes = (dict.fromkeys(name.rpartition("/")[part] for name in arms) for part in (0, 2))
    return {name: place for place, name in enumerate(data)}, {name: place for place, name in enumerate(recipes)}


def numbered(colour: int, shape: int = 0) -> Style:
    """The look of a series by its place in the order."""
    return Style(colour=f"c{colour % COLOURS}", shape=SHAPES[shape % len(SHAPES)])


def text_width(text: str) -> float:
    """Units that a text takes, rather too many than too few."""
    return _LETTER * len(text)


@dataclass(slots=True, kw_only=True)
class Canvas:
    """What is drawn so far. title: in bold above; label: the whole in words, for who cannot see it."""

    title: str
    label: str
    width: float = WIDTH
    parts: list[Markup] = field(default_factory=list)

    def panel(self, height: float) -> Panel:
        """The panel, done."""
        title = element("text", [shorten(self.title, 46)], x=0, y=13, class_="title")
        return Panel(
            title=self.title,
            label=self.label,
            width=self.width,
            height=height,
            body=Markup("".join([title, *self.parts])),  # noqa: S704  elements
        )

    def add(self, name: str, children: Sequence[Markup | str] = (), /, **attributes: object) -> None:
        """One element."""
        self.parts.append(element(name, children, **attributes))

    def text(self, x: float, y: float, text: str, kind: str = "") -> None:
        """A line of text; kind: its classes."""
        self.add("text", [text], x=x, y=y, class_=kind or None)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line."""
        self.add("path", d=path([(x1, y1), (x2, y2)]), class_=kind)

    def bottom_axis(
        self, axis: Axis, y: float, *, top: float, title: str = "", at: tuple[list[float], list[str]] | None = None
    ) -> None:
        """Ticks, their labels, grid lines up to `top`, and the axis' title. at: ticks and labels of its own."""
        values, names = at or with_labels(axis)
        for value, name in zip(values, names, strict=True):
            x = axis.at(value)
            self.line(x, top, x, y, "grid")
            kind = "end" if x + text_width(name) / 2 > self.width else "mid"
            self.text(min(x, self.width) if kind == "mid" else self.width, y + 13, name, f"faint {kind}")
        self.line(axis.start, y, axis.end, y, "axis")
        if title:
            self.text((axis.start + axis.end) / 2, y + 28, title, "faint mid")

    def left_axis(self, axis: Axis, x: float, *, right: float) -> None:
        """Ticks and labels of values that rise, with grid lines to `right`. axis: from the bottom to the top."""
        for value, name in zip(*with_labels(axis), strict=True):
            y = axis.at(value)
            self.line(x, y, right, y, "grid")
            self.text(x - 5, y + 4, name, "faint end")

    def mark(
        self, x: float, y: float, style: Style, *, arm: str, says: str, filled: bool = True,
        across: tuple[float, float] | None = None, along: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        """A mark with its intervals: `across` from left to right, `along` from bottom to top; `says` is shown by a
        pointer that rests on it."""
        inside = [element("title", [says])]
        if across is not None:
            inside.append(element("path", [], d=path([(across[0], y), (across[1], y)]), class_="span"))
        if along is not None:
            inside.append(element("path", [], d=path([(x, along[0]), (x, along[1])]), class_="span"))
        inside.append(shape(x, y, style.shape, "mark" if filled else "mark hollow"))
        self.add("g", inside, class_=style.colour, data_arm=arm)

    def legend(self, entries: Sequence[tuple[str, Style]], y: float, *, curve: bool = False) -> float:
        """Names with their looks, in as many rows as they need; returns the place below. curve: a stroke, no shape."""
        x = 0.0
        for name, style in entries:
            short = shorten(name, 40)
            width = 18 + text_width(short) + 10
            if x and x + width > self.width:
                x, y = 0.0, y + 16
            sign = (
                element("path", [], d=path([(x, y - 4), (x + 12, y - 4)]), class_="curve")
                if curve
                else shape(x + 6, y - 4, style.shape, "mark")
            )
            self.add("g", [sign, element("text", [short], x=x + 17, y=y)], class_=style.colour, data_arm=name)
            x += width
        return y + 16


def with_labels(axis: Axis) -> tuple[list[float], list[str]]:
    """Round numbers of an axis and how they are written."""
    values = ticks(axis)
    return values, labels(values)


def shape(x: float, y: float, name: str, kind: str, size: float = 3.4) -> Markup:
    """A mark's shape around a place."""
    if name == "disc":
        return element("circle", [], cx=x, cy=y, r=size + 0.4, class_=kind)
    corners = [(x + size * right, y + size * down) for right, down in _SHAPE_POINTS[name]]
    return element("path", [], d=path(corners) + "Z", class_=kind)


def path(points: Sequence[tuple[float, float]]) -> str:
    """The points as SVG path data, to a tenth of a unit."""
    return "M" + "L".join(f"{x:.1f},{y:.1f}".replace(".0", "") for x, y in points)
