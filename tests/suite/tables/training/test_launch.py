"""A launch says what each process holds, in the libraries' own words."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from bench.suite.tables.training.launch import Launch
from bench.suite.tables.training.recipe import Recipe
from bench.train.arguments.sft_config import _distribution


@pytest.mark.parametrize(
    ("launch", "deepspeed", "fsdp"),
    [
        ({}, None, None),
        ({"strategy": "zero2"}, {"stage": 2}, None),
        ({"strategy": "zero2", "offload": True}, {"stage": 2, "offload_optimizer": {"device": "cpu"}}, None),
        (
            {"strategy": "zero3", "offload": True},
            {"stage": 3, "offload_optimizer": {"device": "cpu"}, "offload_param": {"device": "cpu"}},
            None,
        ),
        ({"strategy": "fsdp2"}, None, {"version": 2, "reshard_after_forward": True}),
        (
            {"strategy": "fsdp2", "offload": True},
            None,
            {"version": 2, "reshard_after_forward": True, "cpu_offload": True},
        ),
    ],
)
def test_a_strategy_is_the_librarys_table(
    launch: dict[str, Any], deepspeed: dict[str, Any] | None, fsdp: dict[str, Any] | None
) -> None:
    recipe = Recipe(method="full", learning_rate=1e-5, launch=Launch(**launch))
    arguments = _distribution(recipe, torch.device("cuda"))
    assert arguments.get("deepspeed", {}).get("zero_optimization") == deepspeed
    assert arguments.get("fsdp_config") == fsdp
    assert recipe.sharded == (deepspeed is not None or fsdp is not None)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"launch": {"processes": 3, "nodes": 2}}, "3 processes cannot be shared out evenly over 2 nodes"),
        ({"launch": {"offload": True}}, "offload needs strategy"),
        ({"launch": {"strategy": "zero2"}, "deepspeed": {"zero_optimization": {}}}, "give one of both"),
        ({"launch": {"strategy": "fsdp2"}, "optimizer": "adafactor"}, "its state cannot be sharded"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(recipe: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Recipe.model_validate({"method": "full", "learning_rate": 1e-5, **recipe})
