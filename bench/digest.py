"""Content hashes of JSON values, files and folders."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

V = TypeVar("V")

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_json(value: Any) -> str:
    """SHA-256 (hex) of a JSON value in canonical form: sorted keys, no spaces, no NaN."""
    return _hashed(_canonical(value))


class SharedTexts:
    """Canonical forms of values that thousands of digests have in common, each made once.

    A number or a tuple of names is known by what it is, any other value by identity: it is kept, so that no other takes
    its place, and must not change.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[Any, Callable[..., Any]], tuple[Any, str]] = {}

    def of(self, value: V, part: Callable[[V], Any]) -> str:
        """The canonical form of `part(value)`, the part of a value that a digest covers."""
        key = value if isinstance(value, int | tuple) else f"object {id(value)}", part
        if key not in self._texts:
            self._texts[key] = value, _canonical(part(value))
        return self._texts[key][1]


def digest_with(texts: Mapping[str, str], own: Mapping[str, Any]) -> str:
    """`digest_json` of one object: the keys of `texts`, whose values are in canonical form, and those of `own`. Keys
    are plain words."""
    members = {**texts, **{key: _canonical(value) for key, value in own.items()}}
    return _hashed("{" + ",".join(f'"{key}":{members[key]}' for key in sorted(members)) + "}")


def _canonical(value: Any) -> str:
    return "null" if value is None else _CANONICAL.encode(value)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_files(root: Path, files: Iterable[Path]) -> str:
    """SHA-256 (hex) over relative names and contents; the place of `root` does not matter."""
    return digest_json({file.relative_to(root).as_posix(): digest_file(file) for file in sorted(files)})
