"""DeepSpeed's and FSDP's tables must not train another recipe than the one that the report states."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.suite.load import load_suite
from tests.fakes.suite_files import write_suite

RECIPE = 'method = "full"\nlearning_rate = 1e-3'
ZERO = {"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}}}


def loaded(folder: Path, key: str, table: Any, more: str = "") -> Any:
    """The recipe's table after loading; DeepSpeed's is written to a file."""
    value = "{ " + ", ".join(f"{name} = {json.dumps(item)}" for name, item in table.items()) + " }"
    if key == "deepspeed":
        folder.mkdir(exist_ok=True)
        (folder / "ds.json").write_text(json.dumps(table))
        value = '"ds.json"'
    path = write_suite(folder, replace={RECIPE: f"{RECIPE}\n{more}\n{key} = {value}"})
    return getattr(load_suite(path).suite.recipe["full"], key)


@pytest.mark.parametrize(
    "table",
    [
        ZERO,
        {**ZERO, "gradient_clipping": "auto", "train_micro_batch_size_per_gpu": "auto", "bf16": {"enabled": "auto"}},
        {**ZERO, "gradient_clipping": 1.0, "gradient_accumulation_steps": 1},
    ],
)
def test_a_table_that_agrees_is_taken_as_it_is(tmp_path: Path, table: dict[str, Any]) -> None:
    assert loaded(tmp_path, "deepspeed", table) == table


@pytest.mark.parametrize(
    ("table", "more", "where"),
    [
        ({}, "", "recipe.full.deepspeed"),
        ({**ZERO, "optimizer": {"type": "Adam"}}, "", "recipe.full.deepspeed.optimizer"),
        ({**ZERO, "scheduler": {"type": "WarmupLR"}}, "", "recipe.full.deepspeed.scheduler"),
        ({**ZERO, "train_micro_batch_size_per_gpu": 4}, "", "recipe.full.deepspeed.train_micro_batch_size_per_gpu"),
        ({**ZERO, "gradient_accumulation_steps": 8}, "", "recipe.full.deepspeed.gradient_accumulation_steps"),
        ({**ZERO, "gradient_clipping": 0.3}, "", "recipe.full.deepspeed.gradient_clipping"),
        ({**ZERO, "fp16": {"enabled": True}}, 'precision = "bf16"', "recipe.full.deepspeed.fp16.enabled"),
        ({**ZERO, "bf16": {"enabled": False}}, "", "recipe.full.deepspeed.bf16.enabled"),
    ],
)
def test_what_the_recipe_decides_is_not_decided_there(
    tmp_path: Path, table: dict[str, Any], more: str, where: str
) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, "deepspeed", table, more)
    assert [problem.where for problem in caught.value.problems] == [where]


@pytest.mark.parametrize(
    ("table", "more", "precision"),
    [
        ({"zero_optimization": {"stage": 2}, "fp16": {"enabled": True}}, "", "fp16"),
        ({**ZERO, "bf16": {"enabled": True}, "fp16": {"enabled": False}}, "", "bf16"),
        ({**ZERO, "fp16": {"enabled": True}}, 'precision = "fp16"', "fp16"),
        ({**ZERO, "fp16": {"enabled": "auto"}}, "", "auto"),
        (ZERO, "", "auto"),
    ],
)
def test_the_precision_that_a_table_turns_on_is_the_recipes_if_it_names_none(
    tmp_path: Path, table: dict[str, Any], more: str, precision: str
) -> None:
    """A published file as it is: `{"zero_optimization": {"stage": 2}, "fp16": {"enabled": true}}`."""
    (tmp_path / "ds.json").write_text(json.dumps(table))
    path = write_suite(tmp_path, replace={RECIPE: f'{RECIPE}\n{more}\ndeepspeed = "ds.json"'})
    assert load_suite(path).suite.recipe["full"].precision == precision


def test_a_misspelt_key_of_fsdp_is_not_ignored(tmp_path: Path) -> None:
    assert loaded(tmp_path, "fsdp", {"fsdp_cpu_offload": True, "version": 2}) == {
        "fsdp_cpu_offload": True,
        "version": 2,
    }
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, "fsdp", {"cpu_offlaod": True})
    (problem,) = caught.value.problems
    assert (problem.where, problem.hint) == ("recipe.full.fsdp.cpu_offlaod", "did you mean 'cpu_offload'?")


def test_fsdp_1_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, "fsdp", {"fsdp_version": 1})
    (problem,) = caught.value.problems
    assert (problem.where, problem.hint) == ("recipe.full.fsdp.fsdp_version", "version = 2")
