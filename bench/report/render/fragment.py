"""The first screen of a view as a piece of HTML, for a notebook's output cell.

Contract: no script, no style of its own, every text escaped; the whole page is `render.html`.
"""

from html import escape

from bench.control_codes import visible
from bench.report.render.view import Block, Bullets, Cell, Code, Figure, Paragraph, Section, Table, View


def render(view: View) -> str:
    """Title, question, status and the sections that are not folded."""
    banner = "" if view.banner is None else f"<p><b>{_text(view.banner)}</b></p>"
    head = f"<h3>{_text(view.title)}</h3>{banner}<p>{_text(view.question)}</p><p>{_cell(view.status)}</p>"
    shown = [section for section in view.sections if not section.folded and section.only != "terminal"]
    return f"<div>{head}{''.join(_section(section) for section in shown)}</div>"


def _section(section: Section) -> str:
    blocks = [block for block in section.blocks if getattr(block, "only", None) != "terminal"]
    return f"<h4>{_text(section.title)}</h4>{''.join(_block(block) for block in blocks)}"


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return f"<p>{_cell(Cell(text=block.text, tone=block.tone))}</p>"
        case Bullets():
            return f"<ul>{''.join(f'<li>{_cell(item)}</li>' for item in block.items)}</ul>"
        case Table():
            return _table(block)
        case Code():
            lines = "\n".join(_text(line) for line in block.lines)
            return f"<pre>{lines}</pre>"
        case Figure():
            return ""


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(column.title)}</th>" for column in table.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(cell: Cell) -> str:
    text = _text(cell.whole)
    return f"<b>{text}</b>" if cell.tone in ("good", "bad", "strong") and text else text


def _text(text: str) -> str:
    return escape(visible(text))
