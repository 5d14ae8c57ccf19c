"""The files in and below a folder that a suite names, within bounds: a disk or a home is no such folder.

Contract: links to folders are not followed, so that the reading ends. What cannot be read is a `Problem`, not a crash,
also where files vanish meanwhile.
"""

import os
from pathlib import Path

from bench.errors import InputError, Problem

MOST_FILES = 100_000
"""Files below one folder; lm-eval's own collection of tasks has 14,000."""


def files_below(folder: Path, *, where: str, most_bytes: int | None = None) -> list[Path]:
    """All regular files in and below `folder`, sorted.

    Raises `InputError` for a folder that cannot be read, that holds more than `MOST_FILES` files, or more than
    `most_bytes` bytes (default: no bound).
    """
    files: list[Path] = []
    total = 0
    try:
        for place, _, names in os.walk(folder, onerror=_raise):
            inside = [path for path in (Path(place, name) for name in names) if path.is_file()]
            files += inside
            total += sum(path.stat().st_size for path in inside) if most_bytes is not None else 0
            if len(files) > MOST_FILES or (most_bytes is not None and total > most_bytes):
                raise _too_much(folder, where, most_bytes)
    except OSError as error:
        what = f"{error.filename or folder} cannot be read: {error.strerror or error}"
        hint = "check its owner and permissions, and that nothing removes files from the folder meanwhile"
        raise InputError(Problem(reference="suite.folder", what=what, where=where, hint=hint)) from None
    return sorted(files)


def _raise(error: OSError) -> None:
    raise error


def _too_much(folder: Path, where: str, most_bytes: int | None) -> InputError:
    bytes_too = "" if most_bytes is None else f" or {most_bytes >> 30} GiB"
    what = f"folder {folder} holds more than {MOST_FILES:,} files{bytes_too}"
    hint = "name the folder that holds what is meant, and nothing else"
    return InputError(Problem(reference="suite.folder", what=what, where=where, hint=hint))
