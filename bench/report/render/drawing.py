"""A drawing: panels of SVG in the page's own colours, inside a page or as a file of its own.

Contract: panels hold text, shapes and classes, no colour and no style: `page/plot.css` gives them, for light, dark and
print. Every text is escaped. The same panels give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from markupsafe import Markup, escape

from bench.control_codes import visible

GAP = 16
"""Units between the panels of a file."""
COLUMNS = 3
"""Panels side by side in a file; a page has as many as fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One plot. width and height in units, which are pixels on a telephone; label: what it shows, in words."""

    title: str
    label: str
    width: float
    height: float
    body: Markup

    def svg(self, *, at: tuple[float, float] | None = None) -> Markup:
        """The panel as an element; `at` in units where it is a part of another."""
        size = f"{_short(self.width)} {_short(self.height)}"
        if at is None:
            return element("svg", [self.body], viewBox=f"0 0 {size}", role="img", aria_label=self.label)
        place = {"x": at[0], "y": at[1], "width": self.width, "height": self.height}
        return element("svg", [self.body], viewBox=f"0 0 {size}", **place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Panels that belong together."""

    panels: tuple[Panel, ...]

    @property
    def height(self) -> float:
        """Units of the tallest panel."""
        return max((panel.height for panel in self.panels), default=0.0)

    def document(self) -> str:
        """One SVG file with all panels, which follows the colours that its reader prefers."""
        columns = min(COLUMNS, len(self.panels))
        rows = [self.panels[start : start + columns] for start in range(0, len(self.panels), columns)]
        placed: list[Markup] = []
        below = GAP * 1.0
        for row in rows:
            right = GAP * 1.0
            for panel in row:
                placed.append(panel.svg(at=(right, below)))
                right += panel.width + GAP
            below += max(panel.height for panel in row) + GAP
        width = GAP + max((sum(panel.width + GAP for panel in row) for row in rows), default=0.0)
        paper = element("rect", [], width=width, height=below, class_="paper")
        style = Markup("<style>{}</style>").format(Markup(plot_style() + _FILE_STYLE))  # noqa: S704  our own file
        size = {"width": width, "height": below, "viewBox": f"0 0 {_short(width)} {_short(below)}"}
        whole = element("svg", [style, paper, *placed], xmlns="http://www.w3.org/2000/svg", class_="plot", **size)
        return str(whole) + "\n"


_FILE_STYLE = """
.plot { font-family: "DejaVu Sans", Verdana, sans-serif; }
.plot .paper { fill: var(--paper); }
"""


@cache
def plot_style() -> str:
    """The colours and lines of all panels, as CSS that XML can hold: without `&` and `<`."""
    return (Path(__file__).parent / "page" / "plot.css").read_text(encoding="utf-8")


def element(name: str, children: Sequence[Markup | str], /, **attributes: object) -> Markup:
    """An element; `class_` and `aria_label` are `class` and `aria-label`; an attribute that is `None` is left out.

    Texts, and what a name holds of control codes, are made visible and escaped.
    """
    shown = "".join(f' {_attribute(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    inside = "".join(child if isinstance(child, Markup) else _text(child) for child in children if child)
    return Markup(f"<{name}{shown}>{inside}</{name}>" if inside else f"<{name}{shown}/>")  # noqa: S704  escaped above


@cache
def _attribute(key: str) -> str:
    return key if key == "viewBox" else key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    return _short(value) if isinstance(value, float) else _text(str(value))


@lru_cache(maxsize=1 << 14)
def _text(text: str) -> str:
    """A text in XML; many marks have the same class."""
    return str(escape(visible(text)))


def _short(value: float) -> str:
    """At most two decimals, without zeros at the end."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
