"""Locks belong to the living: a dead owner's is free at once, a living one's is waited for."""

import errno
import fcntl
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.run.process.locks import FileLock, child_lock, run_lock, try_lock_job
from tests.fakes.suites import fake_suite, run_below, worked

DIGEST = "d" * 64


def hold(home: str, child: bool, ready: Connection) -> None:
    """Takes a lock and keeps it until killed."""
    lock = (child_lock if child else run_lock)(Path(home), DIGEST)
    assert lock.try_acquire()
    ready.send_bytes(b"held")
    time.sleep(600)


@pytest.mark.parametrize("child", [False, True])
def test_a_lock_of_a_killed_owner_is_taken_over(tmp_path: Path, child: bool) -> None:
    """A stale lock would stop the suite for good after a power cut."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    owner = context.Process(target=hold, args=(str(tmp_path), child, theirs))
    owner.start()
    try:
        assert ours.recv_bytes() == b"held"
        assert try_lock_job(tmp_path, DIGEST) is None
        assert owner.pid is not None
        os.kill(owner.pid, signal.SIGKILL)
        owner.join()
        taken = try_lock_job(tmp_path, DIGEST)
        taken.release()
    finally:
        owner.kill()


def test_whatever_a_lock_file_says_or_how_old_it_is_does_not_matter(tmp_path: Path) -> None:
    """Neither a process number that was given again nor a clock that was set back keeps a lock."""
    lock = run_lock(tmp_path, DIGEST)
    lock.path.parent.mkdir(parents=True)
    lock.path.write_text(f"{os.getpid()} 4102444800")
    os.utime(lock.path, (4102444800, 4102444800))
    taken = try_lock_job(tmp_path, DIGEST)
    assert try_lock_job(tmp_path, DIGEST) is None
    taken.release()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
@pytest.mark.parametrize("where", ["home", "reports"])
def test_a_file_system_with_neither_locks_nor_links_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, where: str
) -> None:
    """Two runs that cannot see each other would tear results; a traceback would tell nobody what to do."""
    real = fcntl.flock

    def flock(handle: int, operation: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().is_relative_to(tmp_path / where):
            raise OSError(number, os.strerror(number))
        real(handle, operation)

    def link(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(os, "link", link)
    with pytest.raises(InputError) as caught:
        run_below(tmp_path, fake_suite(tmp_path))
    (problem,) = caught.value.problems
    assert problem.reference == "run.no-locks"
    assert str(tmp_path / where) in (problem.where or "")
    assert "BENCH_HOME" in (problem.hint or "")
    assert worked(tmp_path / "home") == []


def test_where_a_file_system_has_no_locks_a_lease_keeps_others_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    taken = try_lock_job(tmp_path, DIGEST)
    assert try_lock_job(tmp_path, DIGEST) is None
    taken.release()
    with FileLock(taken.path) as again:
        assert not again.try_acquire()
    assert again.try_acquire()
    again.release()


def test_a_lock_is_waited_for_and_the_wait_is_told_once(tmp_path: Path) -> None:
    first, second, told = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock"), []
    assert first.try_acquire()

    def on_wait() -> None:
        told.append("waiting")
        first.release()

    second.acquire(on_wait)
    assert told == ["waiting"]
    assert not first.try_acquire()
    second.release()
