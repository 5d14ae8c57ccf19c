"""Paths that a suite names, relative to its file."""

from pathlib import Path

from bench.errors import InputError, Problem

PATHS = "paths are relative to the suite file, those of --set to the current folder"
"""Hint of every path that is not there."""


def is_folder(base: Path, text: str) -> bool:
    """Whether `text` names a folder; what can be no path names none, and is a problem of whoever wanted it there."""
    try:
        return beside(base, text, "").is_dir()
    except InputError:
        return False


def beside(base: Path, text: str, where: str) -> Path:
    """`text` as a path relative to the suite's folder. Raises `InputError` where it can be no path."""
    try:
        path = base / Path(text).expanduser()
        path.stat()  # refuses what the system refuses: a name too long, a NUL
    except (FileNotFoundError, NotADirectoryError):
        pass  # told by whoever wanted a file there
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        what = f"{text[:60]!r} is not a usable path: {reason}"
        hint = PATHS
        raise InputError(Problem(reference="suite.path", what=what, where=where, hint=hint)) from None
    return path
