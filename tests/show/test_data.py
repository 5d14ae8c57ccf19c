"""`bench data show` in the terminal: rows are text, whatever they say."""

import io

from rich.console import Console

from bench.record.results.training.preview import Bin, ShownRow
from bench.record.results.training.seen_row import Segment
from bench.show.data import Shown
from bench.show.data_rows import print_shown

HOSTILE = "\x1b[2J[bold]Q[/bold]\x07\r over"


def _shown(**changes: object) -> Shown:
    row = ShownRow(
        origin="r.jsonl:1",
        tokens=9,
        supervised_tokens=3,
        cut_off=7,
        segments=(Segment(text=HOSTILE, supervised=False), Segment(text=" Answer", supervised=True)),
    )
    fields: dict[str, object] = {
        "arm": "d/full", "source": "r.jsonl", "revision": None, "template": "dialogue", "template_note": None,
        "loss_on": "completion", "max_length": 64, "source_rows": 40, "dropped": {"empty answer": 3}, "parts": {},
        "notes": ("3 rows: column `mood` not used",),
        "rows": 20_000, "measured": 10_000, "tokens": 90_000, "supervised_tokens": 30_000, "truncated": 1_234,
        "tokens_cut_off": 10_000, "nothing_supervised": 56, "duplicates": 78, "median": 9, "longest": 64,
        "histogram": (Bin(from_tokens=1, to_tokens=16, rows=9_000), Bin(from_tokens=17, to_tokens=32, rows=1_000)),
        "examples": (row,), **changes,
    }  # fmt: skip
    return Shown.model_validate(fields)


def _printed(shown: Shown, *, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        force_terminal=colour,
        width=120,
        highlight=False,
        color_system="standard" if colour else None,
    )
    print_shown(shown, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_no_control_code_and_no_markup_of_a_row_reaches_the_terminal() -> None:
    printed = _printed(_shown())
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert "␛[2J[bold]Q[/bold]⟨U+0007⟩␍ over⟦ Answer⟧" in printed


def test_a_row_with_nothing_to_learn_is_dropped_unless_the_suite_keeps_it() -> None:
    row = _shown().examples[0].model_copy(update={"supervised_tokens": 0})
    for kept, said in ((False, "nothing to learn, dropped"), (True, "nothing to learn, kept in its place")):
        assert said in _printed(_shown(examples=(row.model_copy(update={"kept": kept}),)))


def test_supervised_and_masked_text_have_colours_of_their_own() -> None:
    printed = _printed(_shown(), colour=True)
    assert "\x1b[1;32m Answer" in printed
    assert "⟦" not in printed
    assert "\x1b[2m␛[2J" in printed


def test_every_count_is_said() -> None:
    printed = _printed(_shown(parts={"a": 7, "b": 3}))
    for said in (
        "40 rows",
        "3 empty answer",
        "78 of them duplicates",
        "10,000 rows, evenly spaced",
        "30,000 supervised",
        "r.jsonl:1: 9 tokens, 3 supervised, 7 more cut off",
        "1,234 rows (12.3%) at 64 tokens, which leaves out 10,000 tokens (10.0%)",
        "56 rows (0.6%)",
        "7 a, 3 b",
        "3 rows: column `mood` not used",
        "9,000  ████",
    ):
        assert said in printed
