"""Trainings in several real processes: the same training as in one, and one end for all of them."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from bench.emit import StepDone
from bench.errors import InputError
from bench.record.files import CHECKPOINT, RESULT
from bench.record.jobs.job import result_adapter
from bench.record.jobs.train_job import ProbeJob
from bench.record.results.training.result import ProbeResult
from bench.train.job import run_training
from bench.train.training_data import build_training_data
from tests.fakes.forked import finish, start
from tests.fakes.several import TWENTY, assert_same_training, job_in, on_two_nodes, result_in, train, weights


@pytest.mark.parametrize(
    ("processes", "recipe"),
    [
        (2, {"accumulation": 2}),  # 11 batches: in the last step one process has none
        (2, {"method": "lora", "accumulation": 2, "packing": "bfd_split", "max_length": 24, "loss": "dft",
             "validation": {"share": 0.2, "every": 1, "patience": 1, "min_delta": 10.0}}),
    ],
)  # fmt: skip
def test_several_processes_train_what_one_would(
    world: Path, tmp_path: Path, processes: int, recipe: dict[str, Any]
) -> None:
    one = train(job_in(world, recipe=recipe), tmp_path / "one")
    several = train(job_in(world, recipe={**recipe, "launch": {"processes": processes}}), tmp_path / "several")
    assert_same_training((one, tmp_path / "one"), (several, tmp_path / "several"))
    assert (several.resolved["distributed"], several.resolved["processes"]) == ("multi_cpu", str(processes))
    seconds = several.ledger.seconds
    assert sum(seconds.model_dump(exclude={"wall"}).values()) == pytest.approx(seconds.wall, rel=0.02)
    assert one.ledger.peak_process_bytes is not None
    assert several.ledger.peak_process_bytes is not None
    assert several.ledger.peak_process_bytes > one.ledger.peak_process_bytes / 2 * processes


def test_a_killed_process_fails_the_job_with_its_reason_and_the_next_try_goes_on(world: Path, tmp_path: Path) -> None:
    """The others would wait for it in a collective; nobody must outlive the job, and nothing that was saved is lost."""
    recipe = {"method": "lora", "accumulation": 2, "lora": {"dropout": 0.1}, "launch": {"processes": 2}}
    job = job_in(world, recipe=recipe, steps_between_saves=2)
    whole = train(job, tmp_path / "whole")
    child = start("train", job, tmp_path / "cut")
    while not any(isinstance(event, StepDone) and event.step == 3 for event in child.wait(30)):
        assert not child.ended()
    assert child.process.pid is not None
    first, other = sorted(psutil.Process(child.process.pid).children(), key=lambda rank: rank.pid)
    sockets = [socket for process in (first, other) for socket in process.net_connections()]
    listening = {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}  # gloo's, and the agent's store
    os.kill(other.pid, signal.SIGKILL)
    finish(child)
    assert child.failure.kind == "killed"
    assert child.failure.message.startswith("process 2 of 2: the process was killed (SIGKILL)")
    assert not other.is_running()
    assert not first.is_running()
    again = train(job, tmp_path / "cut")
    assert [step.loss for step in again.steps] == [step.loss for step in whole.steps]
    ours, theirs = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_two_nodes_train_what_one_process_would(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = {"method": "lora", "accumulation": 2}
    one = train(job_in(world, recipe=recipe, budget=TWENTY), tmp_path / "one")
    spread = job_in(world, recipe={**recipe, "launch": {"processes": 2, "nodes": 2}}, budget=TWENTY)
    head, node = on_two_nodes(spread, tmp_path / "two", monkeypatch)
    finish(head)
    finish(node)
    assert (head.failure, node.failure) == (None, None)
    assert len(one.steps) == 20
    assert_same_training((one, tmp_path / "one"), (result_in(tmp_path / "two"), tmp_path / "two"))
    assert not (tmp_path / "two" / "ranks").exists()


def test_a_killed_node_fails_the_job_and_the_next_try_goes_on_from_the_checkpoint(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {"accumulation": 2, "packing": "bfd", "max_length": 64}
    one = train(job_in(world, recipe=recipe, budget=TWENTY), tmp_path / "one")
    spread = job_in(
        world, recipe={**recipe, "launch": {"processes": 2, "nodes": 2}}, budget=TWENTY, steps_between_saves=5
    )
    head, node = on_two_nodes(spread, tmp_path / "two", monkeypatch)
    while not any(isinstance(event, StepDone) and event.step == 7 for event in head.wait(30)):
        assert not head.ended()
    node.process.kill()
    finish(head)
    assert (head.failure.kind, head.failure.message[:20]) == ("killed", "node 2 of 2 was lost")
    state = json.loads((tmp_path / "two" / CHECKPOINT / "trainer_state.json").read_bytes())
    assert state["global_step"] in (5, 10, 15), "a step or two may pass between the event and the kill"
    head, node = on_two_nodes(spread, tmp_path / "two", monkeypatch)
    begun = next(event for event in iter(lambda: next(iter(head.wait(30)), None), 0) if isinstance(event, StepDone))
    assert begun.step == state["global_step"] + 1
    finish(head)
    finish(node)
    assert_same_training((one, tmp_path / "one"), (result_in(tmp_path / "two"), tmp_path / "two"))


def test_divergence_ends_all_processes_at_one_step(world: Path, tmp_path: Path) -> None:
    recipe = {"learning_rate": 1e18, "max_grad_norm": 1e18, "accumulation": 2, "launch": {"processes": 2}}
    result = train(job_in(world, recipe=recipe), tmp_path / "job")
    assert result.diverged
    assert 1 < len(result.steps) < 6


def test_a_probe_times_all_processes(world: Path, tmp_path: Path) -> None:
    job = job_in(world, recipe={"accumulation": 2, "launch": {"processes": 2}})
    finish(start("probe", ProbeJob(training=job, steps=4, digest="p" * 64), tmp_path / "probe"))
    probe = result_adapter.validate_json((tmp_path / "probe" / RESULT).read_bytes())
    assert isinstance(probe, ProbeResult)
    planned = build_training_data(job, budget=job.budget).schedule.first(4)
    assert (probe.steps, probe.tokens, probe.slots) == (4, planned.tokens, planned.slots)
    assert probe.tokens_per_second is not None


def test_a_training_of_several_processes_is_not_run_in_one(world: Path, tmp_path: Path) -> None:
    """What the digest says is what ran."""
    with pytest.raises(RuntimeError, match="a training of 2 processes was started in 1"):
        run_training(
            job_in(world, recipe={"accumulation": 2, "launch": {"processes": 2}}), tmp_path, lambda event: None
        )


def test_a_refusal_in_every_process_is_told_once(world: Path, tmp_path: Path) -> None:
    job = job_in(world, recipe={"accumulation": 2, "launch": {"processes": 2}, "max_length": 300})
    child = start("train", job, tmp_path)
    finish(child)
    assert child.failure.kind == "refused"
    with pytest.raises(InputError, match="beyond the model's 256 positions"):
        raise InputError(child.problems)
