"""Evals of one base share a process, which gives a subject's memory back before anything else starts."""

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.record.jobs.eval_job import EvalJob
from bench.record.record import Record
from bench.run.executors import local
from bench.run.executors.local import LocalExecutor, LocalJob
from bench.run.process.child import redirect_output
from tests.evals.jobs import loss_job, resolved_model
from tests.fakes.orders import CRASHES
from tests.fakes.suites import HELD, SERVER, diary, fake_suite, run_below

EVALS = (
    {"kind": "lm_eval", "name": "qa", "tasks": ("t",)},
    {"kind": "lm_eval", "name": "qb", "tasks": ("t",), "limit": 2},
    HELD,
)
CRASHING = {"kind": "lm_eval", "name": CRASHES, "tasks": ("t",), "limit": 1}


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


TUNED: dict[str, Any] = {"training": "t", "training_path": "/t"}


def of_another_base(root: Path, name: str) -> EvalJob:
    """An eval that no process of the first base can do."""
    asked = job(root, name)
    return asked.model_copy(update={"model": asked.model.model_copy(update={"path": str(root / "other")})})


def test_one_process_does_the_evals_of_all_subjects_of_a_base(tmp_path: Path, executor: LocalExecutor) -> None:
    first = done(executor, tmp_path, job(tmp_path, "a"))
    assert done(executor, tmp_path, job(tmp_path, "b")) == first
    assert done(executor, tmp_path, job(tmp_path, "c", **TUNED)) == first
    assert done(executor, tmp_path, of_another_base(tmp_path, "d")) != first
    assert [(tmp_path / f"jobs/{name}/result.json").exists() for name in "abcd"] == [True] * 4
    executor.release(but={str(tmp_path)})
    assert {load.base for load in executor.kept} == {str(tmp_path)}
    assert psutil.pid_exists(first)
    executor.release()
    assert not psutil.pid_exists(first)


def test_a_process_gives_its_subject_back_before_another_starts_and_does_the_next_of_its_base(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    first = done(executor, tmp_path, job(tmp_path, "a", **TUNED))
    [load] = executor.kept
    done(executor, tmp_path, of_another_base(tmp_path, "b"))
    assert replace(load, subject=None) in executor.kept
    assert load not in executor.kept
    assert done(executor, tmp_path, job(tmp_path, "c", **TUNED)) == first
    assert load in executor.kept


def test_a_subject_is_asked_in_the_process_that_has_it_where_several_have_its_base(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    asked = [begun(executor, tmp_path, job(tmp_path, name, **part)) for name, part in (("a", {}), ("b", TUNED))]
    for running in asked:
        running.stop()
    assert asked[0].pid != asked[1].pid
    assert done(executor, tmp_path, job(tmp_path, "c", **TUNED)) == asked[1].pid
    assert done(executor, tmp_path, job(tmp_path, "d")) == asked[0].pid


def test_on_a_gpu_a_process_ends_before_another_starts(
    tmp_path: Path, executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold the device's memory as long as it lives."""
    monkeypatch.setattr(local, "device", lambda: "cuda: NVIDIA H200")
    first = done(executor, tmp_path, job(tmp_path, "a"))
    done(executor, tmp_path, of_another_base(tmp_path, "b"))
    assert not psutil.pid_exists(first)


def test_a_process_that_ends_at_rest_costs_no_eval(
    tmp_path: Path, executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = done(executor, tmp_path, job(tmp_path, "a"))
    monkeypatch.setattr(local, "REST", "a kind that no child knows")
    done(executor, tmp_path, of_another_base(tmp_path, "b"))
    assert {load.base for load in executor.kept} == {str(tmp_path / "other")}
    assert done(executor, tmp_path, job(tmp_path, "c")) != first


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
def test_a_run_has_no_more_processes_of_a_base_than_workers(tmp_path: Path, workers: int) -> None:
    """Five subjects with three evals each, and trainings between them."""
    suite = fake_suite(tmp_path, eval=EVALS, run={"workers": workers, "probe_steps": 0})
    record = run_below(tmp_path, suite).load()
    assert isinstance(record, Record)
    scored = [line for line in diary(tmp_path / "home") if line["id"].startswith("eval:")]
    assert len({line["id"] for line in scored}) == 15
    processes = {line["pid"] for line in scored}
    assert len(processes) <= workers
    assert not any(psutil.pid_exists(pid) for pid in processes)


def test_a_crash_in_an_eval_fails_that_eval_alone(tmp_path: Path) -> None:
    """The evals after it have another process."""
    suite = fake_suite(tmp_path, eval=(*EVALS, CRASHING), run={"workers": 1, "probe_steps": 0})
    record = run_below(tmp_path, suite, go_on=True).load()
    assert isinstance(record, Record)
    failed = [entry.id for entry in record.jobs if entry.failure is not None]
    assert sorted(failed) == sorted(entry.id for entry in record.jobs if entry.id.startswith("eval:crashes:"))
    assert len(failed) == 5
    assert {entry.failure.kind for entry in record.jobs if entry.failure is not None} == {"killed"}
