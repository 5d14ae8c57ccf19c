"""What commands say while they work, without a terminal: a line now and then, never a flood, never long silence."""

import io
import re

import click
import pytest
import typer.main

from bench.cli import output
from bench.cli.main import app


def test_without_a_terminal_a_line_is_written_every_15_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now, stream = [0.0], io.StringIO()
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    tell = output._now_and_then(stream)
    for now[0] in (1.0, 16.0, 20.0, 32.0):
        tell(f"timing at {now[0]:g}\x1b[31m")
    assert stream.getvalue() == "timing at 16␛[31m\ntiming at 32␛[31m\n"


def test_no_word_of_a_help_text_is_taken_for_markup() -> None:
    """A `[gate]` in brackets was printed as nothing at all: "by the  of its suite"."""
    found = []
    waiting: list[click.Command] = [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        texts = [command.help, *(getattr(option, "help", None) for option in command.params)]
        found += [text for text in texts if text and re.search(r"(?<!\\)\[[a-z]", text)]
    assert found == []
