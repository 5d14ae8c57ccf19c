"""Selected rows on disk: JSON Lines of `bench.data.render.row.Row`, named by the hash of their bytes, never changed.

Contract: `write_rows` is atomic (temp file, fsync, rename); a file that exists is whole. `load_rows` parses a row when
it is asked for.
"""

import hashlib
import json
import os
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import IO, Any, Self, overload

from bench.atomic import temporary_in
from bench.data.render.row import Row
from bench.digest import digest_file
from bench.errors import InputError, Problem

_STRIDE = 16
"""Every so many rows the place in the file is remembered."""


class StoredRows(Sequence[Row]):
    """The rows of one stored selection, read when asked for: half a byte a row in memory. May be shared by forks."""

    def __init__(self, path: Path) -> None:
        """Finds where the rows begin. Only a line feed ends a row: text may hold other separators."""
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        self._whole: StoredRows | None = None  # what a slice was taken of, kept alive for its open file
        self._starts = array("Q")
        count = end = 0
        with path.open("rb") as file:
            for count, line in enumerate(file, start=1):
                if count % _STRIDE == 1:
                    self._starts.append(end)
                end += len(line)
        self._starts.append(end)
        self._indices = range(count)

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Row | Self:
        if isinstance(index, slice):
            part = copy(self)
            part._indices, part._whole = self._indices[index], self
            return part
        block, inside = divmod(self._indices[index], _STRIDE)
        start, end = self._starts[block], self._starts[block + 1]
        return Row.model_validate_json(os.pread(self._descriptor, end - start, start).split(b"\n")[inside])

    def __iter__(self) -> Iterator[Row]:
        """Each block of rows is read once."""
        held, lines = -1, []
        for at in self._indices:
            block, inside = divmod(at, _STRIDE)
            if block != held:
                start, end = self._starts[block], self._starts[block + 1]
                held, lines = block, os.pread(self._descriptor, end - start, start).split(b"\n")
            yield Row.model_validate_json(lines[inside])


def load_rows(path: Path | str) -> StoredRows:
    """The rows of a stored selection, in order."""
    return StoredRows(Path(path))


def load_turns(path: Path | str) -> Iterator[list[dict[str, Any]]]:
    """The turns of each row of a stored selection, in order, as they were written: for a look at the words of all rows,
    which takes less than half of the time without their types."""
    with Path(path).open("rb") as file:
        for line in file:
            yield json.loads(line)["turns"]


def write_rows(rows: Iterable[tuple[bytes, str]], folder: Path) -> tuple[Path, str]:
    """Stores `(conversation as JSON, origin)` pairs.

    Returns the file and the SHA-256 of the conversations in order; the origins do not count, so that the same rows
    from another file are the same data.
    """
    content, whole = hashlib.sha256(), hashlib.sha256()
    with atomic(folder) as (file, finish):
        for turns, origin in rows:
            line = b'{"turns":%b,"origin":%b}\n' % (turns, json.dumps(origin).encode())
            content.update(turns)
            content.update(b"\n")
            whole.update(line)
            file.write(line)
        path = finish(f"{whole.hexdigest()}.jsonl")
    return path, content.hexdigest()


def is_whole(path: Path) -> bool:
    """Whether a stored selection is there and its bytes are those it is named after."""
    return path.is_file() and digest_file(path) == path.stem


@contextmanager
def atomic(folder: Path) -> Iterator[tuple[IO[bytes], Callable[[str], Path]]]:
    """A file under `folder` that appears whole, under the name given to the function, or not at all."""
    with writable(folder), temporary_in(folder) as (temporary, name_it), temporary.open("wb") as file:

        def finish(name: str) -> Path:
            file.close()
            return name_it(name)

        yield file, finish


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Turns a failure to write (no space, no permission, a file in the way) into an `InputError`."""
    try:
        yield
    except OSError as error:
        raise InputError(
            Problem(
                reference="home.not-writable",
                what=f"cannot write under {folder}: {error.strerror or error}",
                where=str(folder),
                hint="free some space, or set BENCH_HOME to a folder that can be written",
            )
        ) from error
