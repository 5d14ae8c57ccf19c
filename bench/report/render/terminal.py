"""The view in a terminal, with Rich: by default what fits on a screen of 80 columns, in full on request.

Contract: no arithmetic on results, no markup parsing; foreign text goes through `visible`. A table that does not fit is
laid out in parts, or as one short list per row.
"""

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table as RichTable
from rich.text import Text

from bench.control_codes import visible
from bench.report.render.view import (
    Block,
    Bullets,
    Cell,
    Code,
    Figure,
    Medium,
    Paragraph,
    Section,
    Table,
    Tone,
    View,
    first_screen,
)

STYLES: dict[Tone, str] = {
    "plain": "",
    "good": "cyan",
    "bad": "magenta",
    "unsure": "",
    "muted": "dim",
    "strong": "bold",
}
"""Colours that people with any colour vision can tell apart, on dark and on light; the text says the same."""
_GAP = 2
_WRAP_AT = 16
_LEAD = 32
_MOST_ROWS = 12
"""Rows of a table on the first screen."""
_MOST_LINES = 14
"""Lines of a table there whose columns are in several parts."""


def print_report(view: View, console: Console, *, full: bool = False) -> None:
    """Print the view's first screen, or all of it."""
    console.print()
    if view.banner is not None:
        console.print(_text(view.banner, "bold magenta"))
    console.print(_text(view.title, "bold"))
    console.print(_text(view.question))
    console.print(_cell(view.status))
    for section in (view if full else first_screen(view)).sections:
        _print_section(section, console, full=full)


def _print_section(section: Section, console: Console, *, full: bool) -> None:
    left_out: Medium = "terminal" if full else "document"
    blocks = [block for block in section.blocks if getattr(block, "only", None) != left_out]
    if full:
        console.print()
    elif not blocks:
        return
    elif len(blocks) == 1 and isinstance(blocks[0], Paragraph):
        console.print(_text(f"{section.title}: ", "bold") + _text(blocks[0].text, STYLES[blocks[0].tone]))
        return
    title, signs = _text(section.title, "bold"), _text("" if full else section.signs, "dim")
    beside = bool(signs) and title.cell_len + signs.cell_len + _GAP < console.width
    title = title + _text(": ") + signs if beside else title
    console.print(Rule(title, align="left", style="dim", characters="─"))
    if signs and not beside:
        console.print(signs)
    for block in blocks:
        shown = _block(block, console.width, full=full)
        if shown is not None:
            console.print(shown)


def _block(block: Block, width: int, *, full: bool) -> RenderableType | None:
    match block:
        case Paragraph():
            return _text(block.text, STYLES[block.tone])
        case Bullets():
            return _bullets(block)
        case Table():
            return _table(block, width, full=full)
        case Code():
            return Padding(_lines(block.lines), (0, 0, 0, 2))
        case Figure():
            return None


def _bullets(block: Bullets) -> RichTable:
    grid = RichTable.grid(padding=(0, 1, 0, 0))
    for item in block.items:
        grid.add_row(_text("·", "dim"), _cell(item))
    return grid


def _lines(lines: tuple[str, ...]) -> Text:
    return Text("\n").join(_text(line) for line in lines)


def _table(block: Table, width: int, *, full: bool) -> RenderableType:
    """All columns and rows, or the first rows without details."""
    if full:
        return _laid_out(block, list(range(len(block.columns))), width)
    kept = [index for index, column in enumerate(block.columns) if not column.detail]
    first = tuple(tuple(Cell(text=cell.brief, tone=cell.tone) for cell in row) for row in block.rows[:_MOST_ROWS])
    shown = _laid_out(block.model_copy(update={"rows": first}), kept, width, most=_MOST_LINES // (len(first) + 1))
    more = len(block.rows) - _MOST_ROWS
    return shown if more <= 0 else Group(shown, _text(f"… and {more:,} more: bench report --full", "dim"))


def _laid_out(block: Table, kept: list[int], width: int, *, most: int | None = None) -> RenderableType:
    """Whole if it fits; else side by side parts below each other, each led by the first column; else stacked.
    most: parts that are shown, one at least; `None`: all."""
    if _needed(block, kept) <= width:
        return _grid(block, kept)
    parts = _parts(block, kept, width)
    if all(_rigid(block, index) for index in kept) and all(_needed(block, part) <= width for part in parts):
        shown = parts if most is None else parts[: max(1, most)]
        left_out = [block.columns[index].title for part in parts[len(shown) :] for index in part[1:]]
        note = [_text(f"… and {', '.join(left_out)}: bench report --full", "dim")] if left_out else []
        return Group(*(_grid(block, part) for part in shown), *note)
    return _stacked(block, kept)


def _parts(block: Table, kept: list[int], width: int) -> list[list[int]]:
    """Groups of columns that fit, in order, the first column repeated."""
    lead, *others = kept
    parts = [[lead]]
    for index in others:
        if len(parts[-1]) > 1 and _needed(block, [*parts[-1], index]) > width:
            parts.append([lead])
        parts[-1].append(index)
    return parts


def _needed(block: Table, kept: list[int]) -> int:
    """Rigid columns take what they need; the others may wrap down to some width."""
    widths = [_width(block, index) for index in kept]
    needs = [w if _rigid(block, index) else min(w, _WRAP_AT) for w, index in zip(widths, kept, strict=True)]
    return sum(needs) + _GAP * (len(needs) - 1)


def _width(block: Table, index: int) -> int:
    """Width of the widest cell, or of the title's longest word: titles may wrap."""
    words = visible(block.columns[index].title).split(" ")
    return max(cell_len(text) for text in [*words, *(visible(row[index].whole) for row in block.rows)])


def _rigid(block: Table, index: int) -> bool:
    """Figures, and the names that lead the rows, are never broken."""
    leads = index == 0 and max((cell_len(visible(row[0].text)) for row in block.rows), default=0) <= _LEAD
    return block.columns[index].right or leads


def _grid(block: Table, kept: list[int]) -> RichTable:
    table = RichTable(box=None, padding=(0, _GAP, 0, 0), header_style="dim", pad_edge=False)
    for index in kept:
        column = block.columns[index]
        table.add_column(
            _text(column.title),
            justify="right" if column.right else "left",
            width=_width(block, index) if _rigid(block, index) else None,
            overflow="fold",
        )
    for row in block.rows:
        table.add_row(*(_cell(row[index]) for index in kept))
    return table


def _stacked(block: Table, kept: list[int]) -> RichTable:
    grid = RichTable.grid(padding=(0, 1, 0, 0))
    for row in block.rows:
        first, *others = kept
        grid.add_row(_text(row[first].text, "bold"), Text())
        for index in (index for index in others if row[index].whole):
            grid.add_row(_text("  " + block.columns[index].title, "dim"), _cell(row[index]))
    return grid


def _cell(cell: Cell) -> Text:
    return _text(cell.whole, STYLES[cell.tone])


def _text(text: str, style: str = "") -> Text:
    return Text(visible(text), style=style)
