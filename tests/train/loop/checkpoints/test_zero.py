"""A rank's part of DeepSpeed's state goes to disk and back without a pickle. The engine here has no DeepSpeed."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.train.loop.checkpoints.zero import load_zero, save_zero


@dataclass
class Sharded:
    """An optimiser with what ZeRO's state dictionaries have: nested tensors, numbers by number, objects."""

    state: dict[str, Any]
    events: list[str] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        return self.state

    def load_state_dict(self, state_dict_list: dict[int, Any], **named: bool) -> None:
        self.events.append("load")
        assert named == {"load_optimizer_states": True, "load_from_fp32_weights": True}
        self.state = state_dict_list[1]

    def update_lp_params(self) -> None:
        self.events.append("weights from fp32")

    def checkpoint_event_prologue(self) -> None:
        self.events.append("partition")

    def checkpoint_event_epilogue(self) -> None:
        self.events.append("gather")


def scaler(scale: float) -> SimpleNamespace:
    return SimpleNamespace(cur_scale=scale, hook=print)


def engine_of(optimizer: Any, *, stage: int, steps: int) -> SimpleNamespace:
    return SimpleNamespace(
        optimizer=optimizer,
        module=torch.nn.Linear(2, 1),
        zero_optimization=lambda: stage > 0,
        zero_optimization_partition_weights=lambda: stage == 3,
        global_steps=steps,
        global_samples=8 * steps,
        skipped_steps=1,
        micro_steps=2 * steps,
    )


STATE = {
    "loss_scaler": scaler(512.0),
    "overflow": False,
    "base": {
        "state": {0: {"step": torch.tensor(7.0), "exp_avg": torch.arange(6.0)}},
        "groups": [{"betas": (0.9, 0.99)}],
    },
    "fp32": [torch.arange(3.0).bfloat16(), torch.empty(0)],
}
RESTORING = {2: ["load", "weights from fp32"], 3: ["partition", "load", "gather"]}


@pytest.mark.parametrize("stage", RESTORING)
def test_a_rank_gets_back_what_it_held(tmp_path: Path, stage: int) -> None:
    (tmp_path / "parts").mkdir()
    save_zero(tmp_path / "parts", engine_of(Sharded(copy.deepcopy(STATE)), stage=stage, steps=5), 1)
    assert {path.suffix for path in (tmp_path / "parts").iterdir()} == {".safetensors", ".json"}
    own = scaler(1.0)
    engine = engine_of(Sharded({"loss_scaler": own}), stage=stage, steps=0)
    load_zero(tmp_path / "parts", engine, 1)
    state = engine.optimizer.state
    assert state["loss_scaler"] is own, "an object is the resumed one's"
    assert (own.cur_scale, own.hook) == (512.0, print)
    assert state.keys() == STATE.keys()
    assert state["base"]["groups"] == [{"betas": [0.9, 0.99]}]
    inner, wanted = state["base"]["state"][0], STATE["base"]["state"][0]
    assert inner["step"].shape == ()
    assert all(torch.equal(inner[key], wanted[key]) for key in wanted)
    assert [(each.dtype, each.tolist()) for each in state["fp32"]] == [
        (torch.bfloat16, [0.0, 1.0, 2.0]),
        (torch.float32, []),
    ]
    counters = (engine.global_steps, engine.global_samples, engine.skipped_steps, engine.micro_steps)
    assert counters == (5, 40, 1, 10)
    assert engine.optimizer.events == RESTORING[stage]


def test_without_sharding_the_weights_are_stored_beside_the_optimizer(tmp_path: Path) -> None:
    before = engine_of(None, stage=0, steps=1)
    before.optimizer = torch.optim.AdamW(before.module.parameters())
    before.module(torch.ones(1, 2)).sum().backward()
    before.optimizer.step()
    save_zero(tmp_path, before, 0)
    after = engine_of(None, stage=0, steps=0)
    after.optimizer = torch.optim.AdamW(after.module.parameters())
    load_zero(tmp_path, after, 0)
    for engine in (before, after):
        engine.optimizer.zero_grad()
        engine.module(torch.full((1, 2), 3.0)).sum().backward()
        engine.optimizer.step()
    assert torch.equal(before.module.weight, after.module.weight)
