"""Where commands print: a console of a sound width, JSON, a line that says what is being done."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_PIPED_WIDTH = 120
"""Columns where there is no terminal whose width could be asked, as in a CI log."""


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:  # Rich's own ends the program with 1, which here says that a gate failed
            forget_reader(stream)

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Ours(stderr=stderr, highlight=False, width=width)


def forget_reader(stream: TextIO) -> None:
    """Discard output once the reader of `stream`, such as `head`, has gone; work and exit code continue."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_json(value: Any) -> None:
    """Print `value` as indented JSON, without NaN."""
    try:
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        forget_reader(sys.stdout)


@contextlib.contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """A line on stderr that says what is being done; nothing where stderr is no terminal."""
    with console(stderr=True).status("starting") as line:
        yield line.update
