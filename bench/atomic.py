"""Files that are whole or absent: temporary file beside the target, fsync, `os.replace`."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import WRITE_ERRORS, InputError, Problem

_OF_ANOTHER_KIND = frozenset((errno.ENOTDIR, errno.EEXIST, errno.EISDIR))
_IN_THE_WAY = "a file is where a folder is needed, or a folder where a file is: name another place"
_NO_ROOM = "what was finished is kept; free some space (`bench clean`), or set BENCH_HOME and --reports"


@contextmanager
def temporary_in(folder: Path, *, prefix: str = ".writing.") -> Iterator[tuple[Path, Callable[[str], Path]]]:
    """A temporary path in `folder` (created if need be), and the function that names it there once it is written.

    The function returns the file, which is then whole on the disk. Without a call of it nothing is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, unnamed = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=".tmp")
    os.close(handle)
    temporary = Path(unnamed)

    def finish(name: str) -> Path:
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        return temporary.replace(folder / name)

    try:
        yield temporary, finish
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path in `path`'s folder (created if need be); what is written there becomes `path` on success."""
    with temporary_in(path.parent, prefix=f".{path.name}.") as (temporary, finish):
        yield temporary
        finish(path.name)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` (UTF-8), whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Replace `path` by lines that are written one after the other, so that they are never all in memory."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(lines)


@contextmanager
def write_errors_as_problems(where: str) -> Iterator[None]:
    """Turn a full or read-only disk, or something in the way, into an `InputError`; `where` names the folders if the
    system does not."""
    try:
        yield
    except OSError as error:
        if error.errno not in WRITE_ERRORS:
            raise
        raise InputError(
            Problem(
                reference="run.not-writable",
                what=f"cannot write: {error.strerror}",
                where=str(error.filename or where),
                hint=_IN_THE_WAY if error.errno in _OF_ANOTHER_KIND else _NO_ROOM,
            )
        ) from error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
