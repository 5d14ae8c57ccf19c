"""The view as one HTML file to send: plots inside it, nothing loaded from anywhere, whole without its script.

Contract: no arithmetic; every text goes through `visible` and Jinja's escaping. The page's own policy forbids all but
the one style and the one script whose hashes it has, and any text of a script to become HTML.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from bench.control_codes import visible
from bench.report.render.drawing import Drawing, plot_style
from bench.report.render.view import Cell, Section, Table, View

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = Path(__file__).parent / "page"
_SCRIPTS = ("dom", "plots", "tables", "differences", "examples", "rows", "start")
"""The parts of the page's script, in their order."""
_MOST_STACKED, _MOST_CARDS = 300, 60
"""Rows that a telephone shows as lists, and as grids: each cell has its column's title once more."""
_BESIDE = 36
"""Characters of two columns of words that a telephone shows beside each other."""
_PROSE = 60
"""Characters of a cell that is a sentence."""
_ACROSS = 40
"""Characters of a whole row that a telephone shows."""


def render(view: View, drawings: Mapping[str, Drawing], data: str | None = None) -> str:
    """The text of report.html. drawings: by figure name; a figure without its drawing keeps its caption. data: what
    the script works with (`bench.report.workbench`), letters of base64."""
    style, script = _style(), _script()
    return page().render(
        view=view,
        parts=_parts([section for section in view.sections if section.only != "terminal"]),
        drawings=drawings,
        data=data,
        style=Markup(style),  # noqa: S704  our own files
        script=Markup(script),  # noqa: S704  same
        policy=_policy(style, script),
    )


@cache
def _style() -> str:
    return plot_style() + (_FOLDER / "page.css").read_text(encoding="utf-8")


@cache
def _script() -> str:
    """All parts in one scope of their own."""
    parts = [(_FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return '"use strict";\n{\n' + "\n".join(parts) + "}\n"


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'"
    )


def _hash(text: str) -> str:
    """The source expression that allows an inline style or script with this text and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _parts(sections: Sequence[Section]) -> list[list[tuple[int, Section]]]:
    """Sections with their number, from 1; those of level 3 are in the part of the folded one before them."""
    parts: list[list[tuple[int, Section]]] = []
    for number, section in enumerate(sections, start=1):
        if section.level == 3 and parts and parts[-1][0][1].folded:
            parts[-1].append((number, section))
        else:
            parts.append([(number, section)])
    return parts


def _cell(cell: Cell, apart: bool = False) -> Markup:
    """What a cell says. apart: an interval's line may begin after its value, and ends with it.

    No macro of the template: a thousand arms have sixty thousand cells.
    """
    small = "".join(f" <small>{_text(more)}</small>" for more in (cell.of, cell.note) if more)
    value, opened, interval = cell.text.partition(" [") if apart else (cell.text, "", "")
    text = f'{_text(value)} <span class="r">[{_text(interval)}</span>' if opened else _text(value)
    inside = text + small
    return Markup(inside if cell.tone == "plain" else f'<span class="{cell.tone}">{inside}</span>')  # noqa: S704  escaped


@lru_cache(maxsize=1 << 14)
def _text(text: str) -> str:
    """A text in HTML; many cells say the same."""
    return str(escape(visible(text)))


def _narrow(table: Table) -> str:
    """How a narrow screen shows a table's rows: each as a list (`stack`) where words would be squeezed, as a grid of
    figures (`cards`) where the row is too wide; else, and where nobody reads so many rows, empty: as they are."""
    if len(table.rows) > _MOST_STACKED:
        return ""
    if _squeezes(table):
        return "stack"
    widths = [
        max([len(column.title) // 2, *(len(row[index].text) for row in table.rows)])
        for index, column in enumerate(table.columns)
    ]
    wide = sum(width + 2 for width in widths) > _ACROSS
    return "cards" if wide and len(table.rows) <= _MOST_CARDS else ""


def _squeezes(table: Table) -> bool:
    """Whether columns of words are too long for each other's side."""
    words = [index for index, column in enumerate(table.columns) if index and not column.right]
    longest = max((len(row[index].document) for row in table.rows for index in words), default=0)
    beside = max((len(row[0].text) for row in table.rows), default=0)
    return longest > _PROSE or (len(words) > 1 and longest + beside > _BESIDE)


@cache
def page() -> Template:
    """The page's template, compiled once."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"visible": visible, "narrow": _narrow, "cell": _cell}
    return environment.from_string((_FOLDER / "page.html.jinja").read_text(encoding="utf-8"))
