"""Where commands print: a console of a sound width, JSON, a line that says what is being done."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from bench.control_codes import visible

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
_SECONDS_BETWEEN_LINES = 15.0
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
    print_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def print_answer(value: T, printed: Callable[[T, Console], object], *, as_json: bool) -> None:
    """Print what a command found out: by its own function, or as JSON."""
    from pydantic import BaseModel

    from bench.report.as_json import to_json

    if not as_json:
        printed(value, console())
    else:
        print_json(value.model_dump(mode="json") if isinstance(value, BaseModel) else to_json(value))


def print_text(text: str) -> None:
    """Print `text` as it is; a reader that went away is no fault."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_reader(sys.stdout)


@contextlib.contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """A line on stderr that says what is being done; without a terminal, a new line at most every 15 seconds."""
    if not sys.stderr.isatty():
        yield _now_and_then(sys.stderr)
        return
    with console(stderr=True).status("starting") as line:
        yield line.update


def _now_and_then(stream: TextIO) -> Callable[[str], None]:
    """Writes what it is given as a line, unless it wrote one in the last 15 seconds; the first 15 are silent."""
    wrote = time.monotonic()

    def write(text: str) -> None:
        nonlocal wrote
        if time.monotonic() - wrote >= _SECONDS_BETWEEN_LINES:
            wrote = time.monotonic()
            stream.write(f"{visible(text)}\n")
            stream.flush()

    return write
