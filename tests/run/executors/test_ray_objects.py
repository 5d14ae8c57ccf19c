"""Jobs on nodes that see no folder of the run's: what travels, what does not, and what is not believed."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.digest import digest_file
from bench.places import shipped
from bench.record.record import Record
from bench.record.store import JobStore
from bench.run.executors import ray_objects, remote, remote_job
from bench.run.executors.allowance import Allowance
from bench.run.executors.backend import Submission
from bench.run.executors.carried_files import (
    CarriedInput,
    NodePlaces,
    common_folders,
    inputs_of,
    lacking,
    moved,
    write_checked,
)
from bench.run.executors.ray import task_options
from bench.run.executors.ray_objects import NodeMessage, RayObjectsBackend, work_apart, write_messages
from bench.run.executors.remote import RemoteExecutor
from bench.run.executors.remote_files import JobFiles, RemoteRequest
from bench.run.process.work import ChildRequest
from bench.suite.tables.suite import Limits
from bench.units import GIB
from tests.fakes.ray_cluster import FakeRay, node_environment
from tests.fakes.suites import fake_suite, heard_below, scores, worked


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    """One node with its home at `node`."""
    monkeypatch.setattr(remote_job, "_ASK_SECONDS", 0.2)
    monkeypatch.setattr(remote, "_POLL_SECONDS", 0.1)
    monkeypatch.setattr(remote_job, "_ARRIVAL_SECONDS", 0.2)
    monkeypatch.setattr(ray_objects, "_LOOK_SECONDS", 0.1)
    for name, value in node_environment(tmp_path / "node").items():
        monkeypatch.setenv(name, value)
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    return ray


def executor(cluster: FakeRay, root: Path) -> tuple[RemoteExecutor, RayObjectsBackend]:
    backend = RayObjectsBackend(ray=cluster, home=root / "home", python=None)
    return RemoteExecutor(backend=backend, jobs=1, gpus=0, home="unused", module="tests.fakes.worker"), backend


def go(root: Path, executor: RemoteExecutor | None = None) -> tuple[Record, list[str]]:
    suite = fake_suite(root, seeds=(0,), eval=({"kind": "lm_eval", "name": "qa", "tasks": ("t",)},))
    return heard_below(root, suite, only=("few/lora",), executor=executor, go_on=True)


def test_a_node_without_the_runs_folders_gives_the_scores_of_this_machine(tmp_path: Path, cluster: FakeRay) -> None:
    here, there, node = tmp_path / "here", tmp_path / "there", tmp_path / "node"
    here.mkdir()
    there.mkdir()
    local, _ = go(here)
    cluster.lose = 2
    elsewhere, backend = executor(cluster, there)
    record, notes = go(there, elsewhere)
    done = [job for job in record.jobs if job.status == "done"]
    assert len(done) == 4
    assert scores(record) == scores(local) != []
    assert {job.node for job in done} == {"apart"}
    assert not worked(there / "home"), "all was done below the node's home"
    assert any("was lost (ray without a shared folder" in note and "went away" in note for note in notes)
    (training,) = (job for job in record.jobs if job.id == "train:few/lora#0")
    for home in (there / "home", node):
        assert (home / "jobs" / training.digest / "weights" / "adapter.safetensors").read_bytes() == b"w" * 100
    assert training.log is not None, "the log came back"
    (weights,) = (node / "inputs").glob("*/model/model.safetensors")
    assert cluster.got_bytes.count(weights.stat().st_size) == 1, "what the node has is not sent again"
    assert not backend._pieces, "what nobody needs any more is not kept in the cluster"
    assert set(cluster.memory) == {None, 2 * GIB}, "by the plan, where it knows"


@pytest.mark.parametrize(("allowed", "limit", "asked"), [(2.0, None, 2.0), (2.0, 1.5, 1.5), (9.0, None, 3.0)])
def test_a_task_asks_for_the_memory_that_its_job_is_allowed_and_a_node_has(
    cluster: FakeRay, allowed: float, limit: float | None, asked: float
) -> None:
    """One that asked for more than the largest node has would wait for ever."""
    submission = Submission(
        name="a", stage="eval", folder="/f", command=("true",), gpus=0, cores=1, limits=Limits(memory_gib=limit),
        allowance=Allowance(memory_gib=allowed),
    )  # fmt: skip
    assert task_options(cluster, submission)["memory"] == asked * GIB


def carried(root: Path) -> tuple[dict[str, Any], tuple[CarriedInput, ...]]:
    (root / "tasks" / "sub").mkdir(parents=True)
    (root / "tasks" / "sub" / "a.yaml").write_text("a: 1")
    (root / "rows.jsonl").write_text("{}")
    payload = {
        "model": {"path": str(root / "rows.jsonl"), "name": "/etc"},
        "tasks_path": str(root / "tasks"),
        "shares": [str(root / "none")],
        "template": "dialogue",
        "question": str(root / "tasks"),
    }
    return payload, inputs_of(payload, digest_file)


def test_only_paths_of_inputs_travel_and_are_replaced(tmp_path: Path) -> None:
    payload, inputs = carried(tmp_path)
    assert {entry.path: sorted(entry.files) for entry in inputs} == {
        str(tmp_path / "rows.jsonl"): [""],
        str(tmp_path / "tasks"): ["sub/a.yaml"],
    }

    payload["replies"] = f"{tmp_path}/none/replies"
    there = moved(payload, NodePlaces(run=(f"{tmp_path}/none", "/program/suites"), node=("/n", "/opt/suites")))
    assert (there["shares"], there["replies"]) == (["/n"], "/n/replies")
    assert there["question"] == payload["question"]
    assert moved({"tasks_path": "/program/suites/t"}, NodePlaces(run=("/h", "/program"), node=("/n", "/opt"))) == {
        "tasks_path": "/opt/suites/t"
    }
    assert (there["template"], there["model"]["name"]) == ("dialogue", "/etc")
    assert there["tasks_path"].startswith("/n/inputs/")
    assert there["tasks_path"].endswith("/tasks")


def test_what_is_there_is_not_sent_and_what_arrives_altered_is_not_written(tmp_path: Path) -> None:
    _, inputs = carried(tmp_path)
    tasks = next(entry for entry in inputs if entry.path.endswith("tasks"))
    place = tmp_path / "node" / "tasks"
    ((file, stored),) = lacking(place, tasks)
    with pytest.raises(ValueError, match=r"a\.yaml arrived with another content"):
        write_checked(file, [b"a: 2"], stored.sha256)
    assert not file.exists()
    write_checked(file, [b"a:", b" 1"], stored.sha256)
    assert not list(lacking(place, tasks))
    file.write_text("a: 3")
    assert len(list(lacking(place, tasks))) == 1


def test_what_ships_with_the_program_is_the_nodes_own_and_never_overwritten(
    tmp_path: Path, cluster: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shipped task files may name Python functions, which a file below `inputs` may not."""
    tasks = shipped("suites") / "tasks" / "micro"
    (carried,) = inputs_of({"tasks_path": str(tasks)}, digest_file)
    request = RemoteRequest(
        digest="d", device="cpu", threads=1, attempt=1,
        work=ChildRequest(module="m", kind="k", payload={"tasks_path": str(tasks)}, folder="f", log="l"),
    )  # fmt: skip
    commands: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: commands.append(command) or NoProcess())
    folders = common_folders(tmp_path / "home")
    list(work_apart(request.model_dump_json(), [carried.model_dump(mode="json")], {}, folders, None))
    asked = JobFiles(Path(commands[0][-2])).read_request()
    assert commands[0][-1] == "1"
    assert asked.work.payload == {"tasks_path": str(tasks)}
    name = next(iter(carried.files))
    other = carried.files[name].model_copy(update={"sha256": "0" * 64})
    changed = carried.model_copy(update={"files": {name: other}})
    with pytest.raises(ValueError, match="of this node's program is not the run's: install the same version"):
        list(work_apart(request.model_dump_json(), [changed.model_dump(mode="json")], {}, folders, None))


class NoProcess:
    """One that has ended at once."""

    def __enter__(self) -> "NoProcess":
        return self

    def __exit__(self, *_: object) -> None: ...

    def poll(self) -> int:
        return 0

    def kill(self) -> None: ...


@pytest.mark.parametrize("name", ["../manifest.json", "/etc/cron.d/job", "a/../../b"])
def test_a_result_that_would_be_outside_of_its_job_is_not_written(tmp_path: Path, name: str) -> None:
    files = JobFiles(tmp_path / "job")
    files.folder.mkdir(parents=True)
    with pytest.raises(ValueError, match="outside of its folder"):
        write_messages([("piece", name, b"x"), ("whole", name, b"")], files)
    assert not (tmp_path / "manifest.json").exists()


def test_a_result_with_another_hash_than_its_node_stated_does_not_count(
    tmp_path: Path, cluster: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def altered(messages: Iterable[NodeMessage], files: JobFiles) -> None:
        write_messages(
            ((kind, name, b"{}" if name == "result.json" and content else content) for kind, name, content in messages),
            files,
        )

    monkeypatch.setattr(ray_objects, "write_messages", altered)
    elsewhere, _ = executor(cluster, tmp_path)
    record, _ = go(tmp_path, replace(elsewhere, attempts=1))
    failures = [job.failure for job in record.jobs if job.failure is not None and job.failure.kind == "exception"]
    assert {failure.message for failure in failures} == {"result.json is not as node apart wrote it"}
    assert not any(JobStore(home=tmp_path / "home").done(job.digest) for job in record.jobs)
