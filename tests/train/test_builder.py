"""Recipe to library arguments: what the user wrote must run, not what TRL defaults to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig

from bench.suite.recipe import Recipe
from bench.train.builder import peft_config, sft_config
from tests.fakes.training import make_recipe, resolved_model

CPU = torch.device("cpu")


def test_a_processor_runs_in_fp32_without_checkpointing_unless_told_otherwise(tmp_path: Path) -> None:
    """TRL's defaults are bf16 and gradient checkpointing, even there: 1.9 times slower."""
    config = sft_config(make_recipe(), steps=3, seed=7, precision="fp32", device=CPU, folder=tmp_path)
    assert (config.bf16, config.fp16, config.gradient_checkpointing) == (False, False, False)
    assert config.report_to == []
    assert (config.seed, config.data_seed, config.max_steps) == (7, 7, 3)


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"learning_rate": 3e-4}, "learning_rate", 3e-4),
        ({"weight_decay": 0.1}, "weight_decay", 0.1),
        ({"betas": (0.8, 0.95)}, "adam_beta1", 0.8),
        ({"betas": (0.8, 0.95)}, "adam_beta2", 0.95),
        ({"max_grad_norm": 0.5}, "max_grad_norm", 0.5),
        ({"batch_rows": 7}, "per_device_train_batch_size", 7),
        ({"accumulation": 5}, "gradient_accumulation_steps", 5),
        ({"gradient_checkpointing": True}, "gradient_checkpointing", True),
    ],
)
def test_what_the_recipe_says_reaches_the_trainer(
    tmp_path: Path, changes: dict[str, object], name: str, value: object
) -> None:
    config = sft_config(make_recipe(**changes), steps=3, seed=0, precision="fp32", device=CPU, folder=tmp_path)
    assert getattr(config, name) == value


def test_mixed_precision_is_asked_for_by_name(tmp_path: Path) -> None:
    config = sft_config(make_recipe(), steps=3, seed=0, precision="bf16", device=CPU, folder=tmp_path)
    assert (config.bf16, config.fp16) == (True, False)


def test_every_key_of_a_recipe_has_a_reader() -> None:
    """A key that is accepted and ignored is a lie to its user."""
    package = Path(__file__).parents[2] / "bench"
    source = "\n".join(
        path.read_text() for folder in ("train", "run") for path in sorted((package / folder).rglob("*.py"))
    )
    unread = [key for key in Recipe.model_fields if f"recipe.{key}" not in source and f".{key}" not in source]
    assert unread == []


def test_lora_is_what_the_table_says() -> None:
    recipe = make_recipe(
        method="lora", lora={"r": 8, "alpha": 20, "dropout": 0.05, "target_modules": ["q_proj", "v_proj"]}
    )
    config = peft_config(recipe, resolved_model(Path("x")))
    assert isinstance(config, LoraConfig)
    assert (config.r, config.lora_alpha, config.lora_dropout) == (8, 20, 0.05)
    assert set(config.target_modules) == {"q_proj", "v_proj"}


@pytest.mark.parametrize("card", ["all-linear", ("c_attn", "c_proj")])
def test_by_default_lora_targets_what_the_model_card_names(card: object) -> None:
    config = peft_config(make_recipe(method="lora"), resolved_model(Path("x"), lora_target_modules=card))
    assert isinstance(config, LoraConfig)
    assert config.target_modules == (card if card == "all-linear" else {"c_attn", "c_proj"})


def test_full_fine_tuning_has_no_adapter() -> None:
    assert peft_config(make_recipe(), resolved_model(Path("x"))) is None
