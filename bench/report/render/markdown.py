"""The view as GitHub-flavoured Markdown: the whole report, with its plots beside it.

Contract: no arithmetic; every piece of text is escaped, so that nothing in it is read as markup.
"""

import re
from collections.abc import Sequence
from html import escape

from bench.control_codes import visible
from bench.report.render.escape import markdown
from bench.report.render.view import Block, Bullets, Cell, Code, Figure, Paragraph, Section, Table, View, folds

PLOTS = "plots"
"""Folder of the plots, beside report.md."""


def render(view: View) -> str:
    """The text of report.md."""
    parts = [f"# {markdown(view.title)}"]
    if view.banner is not None:
        parts.append(f"> [!WARNING]\n> **{markdown(view.banner)}**")
    parts += [f"**Question.** {markdown(view.question)}", _cell(view.status)]
    shown = [section for section in view.sections if section.only != "terminal"]
    parts += [_folded(group) if group[0].folded else _section(group[0]) for group in folds(shown)]
    return "\n\n".join(parts) + "\n"


def _folded(group: Sequence[Section]) -> str:
    """Closed until a reader opens it; GitHub and GitLab read Markdown inside."""
    first, *under = group
    body = [_section(first, heading=False), *(_section(section) for section in under)]
    inside = "\n\n".join(part for part in body if part)
    return _details(f"<b>{escape(visible(first.title))}</b>", inside)


def _details(summary: str, inside: str) -> str:
    """summary: escaped."""
    return f"<details>\n<summary>{summary}</summary>\n\n{inside}\n\n</details>"


def _section(section: Section, *, heading: bool = True) -> str:
    title = [f"{'#' * section.level} {markdown(section.title)}"] if heading else []
    shown = [block for block in section.blocks if getattr(block, "only", None) != "terminal"]
    return "\n\n".join([*title, *(_block(block) for block in shown)])


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return _cell(Cell(text=block.text, tone=block.tone))
        case Bullets():
            return "\n".join(f"- {_cell(item)}" for item in block.items)
        case Table():
            return _table(block)
        case Figure():
            return f"![{markdown(block.caption)}]({PLOTS}/{block.name}.svg)"
        case Code():
            return _fenced([visible(line) for line in block.lines])


def _fenced(lines: list[str]) -> str:
    """A code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *lines, fence])


def _table(block: Table) -> str:
    head = _row([markdown(column.title) for column in block.columns])
    rule = _row(["---:" if column.right else "---" for column in block.columns])
    table = "\n".join([head, rule, *(_row([_cell(cell) for cell in row]) for row in block.rows)])
    return table if block.summary is None else _details(escape(visible(block.summary)), table)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = markdown(cell.document)
    if cell.tone in {"good", "bad", "strong"} and text.strip():
        return f"**{text}**"
    return text
