"""Recipe to library arguments: what the user wrote must run, not what TRL defaults to."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from peft import LoraConfig
from pydantic import ValidationError
from transformers.training_args import OptimizerNames

from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.optimizer import Optimizer
from bench.suite.tables.training.recipe import Recipe
from bench.train.arguments.adapters import peft_config
from bench.train.arguments.rate import learning_rates
from bench.train.arguments.sft_config import sft_config
from bench.train.batches.schedule import plan_schedule
from tests.fakes.checkpoints import tiny_checkpoint, tiny_tokenizer
from tests.fakes.training import PlainRenderer, make_recipe, make_rows, resolved_model

CPU = torch.device("cpu")


def test_a_processor_runs_in_fp32_without_checkpointing_unless_told_otherwise(tmp_path: Path) -> None:
    """TRL's defaults are bf16 and gradient checkpointing, even there: 1.9 times slower."""
    config = sft_config(make_recipe(), steps=3, seed=7, precision="fp32", device=CPU, folder=tmp_path)
    assert (config.bf16, config.fp16, config.gradient_checkpointing) == (False, False, False)
    assert config.report_to == []
    assert (config.seed, config.data_seed, config.max_steps) == (7, 7, 3)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_deepspeeds_table_is_the_recipes_with_what_transformers_fills_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """Whether or not DeepSpeed is here: its own group of processes is taken on a processor alone."""
    monkeypatch.setattr("bench.train.arguments.sft_config.SFTConfig", SimpleNamespace)
    monkeypatch.setattr("bench.train.arguments.sft_config.use_one_gpu", lambda config: None)
    table = {"zero_optimization": {"stage": 2}, "gradient_clipping": 0.5}
    recipe = make_recipe(launch={"processes": 2}, accumulation=2, deepspeed=table)
    config = sft_config(recipe, steps=3, seed=7, precision="fp32", device=torch.device(device), folder=tmp_path)
    filled_in = dict.fromkeys(
        ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps"), "auto"
    )
    assert config.deepspeed == {**filled_in, **table, "bf16": {"enabled": "auto"}, "fp16": {"enabled": "auto"}}
    assert config.accelerator_config == {"use_configured_state": device == "cpu"}
    assert not hasattr(config, "fsdp")


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"learning_rate": 3e-4}, "learning_rate", 3e-4),
        ({"weight_decay": 0.1}, "weight_decay", 0.1),
        ({"betas": (0.8, 0.95)}, "adam_beta1", 0.8),
        ({"betas": (0.8, 0.95)}, "adam_beta2", 0.95),
        ({"max_grad_norm": 0.5}, "max_grad_norm", 0.5),
        ({"max_grad_norm": 0}, "max_grad_norm", 0),
        ({"optimizer": "adafactor"}, "optim", "adafactor"),
        ({"optimizer": "sgd", "optimizer_arguments": {"momentum": 0.9}}, "optim_args", "momentum=0.9"),
        ({"optimizer": "galore_adamw", "optimizer_modules": ["mlp"]}, "optim_target_modules", ["mlp"]),
        ({"loss": "dft"}, "loss_type", "dft"),
        ({"neftune_alpha": 5.0}, "neftune_noise_alpha", 5.0),
        ({"torch_compile": True}, "torch_compile", True),
        ({"accumulation": 5}, "gradient_accumulation_steps", 5),
        ({"accumulation": 6, "launch": {"processes": 3}}, "gradient_accumulation_steps", 2),
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


READ_ELSEWHERE = {
    "budget": "test_schedule.py",
    "command": "tests/train/test_command.py",
    "from_arm": "tests/run/test_arms.py",
    "shots": "tests/evals",
    "method": "test_methods.py",
    "deepspeed": "test_check.py",
    "fsdp": "test_check.py",
    "quantization": "test_check.py",
    "precision": "test_job.py",
    "validation": "test_validation.py",
    "loss_on": "test_loss_mask.py",
    "loss_average": "test_trainer.py",
    "weight_decay_on": "test_trainer.py",
    "end_token": "tests/data/render/test_end_of_turn.py",
    "sweep": "tests/run/plan/test_sweep.py",
}
"""Keys that neither the trainer's arguments, nor the adapter, nor rates, nor batches show, and who tests them."""

CHANGES: dict[str, dict[str, Any]] = {
    "engine": {"engine": "liger"},
    "learning_rate": {"learning_rate": 3e-4},
    "min_learning_rate": {"min_learning_rate": 1e-4},
    "schedule": {"schedule": "cosine"},
    "schedule_cycles": {"schedule": "cosine_with_restarts", "schedule_cycles": 3},
    "schedule_power": {"schedule": "polynomial", "schedule_power": 2.0},
    "schedule_decay": {"schedule": "warmup_stable_decay", "schedule_decay": 0.5},
    "warmup": {"warmup": 0.3},
    "optimizer": {"optimizer": "sgd"},
    "optimizer_arguments": {"optimizer_arguments": {"momentum": 0.5}},
    "optimizer_modules": {"optimizer": "galore_adamw", "optimizer_modules": ["mlp"]},
    "weight_decay": {"weight_decay": 0.1},
    "betas": {"betas": (0.8, 0.9)},
    "max_grad_norm": {"max_grad_norm": 0.0},
    "loss": {"loss": "dft"},
    "neftune_alpha": {"neftune_alpha": 5.0},
    "batch_rows": {"batch_rows": 3},
    "batch_tokens": {"batch_tokens": 64},
    "accumulation": {"accumulation": 2},
    "launch": {"launch": {"processes": 2}, "accumulation": 2},
    "max_length": {"max_length": 12},
    "packing": {"packing": "wrapped"},
    "group_by_length": {"group_by_length": True},
    "gradient_checkpointing": {"gradient_checkpointing": True},
    "torch_compile": {"torch_compile": True},
    "lora": {"method": "lora", "lora": {"r": 3}},
    "ia3": {"method": "ia3", "ia3": {"target_modules": ["v_proj"], "feedforward_modules": []}},
    "prefix": {"method": "prefix", "prefix": {"virtual_tokens": 3}},
    "prompt": {"method": "prompt", "prompt": {"virtual_tokens": 3}},
    "peft": {"method": "peft", "peft": {"type": "LOHA", "r": 3}},
}
"""For each key a change of it, beside what else it needs."""


def seen_by_the_libraries(model: Path, folder: Path, **recipe: Any) -> tuple[Any, ...]:
    """The trainer's arguments, the adapter, the rates and the batches that a recipe comes to."""
    made = make_recipe(**recipe)
    config = sft_config(made, steps=10, seed=0, precision="fp32", device=CPU, folder=folder)
    adapter = peft_config(made, resolved_model(model))
    length = made.max_length or 32
    schedule = plan_schedule(
        make_rows(20), PlainRenderer(tiny_tokenizer(), length), made, Budget(unit="epochs", amount=1),
        max_length=length, seed=0,
    )  # fmt: skip
    shape = [[[example.tokens for example in sequence] for sequence in batch] for batch in schedule.batches]
    return (
        json.dumps(config.to_dict(), default=str, sort_keys=True),
        None if adapter is None else json.dumps(adapter.to_dict(), default=str, sort_keys=True),
        learning_rates(made, 10),
        shape,
    )


def test_the_tables_name_every_key() -> None:
    """A key that is accepted and ignored is a lie to its user."""
    assert set(CHANGES) | set(READ_ELSEWHERE) == set(Recipe.model_fields)


@pytest.mark.parametrize("key", CHANGES)
def test_every_key_of_a_recipe_changes_what_the_libraries_see(tmp_path: Path, key: str) -> None:
    base = tiny_checkpoint(tmp_path / "base")
    changed = CHANGES[key]
    without = {name: value for name, value in changed.items() if name != key}
    if without.get("method") == "peft":
        without["peft"] = {"type": "LOHA"}
    before, after = (seen_by_the_libraries(base, tmp_path, **recipe) for recipe in (without, changed))
    assert before != after


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora": {"r": 4}}, "lora. table needs method"),
        ({"method": "lora", "quantization": {"bits": 8}}, 'needs method = "qlora"'),
        ({"method": "peft"}, "needs a table"),
        ({"schedule_power": 2.0}, 'needs schedule = "polynomial"'),
        ({"schedule": "inverse_sqrt", "min_learning_rate": 1e-5}, "a schedule that ends"),
        ({"optimizer": "sgd", "betas": (0.8, 0.9)}, "betas belong to AdamW"),
        ({"optimizer_modules": ["mlp"]}, "GaLore"),
        ({"batch_rows": 3, "batch_tokens": 64}, "not both"),
        ({"method": "prompt", "packing": "bfd"}, "virtual tokens"),
        ({"method": "prefix", "gradient_checkpointing": True}, "cache"),
        ({"packing": "wrapped", "group_by_length": True}, "one length"),
        ({"deepspeed": {}, "fsdp": {}}, "not both"),
        ({"validation": {}, "fsdp": {}}, "not combined"),
        ({"launch": {"processes": 2}}, "accumulation = 1 is no multiple"),
        ({"launch": {"processes": 2}, "accumulation": 2, "torch_compile": True}, "torch_compile"),
        ({"launch": {"processes": 2}, "accumulation": 2, "optimizer": "lomo"}, "lomo"),
        ({"launch": {"processes": 2}, "accumulation": 2, "method": "pissa", "fsdp": {}}, "pissa"),
    ],
)
def test_a_key_that_would_do_nothing_or_harm_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_recipe(**changes)


def test_optimisers_are_those_of_the_installed_transformers() -> None:
    assert set(get_args(Optimizer)) - {"adamw"} == {name.value for name in OptimizerNames}


def test_lora_is_what_the_table_says() -> None:
    recipe = make_recipe(
        method="lora", lora={"r": 8, "alpha": 20, "dropout": 0.05, "target_modules": ["q_proj", "v_proj"]}
    )
    config = peft_config(recipe, resolved_model(Path("x")))
    assert isinstance(config, LoraConfig)
    assert (config.r, config.lora_alpha, config.lora_dropout) == (8, 20, 0.05)
    assert set(config.target_modules) == {"q_proj", "v_proj"}


@pytest.mark.parametrize("card", ["all-linear", ("c_attn", "c_proj")])
def test_by_default_lora_targets_what_the_model_card_names(card: Any) -> None:
    recipe = Recipe(method="lora", learning_rate=1e-3).with_defaults(card)
    config = peft_config(recipe, resolved_model(Path("x"), lora_target_modules=card))
    assert isinstance(config, LoraConfig)
    assert config.target_modules == (card if card == "all-linear" else {"c_attn", "c_proj"})


def test_full_fine_tuning_has_no_adapter() -> None:
    assert peft_config(make_recipe(), resolved_model(Path("x"))) is None
