"""What becomes of a run in which jobs fail, take too long or crash."""

import time
from pathlib import Path
from typing import Any

import pytest

from bench.report.analysis.run_facts.absence import absences_of
from bench.run.process.server import Child, ChildServer
from bench.run.process.work import ChildRequest
from bench.run.scheduling import running
from tests.fakes.suites import worked
from tests.run.small_runs import by_id, go, recipes


@pytest.mark.parametrize(
    ("order", "kind", "words"),
    [
        ("raise", "exception", "RuntimeError: a [bold]bad[/bold] day"),
        ("kill", "killed", "SIGKILL"),
        ("segfault", "crashed", "SIGSEGV"),
        ("memory", "out_of_memory", "MemoryError"),
        ("refuse", "refused", "no such thing"),
        ("vanish", "exception", "no whole result"),
        ("diverge", "diverged", "step 3"),
    ],
)
def test_a_failed_training_is_recorded_and_harms_only_its_own_evals(
    tmp_path: Path, order: str, kind: str, words: str
) -> None:
    directory = go(tmp_path, recipe=recipes(order))
    record = directory.load()
    jobs = by_id(record)
    assert not record.all_done
    for seed in (0, 1):
        failed = jobs[f"train:few/full#{seed}"]
        assert failed.status == "failed"
        assert failed.failure.kind == kind
        assert words in failed.failure.message
        assert "\n" not in failed.failure.message
        assert failed.log is not None
        log = (directory.path / failed.log).read_text()
        assert f"training train:few/full#{seed}" in log
        dependant = jobs[f"eval:qa:few/full#{seed}"].failure
        assert dependant.kind == "dependency"
        assert words in dependant.message
    listed = {absence.job: absence.log for absence in absences_of(record)}  # what the report says is missing
    assert set(listed) == {name for name, job in jobs.items() if job.failure is not None}
    assert all(listed[f"train:few/full#{seed}"] is not None for seed in (0, 1))
    others = [job for name, job in jobs.items() if "few/full#" not in name]
    assert others
    assert all(job.status == "done" for job in others)


def test_the_wait_for_the_libraries_counts_against_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine their import takes longer than a short job may."""
    waited: list[float] = []
    beyond: list[float] = []
    fork, exceeded = ChildServer.fork, running.exceeded

    def slowly(self: ChildServer, request: ChildRequest) -> Child:
        if request.kind in ("train", "eval") and not waited:
            time.sleep(0.2)
            waited.append(time.monotonic())
        return fork(self, request)

    def look(limits: Any, *, pid: int | None, seconds: float, processes: int) -> Any:
        beyond.append(seconds - (time.monotonic() - waited[0]))
        return exceeded(limits, pid=pid, seconds=seconds, processes=processes)

    monkeypatch.setattr(ChildServer, "fork", slowly)
    monkeypatch.setattr(running, "exceeded", look)
    go(tmp_path, seeds=(0,), run={"workers": 1, "probe_steps": 0})
    assert beyond[0] <= 0.0


@pytest.mark.parametrize(
    ("order", "limits", "kind"), [("hang", {"seconds": 6.0}, "timeout"), ("eat", {"memory_gib": 0.5}, "out_of_memory")]
)
def test_a_job_over_its_limit_is_ended_alone_and_retried_next_time(
    tmp_path: Path, order: str, limits: dict[str, float], kind: str
) -> None:
    """One endless or greedy arm must not cost the suite its night, or the machine its memory."""
    changes = {"recipe": recipes(order), "run": {"workers": 2, "probe_steps": 0, "limits": limits}}
    record = go(tmp_path, **changes).load()
    jobs = by_id(record)
    for seed in (0, 1):
        failure = jobs[f"train:few/full#{seed}"].failure
        assert failure.kind == kind
        assert "run.limits" in failure.message
    assert all(job.status == "done" for name, job in jobs.items() if "few/full#" not in name)
    work = len(worked(tmp_path / "home"))
    go(tmp_path, **changes)
    assert {name.partition("#")[0] for name in worked(tmp_path / "home")[work:]} >= {"train:few/full"}
    assert not any("few/lora" in name or name.endswith(":base") for name in worked(tmp_path / "home")[work:])


def test_a_traceback_is_in_the_log_of_the_job_that_failed(tmp_path: Path) -> None:
    directory = go(tmp_path, recipe=recipes("raise"))
    text = (directory.path / "logs" / "train-few__full--0.txt").read_text()
    assert "Traceback" in text
    assert "in obey" in text


def test_where_native_code_crashed_is_in_the_log(tmp_path: Path) -> None:
    directory = go(tmp_path, recipe=recipes("segfault"))
    assert "Fatal Python error: Segmentation fault" in (directory.path / "logs" / "train-few__full--0.txt").read_text()


def test_what_a_diverged_training_measured_is_kept_for_the_report(tmp_path: Path) -> None:
    record = go(tmp_path, recipe=recipes("diverge")).load()
    results = {one.arm: one.result for one in record.trainings}
    assert results["few/full"] is not None
    assert results["few/full"].diverged
    assert results["few/lora"] is not None
