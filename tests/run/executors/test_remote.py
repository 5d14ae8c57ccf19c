"""Jobs on other machines, which here are processes that know nothing of the run but a folder."""

import errno
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.atomic import write_text
from bench.errors import InputError
from bench.record.jobs.job import Job
from bench.record.record import Record
from bench.record.store import JobStore, StoredFile
from bench.run.executors import remote, remote_files, remote_job
from bench.run.executors.allowance import Allowance
from bench.run.executors.backend import Submission
from bench.run.executors.command import CommandBackend, command_backend
from bench.run.executors.remote import RemoteExecutor
from bench.run.executors.remote_files import JobFiles
from bench.run.executors.remote_job import RemoteJob
from bench.run.plan.plan import plan
from bench.run.plan.types import PlannedJob
from bench.run.resolve.suite import resolve
from bench.suite.tables.executor import CommandExecutor
from bench.suite.tables.suite import Limits
from tests.fakes.held_worker import HELD, HOLD
from tests.fakes.suites import fake_suite, heard_below, scores, worked

CHECKOUT = Path(__file__).parents[3]


def template(root: Path, *, lose: int = 0) -> CommandExecutor:
    """A cluster of processes; the `lose`th job that it takes is forgotten. Its nodes are called by the first digit of
    their jobs' names."""
    script = root / "submit.sh"
    script.write_text(
        f'echo "$1" >> {root}/submitted\n'
        f'[ "$(wc -l < {root}/submitted)" = {lose} ] && {{ echo 999999999; exit 0; }}\n'
        'BENCH_NODE_NAME="elsewhere" sh -c "exec $2" > /dev/null 2>&1 &\necho "started"\necho $!\n'
    )
    return CommandExecutor(
        kind="command",
        submit=("sh", str(script), "${name}", "${command}"),
        cancel=("kill", "${handle}"),
        alive=("kill", "-0", "${handle}"),
    )


def executor(root: Path, *, lose: int = 0) -> RemoteExecutor:
    backend = CommandBackend(templates=template(root, lose=lose))
    return RemoteExecutor(backend=backend, jobs=3, gpus=0, home=str(root / "home"), module="tests.fakes.worker")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_job, "_ASK_SECONDS", 0.2)
    monkeypatch.setattr(remote, "_POLL_SECONDS", 0.2)
    monkeypatch.setattr(remote_job, "_ARRIVAL_SECONDS", 0.2)
    monkeypatch.setenv("PYTHONPATH", f"{CHECKOUT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def go(root: Path, name: str, **options: object) -> tuple[Record, list[str]]:
    suite = fake_suite(root, seeds=(0,))
    return heard_below(root, suite, only=("few/lora",), reports=root / name, **options)


def test_a_run_elsewhere_that_loses_a_node_ends_with_the_scores_of_this_machine(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    local, _ = go(here, "reports")
    record, notes = go(there, "reports", executor=executor(there, lose=2))
    done = [job for job in record.jobs if job.status == "done"]
    assert len(done) == 6
    assert scores(record) == scores(local) != []
    assert {job.node for job in done} == {"elsewhere"}
    assert {job.node for job in local.jobs} == {None}
    assert len((there / "submitted").read_text().splitlines()) == 7
    (lost,) = [note for note in notes if "lost" in note]
    assert "its node was lost (command 999999999); attempt 2 of 3" in lost
    (job,) = [job for job in record.jobs if job.lost_nodes]
    assert (job.status, job.lost_nodes) == ("done", ("before its start",))
    assert not list((there / "home" / "jobs").glob("*/remote"))
    again, _ = go(there, "again")  # what another executor did is done
    assert all(job.reused for job in again.jobs if job.status == "done")
    assert len(worked(there / "home")) == 6


def first_job(root: Path) -> PlannedJob:
    loaded, home = fake_suite(root, seeds=(0,)), root / "home"
    return plan(resolve(loaded, home=home), home=home).jobs[0]


def ended(job: RemoteJob) -> None:
    until(job.ended)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_job_is_adopted_by_a_later_run_and_counts_only_as_its_node_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, cluster = first_job(tmp_path), executor(tmp_path)
    store = JobStore(home=tmp_path / "home")
    folder = store.begin(planned.job)
    assert cluster.adopt(planned.job, folder) is None
    submitted(cluster, planned.job, folder)
    asked = json.loads(JobFiles(folder).request.read_text())
    assert not {"environment", "token", "key"} & set(asked["work"])
    job = cluster.adopt(planned.job, folder)
    ended(job)
    assert (job.failure, job.node, job.retry) == (None, "elsewhere", None)
    assert [type(event).__name__ for event in job.messages()][:2] == ["StageDone", "ExamplesDone"]
    assert cluster.adopt(planned.job.model_copy(update={"digest": "0" * 64}), folder) is None
    failed = JobFiles(folder).end.read_text()
    write_text(JobFiles(folder).end, failed.replace('"failure":null', '"failure":{"kind":"exception","message":"m"}'))
    assert cluster.adopt(planned.job, folder) is None, "a run that is begun again does failed jobs again"
    result = folder / "result.json"
    written = result.read_text()
    result.write_text("{}")
    assert job.failure.message == "result.json is not as node elsewhere wrote it"
    result.write_text(written)
    assert job.failure is None
    with monkeypatch.context() as patched:
        patched.setattr(StoredFile, "of", unreadable)
        assert job.failure.message == "result.json is not as node elsewhere wrote it"


def begun(root: Path, cluster: RemoteExecutor) -> tuple[PlannedJob, RemoteJob]:
    """The first job as a run submitted it that was killed then."""
    planned = first_job(root)
    folder = JobStore(home=root / "home").begin(planned.job)
    return planned, submitted(cluster, planned.job, folder)


def submitted(cluster: RemoteExecutor, job: Job, folder: Path) -> RemoteJob:
    """The job, handed over by itself."""
    running = cluster.submit(job, folder, lock=folder / "lock")
    cluster.dispatch()
    return running


def test_another_executor_takes_what_was_begun_elsewhere(tmp_path: Path) -> None:
    """The local one takes a result that came when no run was there: its job is not done again."""
    planned, job = begun(tmp_path, executor(tmp_path))
    ended(job)
    end = job.ticket.read_end().model_copy(update={"seconds": 5000.0})
    write_text(job.ticket.end, end.model_dump_json())
    record, _ = go(tmp_path, "reports")
    (taken,) = {entry.seconds for entry in record.jobs if entry.id == planned.job.id}
    assert taken == 5000.0, "what it took its node, not this run"
    assert {entry.node for entry in record.jobs if entry.id == planned.job.id} == {"elsewhere"}
    assert {entry.node for entry in record.jobs if entry.id != planned.job.id} == {None}
    assert sorted(worked(tmp_path / "home")) == sorted({entry.id for entry in record.jobs if entry.status == "done"})


def test_work_that_is_withdrawn_ends_on_its_node(tmp_path: Path) -> None:
    """Another executor adopts it while it goes on, and can end it: two attempts would write into one folder."""
    home = tmp_path / "home"
    write_text(home / HOLD, "elsewhere")
    cluster = replace(executor(tmp_path), module="tests.fakes.held_worker")
    planned, job = begun(tmp_path, cluster)
    until(lambda: (home / HELD).exists() and job.ticket.read_beat() is not None)
    other = remote_job.adopted(planned.job, job.ticket.job)
    assert other is not None
    assert not other.ended()
    process = psutil.Process(int(job.handle))
    other.stop()
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_a_job_that_ended_with_its_run_is_no_lost_machine_and_no_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Ray: begun again at once, and the report says of no machine that it went away."""
    monkeypatch.setattr(remote_job, "LOST_SECONDS", 3600.0)  # however long the next run takes to plan
    cluster = executor(tmp_path, lose=1)
    of_ray = CommandBackend(templates=template(tmp_path, lose=1), ends_with_run=True)
    _, job = begun(tmp_path, cluster)
    write_text(job.ticket.beat, remote_files.Beat(node="n9", count=1).model_dump_json())
    record, notes = go(tmp_path, "reports", executor=replace(cluster, backend=of_ray, attempts=1))
    assert [entry for entry in record.jobs if entry.lost_nodes] == []
    assert any("it ended on node n9 with the run that began it" in note for note in notes)
    assert len([entry for entry in record.jobs if entry.status == "done"]) == 6


def test_a_file_beside_the_result_is_none_of_it(tmp_path: Path) -> None:
    """A node states names: one that leads out of its job's folder is no file of the result, whatever its hash."""
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "result.json").write_text("{}")
    other = tmp_path / "other.json"
    other.write_text("{}")
    stated = remote_files.result_files(folder)
    assert remote_files.differing(folder, stated) == []
    outside = dict.fromkeys(("../other.json", str(other)), stated["result.json"])
    assert remote_files.differing(folder, stated | outside) == sorted(outside)


def unreadable(path: Path) -> str:
    raise OSError(errno.EIO, "input/output error", str(path))


def test_files_that_a_network_mount_shows_late_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_job, "_ARRIVAL_SECONDS", 30.0)
    planned, cluster = first_job(tmp_path), executor(tmp_path)
    folder = JobStore(home=tmp_path / "home").begin(planned.job)
    job = submitted(cluster, planned.job, folder)
    ended(job)
    result = folder / "result.json"
    written = result.read_bytes()
    result.unlink()
    assert not job.ended()
    result.write_bytes(written[:-1])
    assert not job.ended()
    result.write_bytes(written)
    assert job.ended()
    assert job.failure is None
    result.unlink()
    monkeypatch.setattr(remote_job, "_ARRIVAL_SECONDS", 0.0)
    assert job.ended()
    assert job.failure.message == "result.json is not as node elsewhere wrote it"


def test_lines_that_are_no_events_are_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submit, spoilt = RemoteExecutor.submit, b'{"type": "st\n\xff\n[]\n{"type": "unknown"}\n'

    def spoil(self: RemoteExecutor, job: Job, folder: Path, *, lock: Path, allowance: Allowance) -> RemoteJob:
        running = submit(self, job, folder, lock=lock, allowance=allowance)
        if job.id == "train:few/lora#0":
            with running.ticket.events.open("ab") as file:
                file.write(spoilt)
        return running

    monkeypatch.setattr(RemoteExecutor, "submit", spoil)
    record, notes = go(tmp_path, "reports", executor=executor(tmp_path))
    assert [note for note in notes if "could not be read" in note] == [
        "train:few/lora#0: lines of its events that could not be read: 4"
    ]
    assert {job.status for job in record.jobs if job.id == "train:few/lora#0"} == {"done"}


def test_a_device_of_another_kind_refuses_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "device", lambda: "cuda: H100")
    planned, cluster = first_job(tmp_path), executor(tmp_path)
    job = submitted(cluster, planned.job, JobStore(home=tmp_path / "home").begin(planned.job))
    ended(job)
    assert job.failure.kind == "refused"
    assert job.failure.message.startswith("the job was planned for cuda, and this node computes on cpu")


def test_a_program_that_starts_nothing_fails_the_job_with_its_words(tmp_path: Path) -> None:
    templates = CommandExecutor(
        kind="command", submit=("sh", "-c", "echo no quota >&2; exit 3", "${command}"), cancel=("true",)
    )
    cluster = replace(executor(tmp_path), backend=CommandBackend(templates=templates))
    record, _ = go(tmp_path, "reports", executor=cluster, go_on=True)
    failed = [job.failure for job in record.jobs if job.failure is not None]
    assert {failure.message for failure in failed if failure.kind == "unavailable"} == {
        "sh did not start the job: no quota"
    }


SUBMISSION = Submission(
    name="bench-a-1", stage="eval", folder="/f", command=("env", "A=b c", sys.executable), gpus=2, cores=4,
    limits=Limits(seconds=600),
)  # fmt: skip


def test_a_manifest_becomes_a_file_with_the_jobs_values(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("name: ${name}\ncommand: ${command_json}\ncost: $$1\n")
    spec = CommandExecutor(kind="command", submit=("cat", "${manifest}"), cancel=("true",), manifest="job.yaml")
    (tmp_path / "remote").mkdir()
    backend = command_backend(spec, tmp_path)
    assert backend.submit([SUBMISSION.model_copy(update={"folder": str(tmp_path)})]) == ["cost: $1"]
    assert (tmp_path / "remote" / "manifest").read_text().splitlines()[:2] == [
        "name: bench-a-1", f'command: ["env", "A=b c", {json.dumps(sys.executable)}]',
    ]  # fmt: skip
    (tmp_path / "job.yaml").write_text("${secret}")
    with pytest.raises(InputError, match=r"no placeholder \$\{secret\}"):
        command_backend(spec, tmp_path)
