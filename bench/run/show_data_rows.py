"""Shows an arm's data in the terminal; all counts are made in `bench.train.preview`.

Contract: what rows say is text: no control code and no markup of theirs reaches the terminal.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from bench.run.display import clean
from bench.run.show_data import Shown, ShownRow

SUPERVISED, MASKED = "bold green", "dim"
_BAR = 40


def print_shown(shown: Shown, console: Console) -> None:
    """Headline, rows in two colours, counts, lengths."""
    console.print(Text(clean(f"{shown.arm}: {shown.rows:,} rows of {shown.source}"), style="bold"))
    console.print(Text.assemble(("supervised", SUPERVISED), " and ", ("masked", MASKED), f", loss on {shown.loss_on}"))
    for row in shown.examples:
        _print_row(row, console)
    console.print()
    for name, value in _facts(shown):
        console.print(Text.assemble((f"{name:<20}", "bold"), clean(value)))
    console.print(Text("\nrows by length in tokens", style="bold"))
    most = max((one.rows for one in shown.histogram), default=0) or 1
    for one in shown.histogram:
        label = f"{one.from_tokens:>7,} to {one.to_tokens:>7,}"
        console.print(Text(f"{label}  {one.rows:>9,}  {'█' * round(_BAR * one.rows / most)}"))


def _print_row(row: ShownRow, console: Console) -> None:
    cut = ", cut" if row.truncated else ""
    head = f"\n{row.origin}: {row.tokens:,} tokens, {row.supervised_tokens:,} supervised{cut}"
    console.print(Text("\n" + clean(head.strip()), style="bold"))
    text = Text()
    for segment in row.segments:
        text.append(_visible(segment.text), style=SUPERVISED if segment.supervised else MASKED)
    console.print(text)


def _visible(text: str) -> str:
    """Line breaks stay; other control codes are spelled out."""
    return "".join(
        char if char.isprintable() or char == "\n" else "    " if char == "\t" else f"\\x{ord(char):02x}"
        for char in text
    )


def _facts(shown: Shown) -> list[tuple[str, str]]:
    of = shown.measured
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in shown.dropped.items()) or "none"
    facts = [
        ("source", f"{shown.source}, {shown.source_rows:,} rows" + (f" at {shown.revision}" if shown.revision else "")),
        ("left out before", dropped),
        ("selected", f"{shown.rows:,} rows, {shown.duplicates:,} of them duplicates"),
        ("template", shown.template + (f" ({shown.template_note})" if shown.template_note else "")),
        ("measured", f"all {of:,} rows" if of == shown.rows else f"{of:,} rows, evenly spaced"),
        ("tokens", f"{shown.tokens:,}, of which {shown.supervised_tokens:,} supervised"),
        ("length", f"median {shown.median:,}, longest {shown.longest:,} tokens"),
        ("cut", f"{shown.truncated:,} rows ({shown.truncated / of:.1%}) at {shown.max_length:,} tokens"),
        ("nothing to learn", f"{shown.nothing_supervised:,} rows ({shown.nothing_supervised / of:.1%}): dropped"),
    ]
    if shown.parts:
        facts.insert(2, ("mixed from", ", ".join(f"{count:,} {name}" for name, count in shown.parts.items())))
    return facts
