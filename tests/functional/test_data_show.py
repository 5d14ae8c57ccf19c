"""`bench data show`: what will be paid for is seen before it is paid for, on a screen and in a file."""

import json
import sys
from pathlib import Path

import pytest

from bench.cli import main as cli
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.process import bench

SUITE = """
name = "shown"
question = "What does the arm train on?"
model.path = "model"
data.rows.source = "rows.jsonl"
budget = { unit = "steps", amount = 2 }
arms = { data = ["rows"], recipe = ["full"] }
[recipe.full]
method = "full"
learning_rate = 1e-3
max_length = 64
[[eval]]
name = "heldout"
kind = "loss"
data.source = "heldout.jsonl"
"""
ANSWERED = "\x1b[1;32m"
ASKED = "\x1b[2m"


def _row(instruction: str, output: str) -> str:
    return json.dumps({"instruction": instruction, "output": output}) + "\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Rows: two plain ones, a repetition, a long answer, a prompt that fills all, an empty answer, a held-out one."""
    tiny_checkpoint(tmp_path / "model")
    rows = [("Say yes.", "Yes [bold]it[/bold] is."), ("Name a town.", "Dunwick."), ("name a  town.", "dunwick.")]
    rows += [("Count.", "one two " * 60), ("word " * 200, "Cut."), ("Nothing?", " "), ("Held out?", "Never seen.")]
    (tmp_path / "rows.jsonl").write_text("".join(_row(*row) for row in rows))
    (tmp_path / "heldout.jsonl").write_text(_row("Held out?", "Another answer."))
    (tmp_path / "suite.toml").write_text(SUITE)
    return tmp_path / "suite.toml"


def test_it_shows_rows_in_two_colours_and_counts_them(suite: Path) -> None:
    """As a process, on what passes for a terminal."""
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "400"}
    done = bench(suite.parent, "data", "show", "suite.toml", "rows/full", **terminal)
    assert done.returncode == 0, done.stderr
    assert (
        f"{ASKED}User: Say yes.\x1b[0m\n{ASKED}Assistant:\x1b[0m{ANSWERED} Yes [bold]it[/bold] is.</s>" in done.stdout
    )
    assert "⟦" not in done.stdout
    shown = done.stdout.replace("\x1b[1m", "").replace("\x1b[0m", "")
    for said in (
        "rows/full: 5 rows of rows.jsonl",
        "1 empty answer, 1 prompt held out for evaluation",
        "5 rows, 1 of them duplicates",
        "all 5 rows",
        "2 rows (40.0%) at 64 tokens, which leaves out ",
        "nothing to learn    1 row (20.0%): dropped",
        "rows.jsonl:5: 64 tokens, 0 supervised, ",
        "more cut off: nothing to learn, dropped",
    ):
        assert said in shown
    counted = [line.split() for line in shown.partition("rows by length in tokens")[2].splitlines()[1:]]
    assert sum(int(line[3].replace(",", "")) for line in counted) == 5
    assert any(line[-1] == "cut" for line in counted)


def test_a_file_shows_by_brackets_what_is_supervised(
    suite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Colours do not survive a pipe, and without them nobody could tell what is learned."""
    monkeypatch.chdir(suite.parent)
    monkeypatch.setenv("BENCH_HOME", str(suite.parent / "home"))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(sys, "argv", ["bench", "data", "show", "suite.toml", "rows/full", "--rows", "2"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "User: Say yes.\nAssistant:⟦ Yes [bold]it[/bold] is.</s>⟧\n" in shown
    assert "rows.jsonl:3" not in shown
    assert all(len(line) <= 120 for line in shown.splitlines())
