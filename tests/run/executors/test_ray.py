"""Jobs through a real Ray cluster of two nodes: the scores of this machine, through a killed driver and a lost node.

Runs where Ray is installed (`make test-clusters`).
"""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.atomic import write_text
from bench.record.record import Record
from bench.record.store import JobStore
from bench.run.executors.choose import choose_executor
from bench.run.executors.executor import Executor
from bench.run.executors.remote import RemoteExecutor
from bench.run.executors.remote_files import JobFiles
from bench.suite.tables.suite import Limits
from tests.fakes.held_worker import HELD, HOLD
from tests.fakes.suites import fake_suite, heard_below, scores, worked

cluster_utils: Any = pytest.importorskip("ray.cluster_utils")

HEAD = {"num_cpus": 1, "include_dashboard": False}


def go(root: Path, executor: Executor | None = None) -> tuple[Record, list[str]]:
    return heard_below(root, fake_suite(root), executor=executor)


def ray_executor(root: Path) -> RemoteExecutor:
    chosen = choose_executor(str(root / "cluster.toml"), limits=Limits())
    assert isinstance(chosen, RemoteExecutor)
    return replace(chosen, module="tests.fakes.held_worker", home=str(root / "home"))


def done(root: Path) -> int:
    return len(list((root / "home" / "jobs").glob("*/manifest.json")))


def brought_by(root: Path) -> set[str | None]:
    """Names of the nodes that the run has results of."""
    store = JobStore(home=root / "home")
    return {manifest.node for digest in store.digests() if (manifest := store.done(digest)) is not None}


def lose_at_work(cluster: Any, node: Any, name: str, root: Path, node_home: Path) -> None:
    """In a thread: kill the node's raylet once it has brought a result, and the run knows that it does another job."""

    def lose() -> None:
        while name not in brought_by(root):
            time.sleep(0.1)
        write_text(node_home / HOLD, name)
        while not (held := node_home / HELD).exists():
            time.sleep(0.1)
        files = JobFiles(root / "home" / "jobs" / held.read_text())
        while (beat := files.read_beat()) is None or beat.node != name:
            time.sleep(0.1)
        cluster.remove_node(node, allow_graceful=False)

    threading.Thread(target=lose, daemon=True).start()


def test_a_killed_driver_and_a_lost_node_leave_the_scores_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = str(Path(__file__).parents[3])
    monkeypatch.setenv("PYTHONPATH", checkout, prepend=os.pathsep)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    local, _ = go(here)
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=HEAD)
    try:
        (there / "cluster.toml").write_text(f'kind = "ray"\naddress = "{cluster.address}"\njobs = 3\n')
        module = "tests.run.executors.test_ray"
        script = f"from {module} import *; root = Path({str(there)!r}); go(root, ray_executor(root))"
        driver = subprocess.Popen([sys.executable, "-c", script], cwd=checkout, env=dict(os.environ))
        while done(there) < 3:
            assert driver.poll() is None
            time.sleep(0.1)
        driver.kill()
        driver.wait()
        before = done(there)
        executor = ray_executor(there)  # this process is connected to the first node, which stays
        second = cluster.add_node(num_cpus=3, env_vars={"BENCH_NODE_NAME": "n1"})
        lose_at_work(cluster, second, "n1", there, there / "home")
        record, notes = go(there, executor)
    finally:
        cluster_utils.ray.shutdown()
        cluster.shutdown()
    assert all(job.status == "done" for job in record.jobs)
    assert scores(record) == scores(local) != []
    assert any("node n1 was lost (ray" in note for note in notes)
    assert sum(job.reused for job in record.jobs) >= before
    assert set(worked(there / "home")) == {job.id for job in record.jobs}


def test_two_nodes_that_share_no_folder_give_the_scores_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each node has a home of its own; one of them goes away half way."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]), prepend=os.pathsep)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    local, _ = go(here)
    monkeypatch.setenv("BENCH_HOME", str(there / "home"))
    homes = [{"BENCH_HOME": str(tmp_path / name), "BENCH_NODE_NAME": name} for name in ("n0", "n1")]
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={**HEAD, "env_vars": homes[0]})
    try:
        second = cluster.add_node(num_cpus=2, env_vars=homes[1])
        (there / "cluster.toml").write_text(f'kind = "ray"\naddress = "{cluster.address}"\njobs = 3\nshared = false\n')
        chosen = ray_executor(there)
        lose_at_work(cluster, second, "n1", there, tmp_path / "n1")
        record, notes = go(there, chosen)
    finally:
        cluster_utils.ray.shutdown()
        cluster.shutdown()
    assert all(job.status == "done" for job in record.jobs)
    assert scores(record) == scores(local) != []
    assert {job.node for job in record.jobs} == {"n0", "n1"}
    assert any("node n1 was lost (ray without a shared folder" in note for note in notes)
    assert not worked(there / "home"), "nothing was done below the run's home"
    assert set(worked(tmp_path / "n0")) | set(worked(tmp_path / "n1")) == {job.id for job in record.jobs}


LISTENING = """
import json, sys, psutil
from bench.run.executors.ray import connected_ray
from bench.suite.tables.executor import RayExecutor

ray = connected_ray(RayExecutor(address="local"))
task = ray.remote(lambda: 1).remote()
ray.get(task)
here = psutil.Process()
processes = [here, *here.children(recursive=True)]
sockets = [(process.name(), socket) for process in processes for socket in process.net_connections("inet")]
print(json.dumps([[name, socket.laddr.ip] for name, socket in sockets if socket.status == "LISTEN"]))
"""


def test_a_cluster_that_is_started_here_listens_on_loopback_alone() -> None:
    """All of its processes: the head's, the node's, a worker's and this one."""
    command = [sys.executable, "-c", LISTENING]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    listening = json.loads(ended.stdout.splitlines()[-1])
    assert {"gcs_server", "raylet"} <= {name for name, _ in listening}
    assert {ip.removeprefix("::ffff:") for _, ip in listening} == {"127.0.0.1"}
