"""Files by which a run and a node that does one of its jobs know of each other, in the job's folder.

`request.json` is written by the run, all others by the node: `beat` (renewed as long as it works), `events.jsonl`, and
`end.json`, written last, with the hash of every file of the result. The folder is seen by both.
"""

import contextlib
import os
from pathlib import Path

from pydantic import ValidationError

from bench.atomic import write_text
from bench.record.files import CHECKPOINT, JOB, LOG, PARTIAL, REMOTE
from bench.record.machine import Machine
from bench.record.record import Failure
from bench.record.store import StoredFile
from bench.run.executors.allowance import Allowance
from bench.run.process.work import ChildRequest
from bench.spec import Spec

BEAT_SECONDS = 5.0
_NOT_RESULT = {REMOTE, JOB, LOG}


class RemoteRequest(Spec):
    """What a node is asked to do."""

    digest: str
    device: str
    """Kind of device that the job was planned for; another kind would give another result."""
    threads: int
    attempt: int
    work: ChildRequest


class RemoteHandle(Spec):
    """Who has a job, so that a later run can ask for it."""

    program: str
    handle: str
    """What the program calls it."""
    allowance: Allowance
    """What the program was asked to allow it."""


class Beat(Spec):
    """A node's sign of life."""

    node: str
    count: int


class RemoteEnd(Spec):
    """How a node's work ended."""

    digest: str
    node: str
    machine: Machine
    seconds: float
    failure: Failure | None
    files: dict[str, StoredFile]
    """Every file of the result, by path relative to the job's folder."""


class JobFiles:
    """The files of one job."""

    def __init__(self, folder: Path) -> None:
        self.job = folder
        self.folder = folder / REMOTE
        self.request = self.folder / "request.json"
        self.beat = self.folder / "beat"
        self.events = self.folder / "events.jsonl"
        self.end = self.folder / "end.json"
        self.handle = self.folder / "handle.json"

    def read_request(self) -> RemoteRequest | None:
        """What was asked; `None` if nothing was, or not in these words."""
        return RemoteRequest.kept_in(self.request)

    def is_withdrawn(self, attempt: int) -> bool:
        """Whether the request for this attempt is gone, or is for another; what cannot be read now is not gone."""
        try:
            return RemoteRequest.model_validate_json(self.request.read_bytes()).attempt != attempt
        except FileNotFoundError:
            return True
        except (OSError, ValidationError):
            return False

    def read_beat(self) -> Beat | None:
        """The last sign of life."""
        return Beat.kept_in(self.beat)

    def read_end(self) -> RemoteEnd | None:
        """The end, once it is there."""
        return RemoteEnd.kept_in(self.end)

    def read_handle(self) -> RemoteHandle | None:
        """Who has the job; `None` where nothing was submitted."""
        return RemoteHandle.kept_in(self.handle)

    def beat_age(self) -> float | None:
        """Seconds since the last sign of life by the file system's own clock; `None` without one."""
        probe = self.folder / f"now.{os.getpid()}"
        try:
            write_text(probe, "")
            age = probe.stat().st_mtime - self.beat.stat().st_mtime
            probe.unlink()
        except OSError:
            return None
        return age


def result_files(folder: Path) -> dict[str, StoredFile]:
    """Files of a result with their hashes."""
    return {name: StoredFile.of(folder / name) for name in _names(folder)}


def arrived(folder: Path, stated: dict[str, StoredFile]) -> bool:
    """Whether every file is there in the size that its node stated."""
    try:
        return all((folder / name).stat().st_size == file.bytes for name, file in stated.items())
    except OSError:
        return False


def differing(folder: Path, stated: dict[str, StoredFile]) -> list[str]:
    """Files that are not as their node stated, that it did not state, that cannot be read or are not in the folder."""
    there = set(_names(folder))
    altered = {name for name in there if _readable(folder / name) != stated.get(name)}
    return sorted(altered | (stated.keys() - there))


def _names(folder: Path) -> list[str]:
    paths = ((file, file.relative_to(folder)) for file in folder.rglob("*"))
    return sorted(path.as_posix() for file, path in paths if file.is_file() and not _is_beside(path))


def _readable(path: Path) -> StoredFile | None:
    with contextlib.suppress(OSError):
        return StoredFile.of(path)
    return None


def _is_beside(path: Path) -> bool:
    return path.parts[0] in _NOT_RESULT or path.parts[0] == PARTIAL or path.parts[0].startswith(CHECKPOINT)
