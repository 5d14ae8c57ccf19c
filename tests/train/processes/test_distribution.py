"""What the libraries made of a recipe's shards is looked at, not believed."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.distributed.fsdp import CPUOffloadPolicy, OffloadPolicy

from bench.train.processes.distribution import fsdp_fault, zero_fault
from tests.fakes.training import make_recipe


@pytest.mark.parametrize(
    ("launch", "given", "fault"),
    [
        ({}, {}, "2 weights are not sharded over 2 processes, weight first"),
        ({}, {"fsdp_version": 1}, "FSDP runs with version, reshard_after_forward, cpu_offload = (1, True, False)"),
        ({}, {"reshard_after_forward": False}, "= (2, False, False), and the recipe asks for (2, True, False)"),
        ({"offload": True}, {}, "= (2, True, False), and the recipe asks for (2, True, True)"),
        ({"offload": True}, {"cpu_offload": CPUOffloadPolicy(pin_memory=False)}, "2 weights are not sharded"),
    ],
)
def test_what_differs_from_the_recipe_is_named(launch: dict[str, Any], given: dict[str, Any], fault: str) -> None:
    recipe = make_recipe(accumulation=2, launch={"processes": 2, "strategy": "fsdp2", **launch})
    plugin = SimpleNamespace(
        **{"fsdp_version": 2, "reshard_after_forward": True, "cpu_offload": OffloadPolicy(), **given}
    )
    assert fault in (fsdp_fault(recipe, plugin, torch.nn.Linear(2, 2)) or "")


def test_a_stage_of_zero_that_is_not_the_recipes_is_named() -> None:
    recipe = make_recipe(accumulation=2, launch={"processes": 2, "strategy": "zero3"})
    engine = SimpleNamespace(zero_optimization_stage=lambda: 2, world_size=2)
    assert zero_fault(recipe, engine) == "DeepSpeed runs with stage, processes = (2, 2), and the recipe asks for (3, 2)"
    assert zero_fault(recipe, SimpleNamespace(zero_optimization_stage=lambda: 3, world_size=2)) is None
