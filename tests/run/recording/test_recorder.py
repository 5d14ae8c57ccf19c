"""The record of a run: the fate of every job of its plan, done or not, and nothing of where somebody's folders are."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.files import LOG
from bench.record.record import Failure, JobOutcome, JobRecord, Record
from bench.record.rundir import RunDirectory
from bench.record.store import JobStore
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.recording.heading import earlier, heading_now
from bench.run.recording.portable import portable
from bench.run.recording.recorder import make_record
from bench.run.resolve.suite import resolve
from tests.fakes.suites import fake_suite

FAILED = "train:few/full#0"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recorder")


@pytest.fixture(scope="module")
def planned(root: Path) -> Plan:
    return plan(resolve(fake_suite(root), home=root / "home"), home=root / "home")


def record_of(planned: Plan, root: Path, *, interrupted: bool = False) -> Record:
    """One training failed and left a log; no other job ran."""
    store = JobStore(home=root / "home")
    digest = next(entry.digest for entry in planned.jobs if entry.job.id == FAILED)
    store.folder(digest).mkdir(parents=True, exist_ok=True)
    (store.folder(digest) / LOG).write_text("why it failed\n")
    failure = Failure(kind="out_of_memory", message="no more")
    outcomes = {digest: JobOutcome(failure=failure, started="2026-11-01T00:00:00+00:00", seconds=2.5)}
    heading = heading_now(planned, command=("bench", "run"), suite_toml_sha256="0" * 64)
    directory = RunDirectory(root / "reports" / "fake" / "run")
    return make_record(planned, outcomes, heading, store=store, directory=directory, interrupted=interrupted)


def jobs(record: Record) -> dict[str, JobRecord]:
    groups = (record.trainings, record.sweeps, record.probes, record.answers, record.evaluations)
    return {entry.job.id: entry.job for group in groups for entry in group}


def test_every_planned_job_is_in_the_record_with_its_fate(planned: Plan, root: Path) -> None:
    recorded = jobs(record_of(planned, root))
    assert set(recorded) == {entry.job.id for entry in planned.jobs}
    assert {job.status for name, job in recorded.items() if name != FAILED} == {"pending"}
    failed = recorded[FAILED]
    assert (failed.status, failed.seconds, failed.failure and failed.failure.kind) == ("failed", 2.5, "out_of_memory")
    assert failed.log is not None
    assert (root / "reports" / "fake" / "run" / failed.log).read_text() == "why it failed\n"


def test_a_job_that_a_stop_kept_from_running_says_so(planned: Plan, root: Path) -> None:
    recorded = jobs(record_of(planned, root, interrupted=True))
    kinds = {name: job.failure.kind for name, job in recorded.items() if job.failure is not None}
    assert kinds == {name: "out_of_memory" if name == FAILED else "interrupted" for name in recorded}


def test_only_the_whole_finished_record_of_the_same_plan_gives_its_heading(planned: Plan, root: Path) -> None:
    directory = RunDirectory(root / "reports" / "fake" / "earlier")
    assert earlier(directory, planned) is None
    record = record_of(planned, root)
    directory.write(record)
    assert earlier(directory, planned) is None
    directory.write(record.model_copy(update={"finished": "2026-11-01T01:00:00+00:00"}))
    heading = earlier(directory, planned)
    assert heading.command == ("bench", "run")
    assert earlier(directory, replace(planned, digest="f" * 64)) is None


def test_paths_below_the_folder_are_relative_and_others_stay(planned: Plan, root: Path) -> None:
    resolved = portable(planned.resolved, root)
    assert str(root) not in resolved.model_dump_json()
    assert portable(planned.resolved, root / "elsewhere") == planned.resolved
