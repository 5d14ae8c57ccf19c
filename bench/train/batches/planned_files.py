"""What one process worked out of a training before its first step, for the processes that need it again.

Contract: a file is named after all that decides its content, the code and the libraries that worked it out among it, so
that a file that is there is right. It is made anew where it is missing or removed. Together the files take at most
`MOST_BYTES`: the oldest make room.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from bench.atomic import replacing
from bench.digest import digest_json
from bench.record.jobs.train_job import TrainJob

MOST_BYTES = 256 << 20
_FOLDER = "planned"


def planned_file(job: TrainJob, *parts: Any) -> Path | None:
    """Where the thing that `parts` (JSON values) decide is kept, beside the job's rows; `None` where it is not."""
    if job.planned_by is None:
        return None
    return Path(job.data.path).parent / _FOLDER / digest_json([job.planned_by, *parts])


def keep(file: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Has `write` fill the file, which appears whole. A disk that takes no more keeps nothing, and stops no work."""
    with contextlib.suppress(OSError):
        with replacing(file) as temporary, temporary.open("wb") as opened:
            write(opened)
        _make_room(file.parent)


def _make_room(folder: Path) -> None:
    entries = [(entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(folder)]
    excess = sum(size for _, size, _ in entries) - MOST_BYTES
    for _, size, path in sorted(entries):
        if excess <= 0:
            return
        Path(path).unlink(missing_ok=True)
        excess -= size
