"""Finished jobs by digest, under `HOME/jobs/<digest>/`.

Files: `job.json`, `log.txt`, `result.json`, `scores.jsonl` (evals), `weights/` (trainings), `manifest.json`.

A job counts as done when its manifest is whole: written last, it names every file of the result with its size and
hash. A folder without one is the remains of an interrupted or failed attempt; only its checkpoints and partial replies
are of use.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import ValidationError

from bench.atomic import write_text
from bench.digest import digest_file
from bench.record.files import CHECKPOINT, JOB, LOG, MANIFEST, PARTIAL, RESULT, SCORES, STEPS
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.job import Job, JobResult, result_adapter
from bench.record.machine import Machine
from bench.record.results.evals.evaluation import EvalResult, ScoreRow
from bench.record.results.evals.score_rows import read_scores
from bench.record.results.training.deployed import DeployResult
from bench.record.results.training.result import TrainResult
from bench.record.task_names import rows_under_name, under_name
from bench.spec import Spec

R = TypeVar("R", bound=Spec)
_NOT_RESULT = {LOG, MANIFEST, JOB}
_HASH_ON_READ_BYTES = 1 << 20


class StoredFile(Spec):
    """One file of a result."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, file: Path, hash_file: Callable[[Path], str] = digest_file) -> Self:
        """The file as it is now."""
        return cls(bytes=file.stat().st_size, sha256=hash_file(file))


class Manifest(Spec):
    """List of a result's files; a job is done where it is whole."""

    format_version: Literal[1] = 1
    digest: str
    files: dict[str, StoredFile]
    """By path relative to the job's folder."""
    freed: tuple[str, ...] = ()
    """Weights among `files` that were removed to make room; a job that needs them trains again."""
    started: str
    """ISO 8601, UTC."""
    seconds: float
    """Wall time, process start included."""
    alone: bool
    """Whether no other job of that run ran beside it; else its speed and energy are not its own."""
    node: str | None = None
    """Name of the machine that did it; `None`: the one that the run was started on."""
    machine: Machine | None = None
    """What that machine is; `None` in manifests of older versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStore:
    """The job folders under one home."""

    home: Path

    def folder(self, digest: str) -> Path:
        """Where the job of this digest is, or would be."""
        return self.home / "jobs" / digest

    def digests(self) -> frozenset[str]:
        """Digests of the jobs that have a folder, done or not."""
        folder = self.home / "jobs"
        return frozenset(entry.name for entry in folder.iterdir()) if folder.is_dir() else frozenset()

    def done(self, digest: str) -> Manifest | None:
        """The manifest, if every file that it names is there with its size (and, if small, its hash)."""
        folder = str(self.folder(digest))
        try:
            manifest = Manifest.model_validate_json(_content(f"{folder}/{MANIFEST}"))
            whole = manifest.digest == digest and all(
                _is_whole(f"{folder}/{name}", expected)
                for name, expected in manifest.files.items()
                if name not in manifest.freed
            )
        except (OSError, ValidationError):
            return None
        return manifest if whole else None

    def begin(self, job: Job) -> Path:
        """An attempt's folder: empty but for what an interrupted one resumes from, with `job.json` written."""
        folder = self.folder(job.digest)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for entry in folder.iterdir():
            if not _resumes(entry) and not entry.name.startswith(STEPS):
                _remove(entry)
        write_text(folder / JOB, job.model_dump_json(indent=1))
        return folder

    def forget(self, digest: str) -> None:
        """Remove a job's result, checkpoints included, so that it runs from its start."""
        folder = self.folder(digest)
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def commit(
        self,
        digest: str,
        *,
        started: str,
        seconds: float,
        alone: bool,
        node: str | None = None,
        machine: Machine | None = None,
    ) -> Manifest:
        """Write the manifest over the files as they are now: from here on the job is done.

        Checkpoints and partial replies are removed after that, for a kill in between must not cost the work.
        """
        folder = self.folder(digest)
        files = {
            file.relative_to(folder).as_posix(): StoredFile.of(file)
            for file in sorted(folder.rglob("*"))
            if file.is_file() and file.name not in _NOT_RESULT and not _of_checkpoint(file, folder)
        }
        manifest = Manifest(
            digest=digest, files=files, started=started, seconds=seconds, alone=alone, node=node, machine=machine
        )
        write_text(folder / MANIFEST, manifest.model_dump_json(indent=1))
        for left_over in [entry for entry in folder.iterdir() if _resumes(entry)]:
            _remove(left_over)
        return manifest

    def free_weights(self, digest: str) -> int:
        """Remove the weights of a finished training and its stored steps, or of a deployed form; the result stays. The
        bytes freed.

        The manifest says so first: a kill in between leaves weights that nobody counts on, never a torn result.
        """
        manifest = self.done(digest)
        result = None if manifest is None else self.result(digest)
        if manifest is None or not isinstance(result, TrainResult | DeployResult):
            return 0
        folder = self.folder(digest)
        inside = tuple(name for name in manifest.files if name.startswith((f"{result.weights}/", f"{STEPS}/")))
        if inside != manifest.freed:
            write_text(folder / MANIFEST, manifest.model_copy(update={"freed": inside}).model_dump_json(indent=1))
        present = sum((folder / name).stat().st_size for name in inside if (folder / name).is_file())
        for name in (result.weights, STEPS):
            shutil.rmtree(folder / name, ignore_errors=True)
        return present

    def result(self, digest: str) -> JobResult:
        """The result as the child wrote it. Raises `OSError` or `ValidationError` if it is missing or torn."""
        return result_adapter.validate_json((self.folder(digest) / RESULT).read_bytes())

    def whole(self, digest: str, kind: type[R]) -> R | None:
        """The result of a job that is done; `None` where it is not, or is of another kind."""
        result = self.result(digest) if self.done(digest) else None
        return result if isinstance(result, kind) else None

    def diverged_result(self, digest: str) -> TrainResult | None:
        """What a training that diverged measured until then; it has no manifest, so it runs again."""
        try:
            result = self.result(digest)
        except (OSError, ValueError):
            return None
        return result if isinstance(result, TrainResult) and result.diverged else None

    def eval_result(self, job: EvalJob) -> EvalResult | None:
        """The eval's result under the job's name of it, `None` if this is not a whole eval."""
        result = self.whole(job.digest, EvalResult)
        return None if result is None else under_name(result, job.eval)

    def scores(self, job: EvalJob) -> list[ScoreRow]:
        """The examples of a finished eval, under the job's name of it."""
        return rows_under_name(read_scores(self.folder(job.digest) / SCORES), job.eval)


def write_result(folder: Path, result: JobResult) -> None:
    """What a child leaves: `result.json`."""
    write_text(folder / RESULT, result.model_dump_json())


def _of_checkpoint(file: Path, folder: Path) -> bool:
    return _resumes(folder / file.relative_to(folder).parts[0])


def _resumes(entry: Path) -> bool:
    """Whether an entry of a job's folder is what an interrupted attempt resumes from."""
    return entry.name.startswith(CHECKPOINT) or entry.name == PARTIAL


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _is_whole(path: str, expected: StoredFile) -> bool:
    if os.stat(path).st_size != expected.bytes:  # noqa: PTH116  # a plan looks at thousands
        return False
    return expected.bytes > _HASH_ON_READ_BYTES or hashlib.sha256(_content(path)).hexdigest() == expected.sha256


def _content(path: str) -> bytes:
    """Bytes of a small file, of which a plan reads thousands: a file object takes longer than the reading."""
    descriptor, parts = os.open(path, os.O_RDONLY), list[bytes]()
    try:
        while part := os.read(descriptor, _HASH_ON_READ_BYTES):
            parts.append(part)
    finally:
        os.close(descriptor)
    return b"".join(parts)
