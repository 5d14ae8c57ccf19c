"""Locks between processes: kernel file locks, so that a dead owner's lock is free at once.

A job has two: `<digest>` is held by the run that executes it, `<digest>.child` by the child itself. Both must be free
before its folder is touched, so an orphan that has not ended yet cannot write into a new attempt.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from bench.errors import InputError, Problem

_POLL_SECONDS = 0.2
_WAIT_CALL_SECONDS = 120.0
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""What a file system without locks answers; some network mounts are such."""


class FileLock:
    """An exclusive lock on a path; released by `release`, by leaving the `with`, or by the owner's death."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; whether it is now held. Raises `InputError` where there are no locks."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError as error:
            os.close(handle)
            if error.errno in _NO_LOCKS:
                raise _no_locks(self.path.parent, error) from error
            raise
        self._handle = handle
        return True

    def acquire(self, on_wait: Callable[[], None] = lambda: None) -> None:
        """Take the lock, waiting as long as its owner lives; `on_wait` is called when the wait begins and every two
        minutes of it."""
        called: float | None = None
        while not self.try_acquire():
            if called is None or time.monotonic() - called >= _WAIT_CALL_SECONDS:
                called = time.monotonic()
                on_wait()
            time.sleep(_POLL_SECONDS)

    def release(self) -> None:
        """Give it up; nothing happens if it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> FileLock:
        if self._handle is None:
            self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _no_locks(folder: Path, error: OSError) -> InputError:
    """Without locks two runs could tear each other's results, and nobody would know: better none."""
    return InputError(
        Problem(
            reference="run.no-locks",
            what=f"the file system there has no file locks ({error.strerror}), which keep two runs apart",
            where=str(folder),
            hint="use a local disk: BENCH_HOME=FOLDER for results, --reports FOLDER for reports",
        )
    )


def folder_lock(folder: Path) -> FileLock:
    """Held by the run that fills this run directory."""
    return FileLock(folder.parent / f".{folder.name}.lock")


def run_lock(home: Path, digest: str) -> FileLock:
    """Held by the run that executes or waits for the job of this digest."""
    return FileLock(home / "locks" / digest)


def child_lock(home: Path, digest: str) -> FileLock:
    """Held by the child that works in this job's folder."""
    return FileLock(home / "locks" / f"{digest}.child")


def try_lock_job(home: Path, digest: str) -> FileLock | None:
    """The run's lock on a job whose child, if there ever was one, has ended; `None` while somebody else has it."""
    lock = run_lock(home, digest)
    if not lock.try_acquire():
        return None
    orphan = child_lock(home, digest)
    if not orphan.try_acquire():
        lock.release()
        return None
    orphan.release()
    return lock
