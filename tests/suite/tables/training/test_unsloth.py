"""unsloth is handed every key of its recipe that it follows; every other one is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from bench.suite.tables.training.recipe import Recipe

UNSLOTH: dict[str, Any] = {"method": "lora", "engine": "unsloth", "learning_rate": 1e-4}


@pytest.mark.parametrize(
    "changes",
    [
        {
            "method": "rslora",
            "lora": {"r": 8, "dropout": 0.1},
            "schedule": "cosine",
            "warmup": 0.1,
            "betas": (0.9, 0.95),
        },
        {
            "batch_tokens": 2048,
            "accumulation": 4,
            "loss_on": "assistant",
            "loss_average": "batches",
            "precision": "bf16",
        },
        {"learning_rate": {"sweep": [1e-4, 3e-4]}, "gradient_checkpointing": True, "max_length": 512},
    ],
)
def test_what_it_follows_may_be_given(changes: dict[str, Any]) -> None:
    assert Recipe.model_validate({**UNSLOTH, **changes}).by_program


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"method": "full"}, 'unsloth trains method = "lora" or "rslora" here'),
        ({"precision": "fp16"}, "fp16 needs scaled gradients"),
        ({"packing": "bfd"}, "packing is not handed to unsloth: remove it"),
        ({"from": "given/a"}, "from is not handed to unsloth"),
        ({"optimizer": "sgd"}, "optimizer is not handed to unsloth"),
        ({"neftune_alpha": 5.0}, "neftune_alpha is not handed to unsloth"),
        ({"validation": {"share": 0.1}}, "validation is not handed to unsloth"),
        ({"launch": {"processes": 2}, "accumulation": 2}, "launch is not handed to unsloth"),
    ],
)
def test_what_it_does_not_follow_is_refused(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Recipe.model_validate({**UNSLOTH, **changes})
