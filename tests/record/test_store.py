"""The job store: what counts as done, and what an interrupted attempt leaves."""

import contextlib
from pathlib import Path

import pytest

from bench.atomic import replacing, write_text
from bench.record.files import RESULT
from bench.record.jobs.job import Job
from bench.record.results.training.result import ProbeResult, TrainResult
from bench.record.store import JobStore, write_result
from bench.run.plan.plan import plan
from bench.run.resolve.suite import resolve
from tests.fakes.results import training_result
from tests.fakes.suites import fake_suite


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(home=tmp_path / "home")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    resolved = resolve(fake_suite(tmp_path), home=tmp_path / "home")
    return next(one.job for one in plan(resolved, home=tmp_path / "home").jobs if one.job.kind == "train")


def finish(store: JobStore, job: Job) -> Path:
    folder = store.begin(job)
    write_result(folder, training_result())
    (folder / "weights").mkdir()
    (folder / "weights" / "adapter.safetensors").write_bytes(b"w" * 100)
    (folder / "log.txt").write_text("words")
    store.commit(job.digest, started="2026-01-01T00:00:00+00:00", seconds=2.5, alone=True)
    return folder


def test_a_committed_job_is_done_and_read_back(store: JobStore, job: Job) -> None:
    finish(store, job)
    manifest = store.done(job.digest)
    assert manifest.seconds == 2.5
    assert set(manifest.files) == {RESULT, "weights/adapter.safetensors"}
    assert store.whole(job.digest, TrainResult) == training_result()
    assert store.whole(job.digest, ProbeResult) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / RESULT).unlink(),
        lambda folder: (folder / RESULT).write_bytes((folder / RESULT).read_bytes()[:-5]),
        lambda folder: (folder / "weights" / "adapter.safetensors").write_bytes(b"v" * 100),
        lambda folder: (folder / "weights" / "adapter.safetensors").unlink(),
    ],
    ids=["no manifest", "torn manifest", "no result", "cut result", "same size, other bytes", "no weights"],
)
def test_a_torn_job_is_not_reused(store: JobStore, job: Job, damage: object) -> None:
    folder = finish(store, job)
    damage(folder)  # type: ignore[operator]
    assert store.done(job.digest) is None


def test_a_lost_log_does_not_cost_the_result(store: JobStore, job: Job) -> None:
    folder = finish(store, job)
    (folder / "log.txt").unlink()
    assert store.done(job.digest) is not None


def test_a_manifest_moved_to_another_digest_does_not_count(store: JobStore, job: Job) -> None:
    finish(store, job)
    store.folder(job.digest).rename(store.folder("0" * 64))
    assert store.done("0" * 64) is None


def test_a_new_attempt_keeps_what_it_resumes_from_and_nothing_else(store: JobStore, job: Job) -> None:
    """The steps that were stored before the checkpoint would not be stored again."""
    folder = store.begin(job)
    (folder / "steps").mkdir()
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "state.json").write_text("{}")
    (folder / "checkpoint.old").mkdir()
    (folder / "half.bin").write_text("torn")
    (folder / "weights").mkdir()
    store.begin(job)
    assert {entry.name for entry in folder.iterdir()} == {"checkpoint", "checkpoint.old", "job.json", "steps"}


def test_a_commit_removes_what_is_only_good_for_resuming(store: JobStore, job: Job) -> None:
    folder = store.begin(job)
    (folder / "checkpoint").mkdir()
    write_result(folder, training_result())
    store.commit(job.digest, started="2026-01-01T00:00:00+00:00", seconds=1.0, alone=True)
    assert not (folder / "checkpoint").exists()
    assert store.done(job.digest) is not None


def test_a_kill_while_committing_costs_no_training(store: JobStore, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the manifest is there, the checkpoint is all that a new attempt could go on from."""
    folder = store.begin(job)
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "state.json").write_text("{}")
    write_result(folder, training_result())

    def killed(path: Path, text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.record.store.write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        store.commit(job.digest, started="2026-01-01T00:00:00+00:00", seconds=1.0, alone=True)
    assert (folder / "checkpoint" / "state.json").exists()
    monkeypatch.undo()
    manifest = store.commit(job.digest, started="2026-01-01T00:00:00+00:00", seconds=1.0, alone=True)
    assert set(manifest.files) == {RESULT}


def test_a_diverged_training_can_be_shown_but_is_not_done(store: JobStore, job: Job) -> None:
    folder = store.begin(job)
    write_result(folder, training_result(diverged=True))
    assert store.done(job.digest) is None
    shown = store.diverged_result(job.digest)
    assert shown.steps[-1].loss is None


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.json"
    write_text(target, "old")
    with contextlib.suppress(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]
