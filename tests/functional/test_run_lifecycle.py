"""A run as a process, stopped in every way a user or a machine can stop it: what was finished is never lost."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.record.record import Record
from bench.record.rundir import RunDirectory
from tests.fakes import process
from tests.fakes.orders import ORDERS
from tests.fakes.process import Forked
from tests.fakes.suites import diary, worked

HANGS: dict[str, Any] = {
    "recipe": {
        "full": {"method": "full", "learning_rate": 1e-3},
        "lora": {"method": "lora", "learning_rate": ORDERS["hang"]},
    },
    "eval": [{"kind": "lm_eval", "name": "qa", "tasks": ["t"]}],
    "run": {"workers": 2, "probe_steps": 0},
}
"""`few/full` ends at once; the first attempt of each `few/lora` training never does. One eval, and no probe."""


def start(root: Path, changes: dict[str, Any] | None = None) -> Forked:
    return process.start("tests.fakes.drive", words(root, changes), folder=Path(__file__).parents[2], environment={})


def words(root: Path, changes: dict[str, Any] | None = None) -> list[str]:
    return [str(root), json.dumps(changes or {})]


def finish(run: Forked, code: int, seconds: float = 90) -> tuple[dict[str, Any], str]:
    done = run.finish(seconds)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr


def until(condition: Callable[[], object], run: Forked, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert run.poll() is None, run.printed
        assert time.monotonic() < deadline, "the wait was too long"
        time.sleep(0.02)


def pids(root: Path) -> set[int]:
    """Of children whose work has begun and not ended."""
    lines = list(diary(root / "home"))
    ended = {(line["id"], line["pid"]) for line in lines if line["what"] == "end"}
    return {line["pid"] for line in lines if line["what"] == "begin" and (line["id"], line["pid"]) not in ended}


def hanging(root: Path) -> bool:
    return len(list((root / "home").glob("jobs/*/checkpoint"))) == 2


def record_of(root: Path) -> Record:
    return RunDirectory.find("fake", root / "reports").load()


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[Forked]:
    """A run whose two LoRA trainings hang, the rest being done or waiting for them."""
    run = start(tmp_path, HANGS)
    until(lambda: hanging(tmp_path), run)
    yield run
    if run.poll() is None:
        run.kill()
        run.finish(30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_its_children_says_so_and_goes_on_next_time(
    tmp_path: Path, hung: Forked, number: signal.Signals
) -> None:
    children = pids(tmp_path)
    assert len(children) == 2
    hung.send_signal(number)
    _, err = finish(hung, 130, seconds=30)
    assert "stopped with" in err
    assert not any(psutil.pid_exists(pid) for pid in children)
    states = {job.id: job for job in record_of(tmp_path).jobs}
    stopped = states["train:few/lora#0"]
    assert stopped.status == "pending"
    assert stopped.failure.kind == "interrupted"
    assert states["train:few/full#0"].status == "done"
    goes_on(tmp_path)


def test_ctrl_c_in_a_terminal_reaches_the_whole_group_and_is_still_clean(tmp_path: Path, hung: Forked) -> None:
    os.killpg(hung.pid, signal.SIGINT)
    finish(hung, 130, seconds=30)
    goes_on(tmp_path)


def test_orphans_of_a_killed_run_end_by_themselves(tmp_path: Path, hung: Forked) -> None:
    children = pids(tmp_path)
    family = psutil.Process(hung.pid).children(recursive=True)
    assert children <= {child.pid for child in family}
    hung.kill()
    finish(hung, -signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    goes_on(tmp_path)


def test_a_child_killed_from_outside_is_recorded_and_tried_again(tmp_path: Path, hung: Forked) -> None:
    for pid in pids(tmp_path):
        os.kill(pid, signal.SIGKILL)
    finish(hung, 3)
    failures = [one.job.failure for one in record_of(tmp_path).trainings if one.arm == "few/lora"]
    assert [failure.kind for failure in failures if failure is not None] == ["killed", "killed"]
    goes_on(tmp_path)


def goes_on(root: Path) -> None:
    """The next run takes up the checkpoints, repeats nothing that was done, and ends complete."""
    before = worked(root / "home")
    done = {line["id"] for line in diary(root / "home") if line["what"] == "end"}
    finish(start(root, HANGS), 0)
    again = worked(root / "home")[len(before) :]
    assert done.isdisjoint(again)
    assert record_of(root).all_done


def test_a_finished_suite_runs_again_without_heavy_imports_or_a_server(tmp_path: Path) -> None:
    first, _ = finish(start(tmp_path), 0)
    assert first["served"]
    command = [sys.executable, "-m", "tests.fakes.drive", *words(tmp_path)]  # a fresh interpreter: it shows the imports
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    second = json.loads(done.stdout)
    assert second["run"] == first["run"]
    assert second["heavy"] == []
    assert not second["served"]
    assert second["calls"] < 900_000, "0.3 million: it is read, not computed again"


def test_a_second_run_of_the_same_suite_waits_and_reuses(tmp_path: Path, hung: Forked) -> None:
    other = start(tmp_path, HANGS)
    until(lambda: "another bench run" in other.printed[1], other)
    assert len(worked(tmp_path / "home")) == len(set(worked(tmp_path / "home")))
    hung.send_signal(signal.SIGTERM)
    finish(hung, 130)
    finish(other, 0)
    assert record_of(tmp_path).all_done


def test_two_suites_that_share_jobs_do_them_once(tmp_path: Path) -> None:
    one, other = start(tmp_path), start(tmp_path, {"name": "twin"})
    finish(one, 0)
    finish(other, 0)
    work = worked(tmp_path / "home")
    assert len(work) == len(set(work)) == 16


def test_failures_end_in_exit_code_3_and_a_log(tmp_path: Path) -> None:
    recipes = {
        "full": {"method": "full", "learning_rate": ORDERS["segfault"]},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    }
    _, err = finish(start(tmp_path, {"recipe": recipes}), 3)
    assert "train:few/full#0 failed (crashed)" in err
