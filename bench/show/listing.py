"""Prints rows of named things as a table: names and numbers whole, prose wrapped."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.control_codes import visible

Value = str | int | float | None


def print_list(rows: Sequence[Mapping[str, Value]], console: Console) -> None:
    """Print `rows`, all with the same keys; nothing for no rows."""
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in rows[0]:
        number = all(isinstance(row[column], int | float | None) for row in rows)
        whole = number or column in {"name", "suite"}
        table.add_column(column, justify="right" if number else "left", no_wrap=whole, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_spell(value)) for value in row.values()))
    console.print(table)


def _spell(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else visible(str(value))
