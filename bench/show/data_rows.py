"""Shows an arm's data in the terminal; all counts are made in `bench.train.planning.preview`.

Contract: what rows say is text: no control code and no markup of theirs reaches the terminal. Where there are no
colours (a file, a pipe, `NO_COLOR`), brackets show what is supervised.
"""

from rich.console import Console
from rich.text import Text

from bench.control_codes import visible
from bench.record.results.training.preview import ShownRow
from bench.show.data import Shown
from bench.units import plural

SUPERVISED, MASKED = "bold green", "dim"
OPEN, CLOSE = "⟦", "⟧"
"""Around supervised text where there are no colours."""
_BAR = 40


def print_shown(shown: Shown, console: Console) -> None:
    """Headline, rows in two colours, counts, lengths."""
    console.print(Text(visible(f"{shown.arm}: {plural(shown.rows, 'row')} of {shown.source}"), style="bold"))
    console.print(_legend(shown, coloured=_coloured(console)))
    for row in shown.examples:
        _print_row(row, console)
    console.print()
    for name, value in _facts(shown):
        console.print(Text.assemble((f"{name:<20}", "bold"), visible(value)))
    console.print(Text(f"\nrows by length in tokens, before the cut at {shown.max_length:,}", style="bold"))
    most = max((part.rows for part in shown.histogram), default=0) or 1
    for bar in shown.histogram:
        label = f"{bar.from_tokens:>7,} to {bar.to_tokens:>7,}"
        cut = "  cut" if bar.rows and bar.from_tokens > shown.max_length else ""
        console.print(Text(f"{label}  {bar.rows:>9,}  {'█' * round(_BAR * bar.rows / most)}{cut}"))


def _coloured(console: Console) -> bool:
    return console.color_system is not None and not console.no_color


def _legend(shown: Shown, *, coloured: bool) -> Text:
    if coloured:
        return Text.assemble(("supervised", SUPERVISED), " and ", ("masked", MASKED), f", loss on {shown.loss_on}")
    return Text(f"{OPEN}supervised{CLOSE} and masked, loss on {shown.loss_on}")


def _print_row(row: ShownRow, console: Console) -> None:
    cut = f", {row.cut_off:,} more cut off" if row.cut_off else ""
    nothing = "" if row.supervised_tokens else f": nothing to learn, {'kept in its place' if row.kept else 'dropped'}"
    head = f"{row.origin}: {row.tokens:,} tokens, {row.supervised_tokens:,} supervised{cut}{nothing}"
    console.print(Text("\n" + visible(head), style="bold"))
    before, after = ("", "") if _coloured(console) else (OPEN, CLOSE)
    text = Text()
    for segment in row.segments:
        said = visible(segment.text, keep="\n")
        text.append(*((f"{before}{said}{after}", SUPERVISED) if segment.supervised else (said, MASKED)))
    console.print(text)


def _facts(shown: Shown) -> list[tuple[str, str]]:
    of = shown.measured
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in shown.dropped.items()) or "none"
    source = f"{shown.source}, {plural(shown.source_rows, 'row')}"
    unlearned = f"{plural(shown.nothing_supervised, 'row')} ({shown.nothing_supervised / of:.1%})"
    facts = [
        ("source", source + (f" at {shown.revision}" if shown.revision else "")),
        ("left out before", dropped),
        *(("note", note) for note in shown.notes),
        ("selected", f"{plural(shown.rows, 'row')}, {shown.duplicates:,} of them duplicates"),
        ("template", shown.template + (f" ({shown.template_note})" if shown.template_note else "")),
        ("measured", f"all {of:,} rows" if of == shown.rows else f"{of:,} rows, evenly spaced"),
        ("tokens", f"{shown.tokens:,}, of which {shown.supervised_tokens:,} supervised"),
        ("length", f"median {shown.median:,}, longest {shown.longest:,} tokens before the cut"),
        ("cut", _cut(shown)),
        ("nothing to learn", f"{unlearned}: dropped"),
    ]
    if shown.refused:
        rows = "row" if shown.refused == 1 else "rows"
        refused = f"{shown.refused:,} {rows}: left out ({shown.refused_first})"
        facts.append(("cannot be printed", refused))
    if shown.parts:
        facts.insert(2, ("mixed from", ", ".join(f"{count:,} {name}" for name, count in shown.parts.items())))
    return facts


def _cut(shown: Shown) -> str:
    rows = f"{plural(shown.truncated, 'row')} ({shown.truncated / shown.measured:.1%}) at {shown.max_length:,} tokens"
    if not shown.tokens_cut_off:
        return rows
    share = shown.tokens_cut_off / (shown.tokens + shown.tokens_cut_off)
    return f"{rows}, which leaves out {shown.tokens_cut_off:,} tokens ({share:.1%})"
