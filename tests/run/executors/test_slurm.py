"""Jobs through a real Slurm on loopback: the scores of this machine, through a requeue and a killed slurmd.

Runs where Slurm is installed and `BENCH_TEST_SLURM=1` asks for it (`make test-clusters`), for about a minute.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import psutil
import pytest

from bench.record.record import Record
from bench.run.executors.command import slurm_backend
from bench.run.executors.remote import RemoteExecutor
from bench.suite.tables.executor import SlurmExecutor
from tests.fakes.slurm import missing, slurm_cluster
from tests.fakes.suites import fake_suite, heard_below, scores, worked

pytestmark = pytest.mark.skipif(
    missing() is not None or not os.environ.get("BENCH_TEST_SLURM"), reason=missing() or "BENCH_TEST_SLURM is not set"
)
PROBE_STEPS = 100
"""Of 0.05 s each: long enough to be requeued."""


def go(root: Path, executor: RemoteExecutor | None = None) -> tuple[Record, list[str]]:
    run = {"workers": 2, "probe_steps": PROBE_STEPS, "probe_rounds": 1}
    return heard_below(root, fake_suite(root, seeds=(0,), run=run), executor=executor)


def disturb(home: Path) -> None:
    """Requeue the first probe, then kill the second node's slurmd."""
    jobs = home / "jobs"
    while not any(job.startswith("probe:") for job in worked(home)):
        time.sleep(0.1)
    running = [path.parents[1] for path in jobs.glob("*/remote/beat")]
    probe = next(job for job in running if json.loads((job / "job.json").read_text())["kind"] == "probe")
    _, handle = json.loads((probe / "remote" / "handle.json").read_text())
    subprocess.run([str(shutil.which("scontrol")), "requeue", handle], check=True)
    while len(list(jobs.glob("*/manifest.json"))) < 5:
        time.sleep(0.1)
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [""])[-1:] == ["n1"]:
            process.kill()


def test_a_requeued_job_and_a_killed_slurmd_leave_the_scores_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]), prepend=os.pathsep)
    local, _ = go(here)
    with slurm_cluster(tmp_path / "slurm") as configuration:
        monkeypatch.setenv("SLURM_CONF", str(configuration))
        backend = slurm_backend(SlurmExecutor(), limited=False)
        executor = RemoteExecutor(
            backend=backend, jobs=4, gpus=0, home=str(there / "home"), module="tests.fakes.worker"
        )
        disturbing = threading.Thread(target=disturb, args=(there / "home",), daemon=True)
        disturbing.start()
        record, _ = go(there, executor)
        disturbing.join(5)
        assert not disturbing.is_alive()
    assert all(job.status == "done" for job in record.jobs)
    assert scores(record) == scores(local) != []
    assert {job.node for job in record.jobs} == {"n0", "n1"}
    begun = worked(there / "home")
    assert len(begun) > len(record.jobs)  # the requeued probe began twice
    assert len(set(begun)) == len(record.jobs)
