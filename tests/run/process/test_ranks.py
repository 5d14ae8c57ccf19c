"""The processes of one job: one end for all of them, with the reason of the first that failed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest
from bench.run.process.ranks import in_ranks

from bench.run.process.server import Child, ChildServer
from tests.fakes import echo
from tests.fakes.echo import Asked

SERVER = ChildServer(module=echo.__name__)


def start(folder: Path, *, lead: str, follow: str) -> Child:
    payload = Asked(processes=3, lead=lead, follow=follow)
    return SERVER.start("ranks", payload, folder=folder, log=folder / "log.txt")


def finish(child: Child) -> None:
    """Hears it to its end; one that waits by itself does so for a minute."""
    begun = time.monotonic()
    while not child.ended():
        assert time.monotonic() - begun < 30, "it hangs"
        child.wait(1)
    child.stop()


def others(folder: Path) -> list[int]:
    """Process numbers of all but the first."""
    deadline = time.monotonic() + 20
    while len(found := [path.read_text() for path in folder.glob("rank*.txt")]) < 2 or "" in found:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(pid) for pid in found]


def gone(pids: list[int]) -> bool:
    """Whether they have ended, or do so soon."""
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("kill", "killed", "process 3 of 3: the process was killed (SIGKILL); the system may have run out of memory"),
        ("raise", "out_of_memory", "process 3 of 3: MemoryError: no more"),
        ("refuse", "refused", "no (try yes)"),
    ],
)
def test_one_that_fails_ends_the_job_while_all_others_wait_for_it(
    tmp_path: Path, how: str, kind: str, message: str
) -> None:
    child = start(tmp_path, lead="wait", follow=how)
    finish(child)
    assert child.failure is not None
    assert (child.failure.kind, child.failure.message) == (kind, message)
    assert [problem.hint for problem in child.problems] == (["try yes"] if how == "refuse" else [])
    assert gone(others(tmp_path))


def test_what_the_first_fails_of_is_the_jobs_failure(tmp_path: Path) -> None:
    child = start(tmp_path, lead="raise", follow="wait")
    finish(child)
    assert child.failure is not None
    assert (child.failure.kind, child.failure.message) == ("out_of_memory", "MemoryError: no more")
    assert gone(others(tmp_path))


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_nobody_outlives_the_first(tmp_path: Path, how: str) -> None:
    """The run knows only that one, and kills it at a limit, or when it is interrupted."""
    child = start(tmp_path, lead="wait", follow="wait")
    pids = others(tmp_path)
    getattr(child.process, how)()
    finish(child)
    assert gone(pids)


def test_the_first_brings_the_value_and_the_others_end(tmp_path: Path) -> None:
    child = start(tmp_path, lead="return", follow="return")
    finish(child)
    assert (child.failure, child.value) == (None, "0 of 3")
    assert gone(others(tmp_path))


def test_one_process_needs_no_other() -> None:
    assert in_ranks(1, os.getpid, pytest.fail) == os.getpid()
