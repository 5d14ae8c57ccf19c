"""`bench clean`: what of earlier runs takes room, and what of it can go.

Never touched: whatever is under the reports (records, scores, logs, plots: a report needs nothing else), and the result
and scores of every job that a record there names, so that the same `bench run` still finds the job done. Jobs that a
run works on now are skipped.
"""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import InputError
from bench.record.files import CHECKPOINT, JOB, PARTIAL, SCORED
from bench.record.rundir import RECORD, RunDirectory
from bench.record.store import JobStore
from bench.run.process.locks import try_lock_job

LeftoverKind = Literal["temporary", "unused", "unfinished", "weights"]
KINDS: dict[LeftoverKind, str] = {
    "temporary": "files that a killed run was writing",
    "unused": "results that no record under the reports names",
    "unfinished": "attempts that were stopped or failed, with what they could be resumed from",
    "weights": "trained weights of finished jobs; another eval would train them again",
}
SAFE: tuple[LeftoverKind, ...] = ("temporary", "unused")
"""What goes without being named: nothing of it is of use to a suite that has a report."""
_TEMPORARY = (".*.tmp", f"{CHECKPOINT}.new", "start-*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing that takes room."""

    kind: LeftoverKind
    path: Path
    bytes: int
    digest: str | None = None
    """Digest of the job that it belongs to."""


def leftovers(home: Path, reports: Path) -> list[Leftover]:
    """Everything that could go, by kind and path. With a record that cannot be read, nothing counts as unused."""
    store, named = JobStore(home=home), _named(reports)
    leftover = [_leftover("temporary", path) for path in _temporary(home)]
    for folder in sorted((home / "jobs").glob("*")):
        if not folder.is_dir() or folder.is_symlink():
            continue
        digest, manifest = folder.name, store.done(folder.name)
        if manifest is None:
            leftover.append(_leftover("unfinished", folder, digest))
        elif named is not None and digest not in named:
            leftover.append(_leftover("unused", folder, digest))
        elif (folder / "weights").is_dir():
            leftover.append(_leftover("weights", folder / "weights", digest))
    leftover += [] if named is None else [_leftover("unused", path) for path in _unnamed_replies(home, named)]
    return [item for item in leftover if item.bytes > 0 or item.kind != "weights"]


def free(home: Path, leftover: Sequence[Leftover], kinds: Sequence[LeftoverKind] = SAFE) -> list[Leftover]:
    """Remove those of `kinds`; what was removed. A job that is being worked on stays."""
    return [item for item in leftover if item.kind in kinds and _remove(home, item)]


def summary(leftover: Sequence[Leftover]) -> list[dict[str, str | int | float | None]]:
    """Rows for a table or JSON: kind, how many, bytes, what it is."""
    rows: list[dict[str, str | int | float | None]] = []
    for kind, says in KINDS.items():
        items = [item for item in leftover if item.kind == kind]
        rows.append({"name": kind, "count": len(items), "bytes": sum(item.bytes for item in items), "what": says})
    return rows


def _remove(home: Path, item: Leftover) -> bool:
    if item.digest is None:
        _delete(item.path)
        return True
    lock = try_lock_job(home, item.digest)
    if lock is None:
        return False
    with lock:
        if item.kind == "weights":
            return JobStore(home=home).free_weights(item.digest) > 0
        JobStore(home=home).forget(item.digest)
    return not item.path.exists()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _named(reports: Path) -> set[str] | None:
    """Digests of all jobs of all records; `None` if a record cannot be read, for then nobody knows."""
    digests: set[str] = set()
    for path in reports.glob(f"*/*/{RECORD}"):
        try:
            digests.update(job.digest for job in RunDirectory(path.parent).load().jobs)
        except InputError:
            return None
    return digests


def _unnamed_replies(home: Path, named: set[str]) -> Iterator[Path]:
    """What subjects replied to evals that may grow, where no job of a record added to it."""
    kept = list((home / SCORED).glob("*.jsonl"))
    jobs = [home / "jobs" / digest / JOB for digest in named] if kept else []
    asked = "".join(job.read_text(encoding="utf-8") for job in jobs if job.is_file())
    yield from (path for path in sorted(kept) if path.name not in asked)


def _temporary(home: Path) -> Iterator[Path]:
    """Temporary files outside of jobs that somebody works on; and checkpoints and partial replies of jobs that are
    done."""
    for path in sorted([*(home / "jobs").glob(f"*/{CHECKPOINT}"), *(home / "jobs").glob(f"*/{PARTIAL}")]):
        if JobStore(home=home).done(path.parent.name) is not None:
            yield path
    for pattern in _TEMPORARY:
        for path in sorted(home.rglob(pattern)):
            inside = path.relative_to(home).parts
            if inside[0] != "jobs" or len(inside) < 3:
                yield path
            elif (lock := try_lock_job(home, inside[1])) is not None:
                lock.release()
                yield path


def _leftover(kind: LeftoverKind, path: Path, digest: str | None = None) -> Leftover:
    return Leftover(kind=kind, path=path, bytes=_size(path), digest=digest)


def _size(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    total = 0
    for file in path.rglob("*"):
        with contextlib.suppress(OSError):
            total += file.lstat().st_size if not file.is_dir() else 0
    return total
