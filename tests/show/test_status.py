"""How far a run is: what is done is counted and shown, and watching ends with the run."""

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench.record.record import ShareRecord
from bench.record.rundir import RunDirectory
from bench.show.status import run_status, watch
from tests.fakes.records import make_run


def test_jobs_are_counted_by_kind_with_what_failed(tmp_path: Path) -> None:
    run = RunDirectory(make_run(tmp_path / "run", examples=20, failed_training="alpaca_52k/lora#1").write())
    status = run_status(run)
    assert "training 17 of 18 done, 1 failed" in status.sentence
    assert any(failure.startswith("train:alpaca_52k/lora#1: out of memory") for failure in status.failures)


def test_every_job_of_a_record_is_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path, examples=5)
    evaluation = run.record.evaluations[0]
    share = ShareRecord(subject="base", arm=None, seed=None, eval=evaluation.eval, job=evaluation.job, result=None)
    record = run.record.model_copy(update={"shares": (share,)})
    status = run_status(RunDirectory(replace(run, record=record).write()))
    assert [kind.done for kind in status.kinds if kind.kind == "share of an eval"] == [1]
    assert sum(kind.done + kind.failed + kind.pending for kind in status.kinds) == len(record.jobs)


def test_watching_shows_the_arms_so_far_at_each_change_and_ends_with_the_run(tmp_path: Path) -> None:
    fake = make_run(tmp_path / "run", examples=20)
    path = fake.write()
    done = fake.record.model_dump_json()
    (path / "record.json").write_text(fake.record.model_copy(update={"finished": None}).model_dump_json())
    waits: list[float] = []

    def wait(seconds: float) -> None:
        """The run ends while the second wait lasts; nothing changes in the first."""
        waits.append(seconds)
        if len(waits) == 2:
            (path / "record.json").write_text(done)

    console = Console(file=io.StringIO(), width=80)
    assert watch(RunDirectory(path), console, seconds=7.0, sleep=wait).finished
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert waits == [7.0, 7.0]
    assert text.count("lima_1k/full ") >= 2
    assert text.count("Not finished: ") == 1, "an unchanged record is not shown again"
    assert text.count("\nFinished: ") == 1
    assert "Arms ─" in text
