"""Content hashes of JSON values, files and folders."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_json(value: Any) -> str:
    """SHA-256 (hex) of a JSON value in canonical form: sorted keys, no spaces, no NaN."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_files(root: Path, files: Iterable[Path]) -> str:
    """SHA-256 (hex) over relative names and contents; the place of `root` does not matter."""
    return digest_json({file.relative_to(root).as_posix(): digest_file(file) for file in sorted(files)})
