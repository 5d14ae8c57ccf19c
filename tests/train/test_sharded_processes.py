"""Trainings whose weights and optimiser states are sharded over real processes: what one process trains, and resumed.

Those that are not in the default suite run with `BENCH_TEST_SHARDED=1` (`make test-clusters`).
"""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from bench.emit import StepDone
from bench.record.files import CHECKPOINT
from bench.train.loop.checkpoints.checkpoint import find_checkpoint
from tests.fakes.forked import finish
from tests.fakes.several import TWENTY, assert_same_training, job_in, killed_at, on_two_nodes, result_in, resumed, train

FSDP = {"processes": 2, "strategy": "fsdp2"}
FULL: dict[str, Any] = {"accumulation": 2, "packing": "bfd", "max_length": 64}
LORA: dict[str, Any] = {"accumulation": 2, "method": "lora", "learning_rate": 1e-3, "lora": {"r": 1}}
"""A rank has less than a row of some adapter weights."""
asked_for = pytest.mark.skipif(not os.environ.get("BENCH_TEST_SHARDED"), reason="BENCH_TEST_SHARDED is not set")


def test_a_killed_process_of_fsdp_costs_the_steps_since_the_checkpoint(world: Path, tmp_path: Path) -> None:
    """The reason is reported, nobody is left, and the next try ends where one process would have."""
    one = train(job_in(world, recipe=FULL, budget=TWENTY), tmp_path / "one")
    job = job_in(world, recipe={**FULL, "launch": FSDP}, budget=TWENTY, steps_between_saves=5)
    folder = tmp_path / "two"
    child, ranks = killed_at(7, job, folder)
    assert child.failure.message.startswith("process 2 of 2: the process was killed (SIGKILL)")
    assert not any(rank.is_running() for rank in ranks)
    files = {path.name for path in (folder / CHECKPOINT / "parts").iterdir()}
    assert {name.partition(".")[2] for name in files} == {"safetensors"}, "nothing is pickled"
    assert len(files) == 2
    saved = find_checkpoint(folder, job.digest)
    begun, two = resumed(job, folder)
    assert begun == json.loads(saved.trainer)["global_step"] + 1
    assert_same_training((one, tmp_path / "one"), (two, folder))
    assert (two.resolved["distributed"], len(two.steps)) == ("fsdp", 20)
    left, right = (
        AutoModelForCausalLM.from_pretrained(side / "weights").state_dict() for side in (tmp_path / "one", folder)
    )
    assert left.keys() == right.keys()
    assert all(torch.allclose(left[name], right[name], atol=1e-4) for name in left)


def test_an_adapter_is_trained_under_fsdp_as_in_one_process(world: Path, tmp_path: Path) -> None:
    one = train(job_in(world, recipe=LORA, budget=TWENTY), tmp_path / "one")
    two = train(job_in(world, recipe={**LORA, "launch": FSDP}, budget=TWENTY), tmp_path / "two")
    assert_same_training((one, tmp_path / "one"), (two, tmp_path / "two"))


@asked_for
@pytest.mark.parametrize("recipe", [{"accumulation": 2}, {**LORA, "packing": "bfd_split", "max_length": 24}])
def test_fsdp_trains_what_one_process_would(world: Path, tmp_path: Path, recipe: dict[str, Any]) -> None:
    """The other two of full and LoRA, padded and packed."""
    one = train(job_in(world, recipe=recipe, budget=TWENTY), tmp_path / "one")
    two = train(job_in(world, recipe={**recipe, "launch": FSDP}, budget=TWENTY), tmp_path / "two")
    assert_same_training((one, tmp_path / "one"), (two, tmp_path / "two"))


@asked_for
def test_a_node_of_fsdp_that_is_lost_costs_the_steps_since_the_checkpoint(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = train(job_in(world, recipe=LORA, budget=TWENTY), tmp_path / "one")
    job = job_in(world, recipe={**LORA, "launch": {**FSDP, "nodes": 2}}, budget=TWENTY, steps_between_saves=5)
    head, node = on_two_nodes(job, tmp_path / "two", monkeypatch)
    while not any(isinstance(event, StepDone) and event.step == 7 for event in head.wait(30)):
        assert not head.ended()
    node.process.kill()
    finish(head)
    assert head.failure.message.startswith("node 2 of 2 was lost")
    head, node = on_two_nodes(job, tmp_path / "two", monkeypatch)
    finish(head)
    finish(node)
    assert_same_training((one, tmp_path / "one"), (result_in(tmp_path / "two"), tmp_path / "two"))


zero = pytest.mark.skipif(find_spec("deepspeed") is None, reason="deepspeed is not installed")


@asked_for
@zero
@pytest.mark.parametrize("strategy", ["zero2", "zero3"])
@pytest.mark.parametrize("recipe", [{"accumulation": 2}, {**LORA, "packing": "bfd_split", "max_length": 24}])
def test_zero_trains_what_one_process_would(world: Path, tmp_path: Path, strategy: str, recipe: dict[str, Any]) -> None:
    launch = {"processes": 2, "strategy": strategy}
    one = train(job_in(world, recipe=recipe, budget=TWENTY), tmp_path / "one")
    two = train(job_in(world, recipe={**recipe, "launch": launch}, budget=TWENTY), tmp_path / "two")
    assert_same_training((one, tmp_path / "one"), (two, tmp_path / "two"))
    assert (one.parameters, one.trainable_parameters) == (two.parameters, two.trainable_parameters)
    assert two.resolved["distributed"] == "deepspeed"


@asked_for
@zero
@pytest.mark.parametrize(("strategy", "recipe"), [("zero2", FULL), ("zero3", FULL), ("zero3", LORA)])
def test_a_killed_process_of_zero_costs_the_steps_since_the_checkpoint(
    world: Path, tmp_path: Path, strategy: str, recipe: dict[str, Any]
) -> None:
    one = train(job_in(world, recipe=recipe, budget=TWENTY), tmp_path / "one")
    launch = {"processes": 2, "strategy": strategy}
    job = job_in(world, recipe={**recipe, "launch": launch}, budget=TWENTY, steps_between_saves=5)
    child, ranks = killed_at(7, job, tmp_path / "two")
    assert child.failure.message.startswith("process 2 of 2: the process was killed (SIGKILL)")
    assert not any(rank.is_running() for rank in ranks)
    files = {path.suffix for path in (tmp_path / "two" / CHECKPOINT).rglob("*") if path.is_file()}
    assert files == {".safetensors", ".json"}, "nothing is pickled"
    begun, two = resumed(job, tmp_path / "two")
    assert begun in (6, 11, 16), "a step or two may pass between the event and the kill"
    assert_same_training((one, tmp_path / "one"), (two, tmp_path / "two"))
