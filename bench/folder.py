"""Files of a folder with their size and time of change, which is how this program sees that one of them is another."""

import os
from collections.abc import Iterator
from pathlib import Path

State = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""


def files_below(folder: Path | str, inside: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below `folder` by its path from there, in a fixed order; none where there is no such folder. A link to
    a folder is not followed.

    As fast as the system lists them: a thousand arms have thousands of files.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(entry.path, f"{inside}{entry.name}/")
        elif entry.is_file():
            yield f"{inside}{entry.name}", entry


def names_in(folder: Path) -> list[str]:
    """Names of what is in the folder, for a hint; none where there is no such folder."""
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def state_of(file: os.DirEntry[str] | Path) -> State:
    """The state of one file. Raises `OSError` where it is missing."""
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns
