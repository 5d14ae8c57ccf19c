"""Lines that a child process prints, each waited for with a limit; the end of its pipes."""

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench.errors import InputError


class Lines:
    """Reader of a child's stdout. Raises what `refusal` makes of the reason if the child ends, or prints nothing for
    `patience` seconds. log: the child's stderr, whose last line is part of the reason."""

    def __init__(
        self, process: subprocess.Popen[bytes], *, log: Path, patience: float, refusal: Callable[[str], InputError]
    ) -> None:
        assert process.stdout is not None, "opened as a pipe"
        self._descriptor = process.stdout.fileno()
        self._log, self._patience, self._refusal = log, patience, refusal
        self._buffer = b""

    def next(self) -> bytes:
        """The next line without its end."""
        end = time.monotonic() + self._patience
        while b"\n" not in self._buffer:
            if not select.select([self._descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
                raise self._refusal(f"it did not answer within {self._patience:.0f} s")
            part = os.read(self._descriptor, 1 << 16)
            if not part:
                raise self._refusal(f"its process ended{self._last_words()}")
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f": {lines[-1][:200]}" if lines else ""


def close_pipes(process: subprocess.Popen[bytes]) -> None:
    """Close a child's pipes, whatever it has left in them."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
