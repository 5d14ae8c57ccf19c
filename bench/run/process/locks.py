"""Locks between processes: kernel file locks, so that a dead owner's lock is free at once; where the file system has
none, leases (`leases.py`), which are free after a while.

A job has two: `<digest>` is held by the run that executes it, `<digest>.child` by the child itself. Both must be free
before its folder is touched, so an orphan that has not ended yet cannot write into a new attempt.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.errors import InputError, Problem
from bench.run.process.leases import Lease, try_lease

_POLL_SECONDS = 0.2
_WAIT_CALL_SECONDS = 120.0
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""What a file system without locks answers; some network mounts are such."""
_NO_LINKS = _NO_LOCKS | {errno.EPERM, errno.EMLINK, errno.EXDEV}
"""What one without hard links answers."""


LOCKS = "BENCH_LOCKS"
"""Variable whose value `leases` says that the mount's locks are not seen by other machines."""


class FileLock:
    """An exclusive lock on a path; released by `release`, by leaving the `with`, or by the owner's death."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._lease: Lease | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; whether it is now held. Raises `InputError` where there are neither locks nor
        links."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if os.environ.get(LOCKS) == "leases":
            return self._take_lease()
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError as error:
            os.close(handle)
            if error.errno in _NO_LOCKS:
                return self._take_lease()
            raise
        self._handle = handle
        return True

    def _take_lease(self) -> bool:
        try:
            lease = try_lease(self.path)
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise _no_locks(self.path.parent, error) from error
            raise
        self._lease = lease or self._lease
        return lease is not None

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
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def __enter__(self) -> Self:
        if self._handle is None and self._lease is None:
            self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _no_locks(folder: Path, error: OSError) -> InputError:
    """Without either two runs could tear each other's results, and nobody would know: better none."""
    return InputError(
        Problem(
            reference="run.no-locks",
            what=f"the file system there has neither file locks nor hard links ({error.strerror}): two runs would mix",
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
