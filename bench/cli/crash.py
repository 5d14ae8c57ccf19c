"""What a user sees of an internal error: one line, where the traceback is, what to do."""

import traceback
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import InternalError, Problem
from bench.places import home


def as_internal(error: Exception, arguments: list[str]) -> InternalError:
    """The error to print for `error`, whose traceback is appended to `HOME/logs/crash.txt` with the command line."""
    log = _write(error, arguments)
    again = "run the same command with --debug for the traceback"
    return InternalError(
        Problem(
            reference="internal",
            what=f"this is a fault of bench, not of the input: {type(error).__name__}: {error}",
            where=None if log is None else f"{log} (traceback)",
            hint=again if log is None else f"report it with that file, or {again}",
        )
    )


def _write(error: Exception, arguments: list[str]) -> Path | None:
    """The log with the traceback; `None` where nothing can be written."""
    log = home() / "logs" / "crash.txt"
    text = "".join(traceback.format_exception(error))
    head = f"{datetime.now(UTC).isoformat(timespec='seconds')} bench {' '.join(arguments)}\n"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{head}{text}\n")
    except OSError:
        return None
    return log
