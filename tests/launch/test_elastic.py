"""The processes of one job: one end for all of them, with the reason of the first that failed."""

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.launch.elastic import Group, in_ranks
from bench.launch.rendezvous import Listener
from bench.run.process.server import Child
from bench.suite.tables.training.launch import Launch
from tests.fakes.forked import finish, start
from tests.fakes.group import Asked


def begin(folder: Path, *, lead: str, follow: str) -> Child:
    return start("ranks", Asked(lead=lead, follow=follow), folder, module="tests.fakes.group")


def members(folder: Path) -> list[int]:
    """Process numbers of all ranks."""
    deadline = time.monotonic() + 20
    while len(pids := [path.read_text() for path in folder.glob("rank*.txt")]) < 3 or "" in pids:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(pid) for pid in pids]


def gone(pids: list[int]) -> bool:
    """Whether they have ended, or do so soon."""
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(
    ("lead", "follow", "kind", "message"),
    [
        ("follow", "kill", "killed",
         "process 3 of 3: the process was killed (SIGKILL); the system may have run out of memory"),
        ("wait", "raise", "out_of_memory", "process 3 of 3: MemoryError: no more"),
        ("wait", "refuse", "refused", "no (try yes)"),
        ("raise", "wait", "out_of_memory", "MemoryError: no more"),
    ],
)  # fmt: skip
def test_the_first_failure_ends_the_job_while_others_wait_or_fail_of_it(
    tmp_path: Path, lead: str, follow: str, kind: str, message: str
) -> None:
    child = begin(tmp_path, lead=lead, follow=follow)
    assert finish(child) < 20
    assert (child.failure.kind, child.failure.message) == (kind, message)
    assert [problem.hint for problem in child.problems] == (["try yes"] if follow == "refuse" else [])
    assert gone(members(tmp_path))
    assert not (tmp_path / "ranks").exists()


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_nobody_outlives_the_agent(tmp_path: Path, how: str) -> None:
    """The run knows only that one, and kills it at a limit, or when it is interrupted."""
    child = begin(tmp_path, lead="wait", follow="wait")
    pids = members(tmp_path)
    getattr(child.process, how)()
    finish(child)
    assert gone(pids)


def test_the_first_brings_the_value_and_all_end(tmp_path: Path) -> None:
    child = begin(tmp_path, lead="return", follow="return")
    finish(child)
    assert (child.failure, child.value) == (None, "0 of 3")
    assert gone(members(tmp_path))


def test_one_process_needs_no_other(tmp_path: Path) -> None:
    led: list[int] = []
    in_ranks(Group(launch=Launch(), folder=tmp_path), lambda: led.append(1), pytest.fail)
    assert led == [1]


def test_the_store_listens_on_the_heads_address_alone() -> None:
    listener = Listener("127.0.0.1")
    with listener.socket, pytest.raises(OSError, match="refused"), socket.socket() as asking:
        asking.connect(("127.0.0.2", listener.port))


def test_a_node_that_ends_while_the_reports_are_removed_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group(launch=Launch(processes=2), folder=tmp_path / "job")
    remove = os.rmdir

    def late(path: str | Path, **place: Any) -> None:
        with contextlib.suppress(OSError):
            (group.reports / "node1.ended").touch()
        remove(path, **place)

    monkeypatch.setattr("bench.launch.elastic._run_agent", lambda *_: monkeypatch.setattr(os, "rmdir", late))
    in_ranks(group, lambda: None, lambda: None)
    assert list(group.folder.iterdir()) == []
