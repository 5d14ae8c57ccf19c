"""The report as data: every word and every figure that a reader sees, in order, ready to print.

Contract: a `View` is made once, from a `Comparison`, by `bench.report.compose`; renderers (terminal, Markdown,
HTML) arrange and escape it, and do no arithmetic. All text in it is plain text, never markup.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from bench.spec import Spec

Tone = Literal["plain", "good", "bad", "unsure", "muted", "strong"]
Medium = Literal["terminal", "document"]
"""`only`: what is too long or too wide for the other is left out there."""


class Cell(Spec):
    """Content of one cell. The tone repeats what the text says: colour alone carries no meaning."""

    text: str
    tone: Tone = "plain"
    note: str = ""
    """How the text reads, such as `better`: behind it, or smaller below it."""
    of: str = ""
    """What a share is counted from, such as `2 of 23`: in documents, which have room for it."""
    sign: str = ""
    """In place of the note where a terminal has no room for words, such as `↑`."""

    @property
    def brief(self) -> str:
        """Text and sign; the note where there is no sign."""
        return f"{self.text} {self.sign or self.note}".strip()

    @property
    def whole(self) -> str:
        """Text and note in one line."""
        return f"{self.text} {self.note}".strip()

    @property
    def document(self) -> str:
        """Text, what it is counted from, and note in one line."""
        return " ".join(part for part in (self.text, self.of and f"({self.of})", self.note) if part)


class Column(Spec):
    """A table's column."""

    title: str
    right: bool = False
    """Aligned right, for numbers."""
    detail: bool = False
    """Left out where space is short (the terminal)."""
    meaning: str | None = None
    """Definition of the title, to show beside it."""


def texts(*titles: str) -> tuple[Column, ...]:
    """Columns of words."""
    return tuple(Column(title=title) for title in titles)


def numbers(*titles: str) -> tuple[Column, ...]:
    """Columns of numbers, aligned right."""
    return tuple(Column(title=title, right=True) for title in titles)


class Paragraph(Spec):
    """A line of prose."""

    kind: Literal["paragraph"] = "paragraph"
    text: str
    tone: Tone = "plain"
    only: Medium | None = None


class Bullets(Spec):
    """Short lines, each on its own."""

    kind: Literal["bullets"] = "bullets"
    items: tuple[Cell, ...]
    only: Medium | None = None


class Table(Spec):
    """Rows of cells, one for each column."""

    kind: Literal["table"] = "table"
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    only: Medium | None = None
    summary: str | None = None
    """The line that a document folds the table behind; `None`: it is open."""


class Figure(Spec):
    """A plot, drawn by `bench.report.plots` as `plots/NAME.svg`. Only in documents."""

    kind: Literal["figure"] = "figure"
    name: str
    caption: str


class Code(Spec):
    """Commands to type, as they are."""

    kind: Literal["code"] = "code"
    lines: tuple[str, ...]


Block = Annotated[Paragraph | Bullets | Table | Figure | Code, Field(discriminator="kind")]


class Section(Spec):
    """A heading and its blocks."""

    title: str
    blocks: tuple[Block, ...]
    only: Medium | None = None
    signs: str = ""
    """What signs of its tables mean: beside the title, where a terminal has no line to spare."""
    level: Literal[2, 3] = 2
    folded: bool = False
    """Evidence behind the first screen: closed until asked for in a document, left out of the terminal's short form.
    A folded section of level 2 takes the sections of level 3 that follow it with it."""


class View(Spec):
    """A whole report."""

    title: str
    banner: str | None
    """What must be read before anything else, such as that this is a simulation."""
    question: str
    status: Cell
    """Whether the run is complete."""
    complete: bool
    """No cell is missing: the exit code follows from it."""
    sections: tuple[Section, ...]


def first_screen(view: View) -> View:
    """The view without the sections that a terminal shows on request only."""
    shown = tuple(section for section in view.sections if not (section.folded or section.only == "document"))
    return view.model_copy(update={"sections": shown})


def folds(sections: Iterable[Section]) -> list[list[Section]]:
    """What is folded together: a folded section with the sections below it; every other section alone."""
    grouped: list[list[Section]] = []
    for section in sections:
        if section.level == 3 and section.folded and grouped and grouped[-1][0].folded:
            grouped[-1].append(section)
        else:
            grouped.append([section])
    return grouped
