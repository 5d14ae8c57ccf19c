"""Hashes of large files, remembered by path, size, times and inode, so that a repeated run does not read gigabytes.

Files below 64 MiB are always read: that is quick, and nothing then rests on a time stamp.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.atomic import write_text
from bench.digest import digest_file

_ALWAYS_READ_BYTES = 64 << 20


class HashCache:
    """Use as a context: what was newly read is stored on leaving."""

    def __init__(self, home: Path) -> None:
        self._file = home / "hashes.json"
        self._known: dict[str, list[int | str]] = {}
        self._changed = False

    def __enter__(self) -> Self:
        try:
            entries = json.loads(self._file.read_bytes())
            self._known = entries if isinstance(entries, dict) else {}
        except (OSError, ValueError):
            self._known = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._changed and error is None:
            write_text(self._file, json.dumps(self._known, indent=1))

    def digest(self, path: Path) -> str:
        """SHA-256 (hex) of a file's bytes."""
        real = path.resolve()
        stat = real.stat()
        if stat.st_size < _ALWAYS_READ_BYTES:
            return digest_file(real)
        stamp: list[int | str] = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        entry = self._known.get(str(real))
        if isinstance(entry, list) and entry[:-1] == stamp:
            return str(entry[-1])
        digest = digest_file(real)
        self._known[str(real)] = [*stamp, digest]
        self._changed = True
        return digest
