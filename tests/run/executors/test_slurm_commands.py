"""What Slurm is asked for, and what its answers mean: arrays, limits by the plan, doubled where a job outgrew them."""

import os
import sys
import time
from pathlib import Path

import pytest

from bench.run.executors import remote, remote_job, slurm
from bench.run.executors.allowance import Allowance
from bench.run.executors.backend import Submission
from bench.run.executors.executor import Retry
from bench.run.executors.remote import RemoteExecutor
from bench.run.executors.remote_files import JobFiles
from bench.run.executors.remote_job import RemoteJob
from bench.run.executors.slurm import SlurmBackend, rounded_up
from bench.suite.tables.executor import SlurmExecutor
from bench.suite.tables.suite import Limits
from tests.fakes.slurm_commands import fake_slurm, words
from tests.fakes.suites import fake_suite, heard_below, scores

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module, name in ((remote_job, "_ASK_SECONDS"), (remote, "_POLL_SECONDS"), (slurm, "_ASK_SECONDS")):
        monkeypatch.setattr(module, name, 0.1)
    monkeypatch.setenv("PYTHONPATH", f"{CHECKOUT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return fake_slurm(tmp_path / "commands", monkeypatch)


def submission(name: str, folder: Path, *, stage: str = "eval", minutes: float | None = None, gib: float | None = None,
               limits: Limits | None = None, command: tuple[str, ...] = ("true",)) -> Submission:  # fmt: skip
    (folder / name / "remote").mkdir(parents=True)
    seconds = None if minutes is None else 60 * minutes
    return Submission(
        name=name, stage=stage, folder=str(folder / name), command=command, gpus=2, cores=4,
        limits=limits or Limits(), allowance=Allowance(seconds=seconds, memory_gib=gib),
    )  # fmt: skip


def test_jobs_that_are_ready_together_and_need_as_much_are_one_array(tmp_path: Path, commands: Path) -> None:
    backend = SlurmBackend(spec=SlurmExecutor(partition="gpu", options=("--exclusive",)))
    command = (sys.executable, "-c", "import os; print(os.environ['SLURM_ARRAY_TASK_ID'], 'a  b')")
    handles = backend.submit(
        [
            submission("a", tmp_path, minutes=13, gib=5, command=command),
            submission("b", tmp_path, stage="train", minutes=90, gib=5),
            submission("c", tmp_path, minutes=14, gib=5.5, command=command),
        ]
    )
    assert handles == ["41_0", "42_0", "41_1"]
    alike = {"--partition=gpu", "--gpus-per-node=2", "--cpus-per-task=4", "--exclusive", "--requeue", "--parsable"}
    assert words(commands, 41) >= alike | {"--array=0-1", "--job-name=bench-eval", "--time=16", "--mem=6144M"}
    assert words(commands, 42) >= alike | {"--array=0-0", "--job-name=bench-train", "--time=96", "--mem=6144M"}
    while not (printed := [backend.logs(handle).strip() for handle in ("41_0", "41_1")])[0] or not printed[1]:
        time.sleep(0.05)
    assert printed == ["0 a  b", "1 a  b"], "each task does its own job"


def test_limits_are_those_of_the_suite_where_they_are_lower_and_of_the_options_where_there_are_any(
    tmp_path: Path, commands: Path
) -> None:
    backend = SlurmBackend()
    backend.submit([submission("a", tmp_path, minutes=90, gib=8, limits=Limits(seconds=600, memory_gib=3))])
    assert words(commands, 41) >= {"--time=16", "--mem=3072M"}
    backend.submit([submission("b", tmp_path, limits=Limits(seconds=600))])
    assert not any(word.startswith("--mem") for word in words(commands, 42))
    backend.submit([submission("c", tmp_path)])
    assert not any(word.startswith(("--mem", "--time")) for word in words(commands, 43))
    own = SlurmBackend(spec=SlurmExecutor(options=("--time=5", "--mem-per-cpu=2G")))
    assert own.allowed(Allowance(seconds=60.0, memory_gib=2.0)) == Allowance()


@pytest.mark.parametrize(
    ("listed", "partition", "asked"),
    [
        ("main* 1-00:30:00 8000\nmain* 1-00:30:00 5000\nlong infinite 90000", None, {"--time=1470", "--mem=8000M"}),
        ("short 30:00 90000", "short", {"--time=30", "--mem=12288M"}),
        ("main* infinite 1", None, {"--time=3072"}),
        ("", None, {"--time=3072", "--mem=12288M"}),
    ],
)
def test_no_job_asks_for_more_than_its_partition_and_its_nodes_have(
    tmp_path: Path, commands: Path, listed: str, partition: str | None, asked: set[str]
) -> None:
    """It would be refused, or wait for ever. Slurm's default is that a node has 1 MB."""
    (commands / "partitions").write_text(listed)
    backend = SlurmBackend(spec=SlurmExecutor(partition=partition))
    backend.submit([submission("a", tmp_path, minutes=3000, gib=12)])
    assert {word for word in words(commands, 41) if word.startswith(("--time", "--mem"))} == asked


def test_states_are_those_of_one_call_and_a_controller_that_is_down_loses_no_job(
    commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (commands / "states").write_text(
        "1_0 RUNNING\n1_1 PENDING\n1_2 TIMEOUT\n1_3 OUT_OF_MEMORY\n2 REQUEUED\n3_0 FAILED\n4_0 COMPLETED\n"
    )
    monkeypatch.setattr(slurm, "_ASK_SECONDS", 3600.0)
    backend = SlurmBackend()
    states = [backend.state(handle) for handle in ("1_0", "1_1", "1_2", "1_3", "2", "3_0", "4_0", "9_9")]
    assert states == ["active", "active", "out_of_time", "out_of_memory", "active", "gone", "ended", "gone"]
    (commands / "states").unlink()
    assert backend.state("1_0") == "active", "known from the one call"
    (commands / "down").touch()
    assert SlurmBackend().state("1_0") is None


def test_what_is_not_started_fails_with_slurms_words(tmp_path: Path, commands: Path) -> None:
    (commands / "refuse").write_text("QOSMaxSubmitJobPerUserLimit")
    (answer,) = SlurmBackend().submit([submission("a", tmp_path)])
    assert not isinstance(answer, str)
    assert answer.what == "sbatch did not start the job: sbatch: error: QOSMaxSubmitJobPerUserLimit"


@pytest.mark.parametrize(("amount", "rounded"), [(0.2, 1), (1, 1), (1.2, 1.5), (2, 2), (33, 48), (49, 64), (96, 96)])
def test_sizes_are_rounded_up_by_half_at_most(amount: float, rounded: float) -> None:
    assert rounded_up(amount) == rounded


def test_a_run_doubles_the_time_of_a_job_that_outgrew_the_plans_estimate(tmp_path: Path, commands: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    suite = fake_suite(there, seeds=(0,))
    (commands / "timeout").write_text("bench-train")
    cluster = RemoteExecutor(
        backend=SlurmBackend(), jobs=8, gpus=0, home=str(there / "home"), module="tests.fakes.worker"
    )
    record, notes = heard_below(there, suite, executor=cluster)
    local, _ = heard_below(here, fake_suite(here, seeds=(0,)))
    assert {job.status for job in record.jobs} == {"done"}
    assert scores(record) == scores(local) != []
    assert not any(job.lost_nodes for job in record.jobs)
    outgrown = [note for note in notes if "by the plan's estimate" in note]
    assert [note.partition(" (slurm")[0] for note in outgrown] == [
        f"train:few/{recipe}#0: slurm ended it on its node at its time limit, 10 min by the plan's estimate"
        for recipe in ("full", "lora")
    ]
    assert all(note.endswith("attempt 2 of 3, with twice as much") for note in outgrown)
    arrays = [words(commands, number) for number in range(41, 41 + len(list(commands.glob("*.words"))))]
    trainings = [asked for asked in arrays if "--job-name=bench-train" in asked]
    assert [{word for word in asked if word.startswith(("--time", "--array"))} for asked in trainings] == [
        {"--array=0-1", "--time=12"}, {"--array=0-1", "--time=24"},
    ]  # fmt: skip


def test_a_job_that_outgrew_the_suites_own_limit_is_not_begun_again(tmp_path: Path, commands: Path) -> None:
    (commands / "timeout").write_text("bench-train")
    limits = Limits(seconds=300)
    cluster = RemoteExecutor(
        backend=SlurmBackend(), jobs=8, gpus=0, home=str(tmp_path / "home"), module="tests.fakes.worker", limits=limits
    )
    run = {"workers": 2, "probe_steps": 2, "probe_rounds": 1, "limits": {"seconds": 300}}
    record, _ = heard_below(tmp_path, fake_suite(tmp_path, seeds=(0,), run=run), executor=cluster)
    failures = {
        job.failure.message.partition(" (slurm")[0]
        for job in record.jobs
        if job.id.startswith("train:") and job.failure
    }
    assert failures == {"slurm ended it on its node at its time limit (run.limits.seconds = 300)"}
    assert {job.failure.kind for job in record.jobs if job.id.startswith("train:") and job.failure} == {"timeout"}


def test_the_end_of_a_completed_job_is_waited_for(
    tmp_path: Path, commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network mount may show it a minute after Slurm does; a job without one is lost all the same."""
    monkeypatch.setattr(remote_job, "_ASK_SECONDS", 0.0)
    monkeypatch.setattr(slurm, "_ASK_SECONDS", 0.0)
    job = RemoteJob(backend=SlurmBackend(), ticket=JobFiles(tmp_path), handle="1_0")
    (commands / "states").write_text("1_0 COMPLETED\n")
    assert not job.ended()
    assert not job.ended()
    monkeypatch.setattr(remote_job, "_ARRIVAL_SECONDS", -1.0)
    assert job.ended()
    assert job.retry == Retry(reason="lost")
    (commands / "states").write_text("1_0 NODE_FAIL\n")
    monkeypatch.setattr(remote_job, "_ARRIVAL_SECONDS", 60.0)
    assert RemoteJob(backend=SlurmBackend(), ticket=JobFiles(tmp_path), handle="1_0").ended()
