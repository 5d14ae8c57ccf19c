"""Evals of one subject share a process, which gives its memory back before anything else starts."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.record.jobs.eval_job import EvalJob
from bench.record.record import Record
from bench.run.display import QuietDisplay
from bench.run.executors.local import LocalExecutor, LocalJob
from bench.run.process.child import redirect_output
from bench.run.process.server import ChildServer
from bench.run.run import run_suite
from tests.evals.jobs import loss_job, resolved_model
from tests.fakes.suites import HELD, diary, fake_suite

SERVER = ChildServer(module="tests.fakes.worker")
EVALS = ({"kind": "lm_eval", "name": "qa", "tasks": ("t",)}, {"kind": "lm_eval", "name": "qb", "tasks": ("t",)}, HELD)


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    made = LocalExecutor(server=SERVER)
    yield made
    made.stop_all([])


def job(root: Path, name: str, **changes: Any) -> EvalJob:
    """An eval, of the base unless it is changed."""
    asked = loss_job(resolved_model(root), root / "rows.jsonl", 2, **changes)
    return asked.model_copy(update={"eval": asked.eval.model_copy(update={"name": name})})


def done(executor: LocalExecutor, root: Path, asked: EvalJob) -> int:
    """Has it done; the process that did it."""
    running = begun(executor, root, asked)
    assert running.failure is None
    running.stop()
    assert running.pid is not None
    return running.pid


def begun(executor: LocalExecutor, root: Path, asked: EvalJob) -> LocalJob:
    """The job after its end."""
    folder = root / "jobs" / asked.eval.name
    folder.mkdir(parents=True, exist_ok=True)
    running = executor.submit(asked, folder, lock=root / f"{asked.eval.name}.lock")
    deadline = time.monotonic() + 60
    while not running.ended() and time.monotonic() < deadline:
        list(running.messages())
        time.sleep(0.01)
    return running


def test_one_process_does_the_evals_of_a_subject_and_ends_before_another_starts(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    first = done(executor, tmp_path, job(tmp_path, "a"))
    assert psutil.pid_exists(first)
    assert done(executor, tmp_path, job(tmp_path, "b")) == first
    other = done(executor, tmp_path, job(tmp_path, "c", training="t", training_path=str(tmp_path / "t")))
    assert other != first
    assert not psutil.pid_exists(first)
    assert [(tmp_path / f"jobs/{name}/result.json").exists() for name in "abc"] == [True] * 3
    executor.release()
    assert not psutil.pid_exists(other)


def test_each_eval_of_a_process_has_its_own_log_whoever_owned_the_streams_before(tmp_path: Path) -> None:
    """A stream that owned its number closed it when it was collected: the next log was then written nowhere, and the
    job after it failed for a bad file descriptor."""
    child = os.fork()
    if child == 0:
        os._exit(_logs_twice(tmp_path))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [(tmp_path / name).read_text() for name in ("first", "second")] == ["first\n", "second\n"]


def _logs_twice(folder: Path) -> int:
    """In a process of its own; the exit code."""
    sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115  # owners of their numbers
    for name in ("first", "second"):
        redirect_output(folder / name)
        gc.collect()
        os.write(1, f"{name}\n".encode())
    return 0


def test_an_idle_process_that_was_killed_costs_no_eval(tmp_path: Path, executor: LocalExecutor) -> None:
    """The system may take its memory at any time."""
    first = done(executor, tmp_path, job(tmp_path, "a"))
    os.kill(first, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first)] if psutil.pid_exists(first) else [], timeout=10)
    assert done(executor, tmp_path, job(tmp_path, "b")) != first


def test_a_process_whose_eval_failed_does_no_other(tmp_path: Path, executor: LocalExecutor) -> None:
    """Nobody knows what it has left behind."""
    (tmp_path / "jobs" / "a").mkdir(parents=True)
    (tmp_path / "jobs" / "a" / "scores.jsonl").mkdir()  # cannot be written
    failed = begun(executor, tmp_path, job(tmp_path, "a"))
    assert failed.failure is not None
    failed.stop()
    assert not executor.kept
    assert failed.pid != done(executor, tmp_path, job(tmp_path, "b"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_has_each_subject_scored_by_one_process_where_all_workers_have_work(tmp_path: Path, workers: int) -> None:
    """Arms that only a second worker could do faster are the one exception."""
    suite = fake_suite(tmp_path, eval=EVALS, run={"workers": workers, "probe_steps": 0})
    record = run_suite(
        suite, home=tmp_path / "home", reports=tmp_path / "reports", display=QuietDisplay(), server=SERVER
    ).load()
    assert isinstance(record, Record)
    processes: dict[str, set[int]] = {}
    for line in diary(tmp_path / "home"):
        kind, _, subject = line["id"].split(":", 2) if line["id"].startswith("eval:") else (line["id"], "", "")
        if kind == "eval":
            processes.setdefault(subject, set()).add(line["pid"])
    assert len(processes) == 5
    assert len({pid for pids in processes.values() for pid in pids}) == sum(map(len, processes.values()))
    if workers == 1:
        assert all(len(pids) == 1 for pids in processes.values())
    else:  # the base comes first, alone, and the last arm may find an idle worker
        assert sum(len(pids) == 1 for pids in processes.values()) >= 2
    assert not any(psutil.pid_exists(pid) for pids in processes.values() for pid in pids)
