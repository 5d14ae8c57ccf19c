"""A panel with one row per arm: names, marks with intervals, and the words in the place of a mark."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.plots.axes import Axis, spanning
from bench.report.plots.canvas import WIDTH, Canvas, Style, text_width
from bench.report.render.drawing import Panel
from bench.report.render.escape import shorten

_TOP = 24.0
_LOW, _TALL = 20.0, 34.0
"""Height of a row with its name beside the marks, and with its name above them."""
_BESIDE = 17
"""Letters of the longest name that fits beside the marks."""
_LONGEST = 36
_MOST_SAID = 24
"""Rows that a plot says in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """One arm. value: `None` where `word` is shown in the place of the mark."""

    arm: str
    look: Style
    value: float | None
    low: float | None
    high: float | None
    says: str
    """The figures in words, shown by a pointer that rests on the mark."""
    number: str = ""
    """The value, at the right end."""
    word: str = ""
    filled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """A vertical line, with its band where low and high are known."""

    value: float
    low: float | None = None
    high: float | None = None
    name: str = ""
    dashed: bool = False
    needed: bool = True
    """Whether the axis reaches to it; else it is left out where it would squeeze the marks together."""


def row_panel(title: str, rows: Sequence[ArmRow], guides: Sequence[Guide] = (), *, below: str = "") -> Panel:
    """The panel; below: the words under the axis, such as its direction."""
    canvas = Canvas(title=title, label=_in_words(title, rows))
    axis = _axis(rows, guides)
    beside = max((len(row.arm) for row in rows), default=0) <= _BESIDE
    height = _LOW if beside else _TALL
    bottom = _TOP + height * len(rows)
    canvas.bottom_axis(axis, bottom, top=_TOP, title=below)
    for guide in guides:
        _guide(canvas, axis, guide, bottom)
    for index, row in enumerate(rows):
        top = _TOP + index * height
        if not beside:  # no line is drawn through a name
            width = text_width(shorten(row.arm, _LONGEST))
            canvas.add("rect", x=0, y=top, width=width, height=_TALL / 2, class_="under")
        _row(canvas, axis, row, names=top + (14 if beside else 12), marks=top + (10 if beside else 24))
    return canvas.panel(bottom + (36 if below else 22))


def _axis(rows: Sequence[ArmRow], guides: Sequence[Guide]) -> Axis:
    names = [len(row.arm) for row in rows]
    start = min(text_width("x" * max(names, default=0)) + 6, WIDTH / 2) if max(names, default=0) <= _BESIDE else 6.0
    end = WIDTH - text_width("x" * max((len(row.number) for row in rows), default=0)) - 6
    values = [value for row in rows for value in (row.value, row.low, row.high)]
    lines = [value for guide in guides if guide.needed for value in (guide.value, guide.low, guide.high)]
    marks = spanning([*values, *lines], start=start, end=end)
    reach = (marks.high - marks.low) / 2
    extra = [g.value for g in guides if not g.needed and marks.low - reach <= g.value <= marks.high + reach]
    return spanning([*values, *lines, *extra], start=start, end=end)


def _guide(canvas: Canvas, axis: Axis, guide: Guide, bottom: float) -> None:
    if not axis.low <= guide.value <= axis.high:
        return
    x = axis.at(guide.value)
    if guide.low is not None and guide.high is not None:
        left, right = axis.at(guide.low), axis.at(guide.high)
        canvas.add("rect", x=left, y=_TOP, width=right - left, height=bottom - _TOP, class_="band")
    canvas.line(x, _TOP, x, bottom, "zero dashed" if guide.dashed else "zero")
    if guide.name:
        canvas.text(x + 3, bottom - 3, guide.name, "faint")


def _row(canvas: Canvas, axis: Axis, row: ArmRow, *, names: float, marks: float) -> None:
    canvas.text(0, names, shorten(row.arm, _LONGEST), "word")
    if row.value is None:
        canvas.text((axis.start + axis.end) / 2, marks + 4, row.word, "faint mid word")
        return
    across = None if row.low is None or row.high is None else (axis.at(row.low), axis.at(row.high))
    canvas.mark(axis.at(row.value), marks, row.look, arm=row.arm, says=row.says, filled=row.filled, across=across)
    if row.number:
        canvas.text(WIDTH, marks + 4, row.number, "end")


def _in_words(title: str, rows: Sequence[ArmRow]) -> str:
    """Every figure, where a listener can still follow."""
    if len(rows) > _MOST_SAID:
        return f"{title}: {len(rows)} arms, whose figures are in the tables"
    return f"{title}: {'; '.join(row.says if row.value is not None else f'{row.arm} {row.word}' for row in rows)}"
