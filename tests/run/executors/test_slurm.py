"""Jobs through a real Slurm on loopback: the scores of this machine, whatever happens to a job.

It is requeued, preempted, loses its slurmd, reaches its time limit. Runs where Slurm is installed and
`BENCH_TEST_SLURM=1` asks for it (`make test-clusters`), for some minutes.
"""

import json
import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bench.atomic import write_text
from bench.record.record import Record
from bench.run import run
from bench.run.executors.allowance import Allowance
from bench.run.executors.remote import RemoteExecutor
from bench.run.executors.remote_files import JobFiles
from bench.run.executors.slurm import SlurmBackend
from tests.fakes.held_worker import HELD, HOLD
from tests.fakes.slurm import missing, slurm_cluster
from tests.fakes.suites import fake_suite, heard_below, scores, worked

pytestmark = pytest.mark.skipif(
    missing() is not None or not os.environ.get("BENCH_TEST_SLURM"), reason=missing() or "BENCH_TEST_SLURM is not set"
)
PROBE_STEPS = 100
"""Of 0.05 s each: long enough to be requeued."""


def go(root: Path, executor: RemoteExecutor | None = None) -> tuple[Record, list[str]]:
    options = {"workers": 2, "probe_steps": PROBE_STEPS, "probe_rounds": 1}
    return heard_below(root, fake_suite(root, seeds=(0,), run=options), executor=executor)


def executor_below(root: Path, *, module: str = "tests.fakes.worker") -> RemoteExecutor:
    return RemoteExecutor(backend=SlurmBackend(), jobs=8, gpus=0, home=str(root / "home"), module=module)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The configuration of two nodes."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]), prepend=os.pathsep)
    with slurm_cluster(tmp_path / "slurm") as configuration:
        monkeypatch.setenv("SLURM_CONF", str(configuration))
        yield configuration


@contextmanager
def disturbed(disturb: Callable[[], None]) -> Iterator[None]:
    """A run beside which `disturb` does its work, to its end."""
    disturbing = threading.Thread(target=disturb, daemon=True)
    disturbing.start()
    yield
    disturbing.join(5)
    assert not disturbing.is_alive()


def probe_at_work(home: Path) -> str:
    """What Slurm calls the first probe, once it works."""
    while not any(job.startswith("probe:") for job in worked(home)):
        time.sleep(0.1)
    running = [path.parents[1] for path in (home / "jobs").glob("*/remote/beat")]
    probe = next(job for job in running if json.loads((job / "job.json").read_text())["kind"] == "probe")
    handle = JobFiles(probe).read_handle()
    assert handle is not None
    return handle.handle


def slurm(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def arrays() -> Counter[str]:
    """Tasks of each array that Slurm still knows, which is all within five minutes."""
    listed = slurm("squeue", "--me", "--states=all", "--array", "--noheader", "--format=%F %K").splitlines()
    return Counter(line.split()[0] for line in listed if line.split()[1] != "N/A")


def test_a_requeued_job_and_a_killed_slurmd_leave_the_scores_of_this_machine(tmp_path: Path, cluster: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    local, _ = go(here)
    home = there / "home"

    def disturb() -> None:
        slurm("scontrol", "requeue", probe_at_work(home))
        while len(list((home / "jobs").glob("*/manifest.json"))) < 5:
            time.sleep(0.1)
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if str(cluster) in words and words[-1] == "n1":
                process.kill()

    with disturbed(disturb):
        record, _ = go(there, executor_below(there))
    assert all(job.status == "done" for job in record.jobs)
    assert scores(record) == scores(local) != []
    assert {job.node for job in record.jobs} == {"n0", "n1"}
    begun = worked(home)
    assert len(begun) > len(record.jobs)  # the requeued probe began twice
    assert len(set(begun)) == len(record.jobs)
    assert max(arrays().values()) > 1, "jobs that were ready together were submitted together"


def test_a_preempted_job_is_requeued_and_done(tmp_path: Path, cluster: Path) -> None:
    def preempt() -> None:
        probe_at_work(tmp_path / "home")
        slurm("sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 3")

    with disturbed(preempt):
        record, notes = go(tmp_path, executor_below(tmp_path))
    assert all(job.status == "done" for job in record.jobs)
    assert len(worked(tmp_path / "home")) > len(record.jobs), "the preempted probe began twice"
    assert not [note for note in notes if "attempt" in note], "Slurm itself begins it again"


def test_a_job_that_slurm_ends_at_the_plans_time_is_submitted_again_with_twice_as_much(
    tmp_path: Path, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first job on one node waits until its minute is over; Slurm looks at limits twice a minute."""
    home = tmp_path / "home"
    monkeypatch.setattr(run, "job_allowances", lambda plan, **_: {
        job.digest: Allowance(seconds=60.0, memory_gib=1.0) for job in plan.jobs
    })  # fmt: skip
    write_text(home / HOLD, "n0")

    def let_go() -> None:
        while not (home / HELD).exists():
            time.sleep(0.1)
        (home / HOLD).unlink()

    with disturbed(let_go):
        record, notes = go(tmp_path, executor_below(tmp_path, module="tests.fakes.held_worker"))
    assert all(job.status == "done" for job in record.jobs)
    assert not any(job.lost_nodes for job in record.jobs)
    (note,) = (note for note in notes if "attempt" in note)
    assert "slurm ended it on node n0 at its time limit" in note
    assert note.endswith("attempt 2 of 3, with twice as much")
    limits = slurm("squeue", "--me", "--states=all", "--array", "--noheader", "--format=%l %m").splitlines()
    assert Counter(limits) == {"1:00 1G": len(record.jobs), "2:00 1G": 1}
