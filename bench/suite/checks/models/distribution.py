"""What a recipe hands to DeepSpeed and FSDP: read, and held against the rest of the recipe.

A recipe that names DeepSpeed's JSON file holds its content from here on: a result depends on what it says. What the
recipe itself decides (batch, accumulation, clipping, precision, optimiser, schedule) must not differ there,
and a key of FSDP that transformers would not read is an error.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.errors import InputError, Problem, did_you_mean
from bench.suite.tables.models.precision import Precision
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.adapter import JsonTable
from bench.suite.tables.training.recipe import Recipe

_AUTO = "auto"
_FSDP_KEYS = frozenset(
    {
        "version", "reshard_after_forward", "cpu_offload", "activation_checkpointing", "cpu_ram_efficient_loading",
        "state_dict_type", "auto_wrap_policy", "transformer_layer_cls_to_wrap", "min_num_params",
    }
)  # fmt: skip
"""What transformers reads of FSDP 2's `fsdp_config`, with or without `fsdp_` before it; XLA settings are for TPUs."""

_PRECISIONS: tuple[Precision, ...] = ("bf16", "fp16")
"""Precisions that DeepSpeed's table can turn on; TOML's `precision` has the same names."""


def distribution_problems(suite: Suite, base: Path) -> Iterator[Problem]:
    """What is wrong with the recipes' tables and the files that they name; paths are relative to `base`."""
    for name, recipe in suite.recipe.items():
        if recipe.deepspeed is not None:
            try:
                yield from _deepspeed(_table(base, recipe, name), recipe, f"recipe.{name}.deepspeed")
            except InputError as error:
                yield from error.problems
        for key, value in (recipe.fsdp or {}).items():
            if key.removeprefix("fsdp_") == "version" and value != 2:
                what = f"FSDP {value} is not run here: transformers is about to remove it"
                where = f"recipe.{name}.fsdp.{key}"
                yield Problem(reference="recipe.fsdp", what=what, where=where, hint="version = 2")
            if key.removeprefix("fsdp_") not in _FSDP_KEYS:
                what = f"transformers' fsdp_config has no key {key!r}"
                hint = did_you_mean(key, _FSDP_KEYS)
                yield Problem(reference="recipe.fsdp", what=what, where=f"recipe.{name}.fsdp.{key}", hint=hint)


def inline_deepspeed(suite: Suite, base: Path) -> Suite:
    """`suite` with a table in place of each file. Raises `InputError` for a file that is no JSON object."""
    recipes = {name: _inlined(recipe, base, name) for name, recipe in suite.recipe.items()}
    return suite.model_copy(update={"recipe": recipes})


def _inlined(recipe: Recipe, base: Path, name: str) -> Recipe:
    """The recipe with DeepSpeed's table, and with the precision that the table turns on if the recipe names none."""
    if recipe.deepspeed is None:
        return recipe
    table = _table(base, recipe, name)
    asked = [precision for precision in _PRECISIONS if _enabled(table, precision) is True]
    precision = {"precision": asked[0]} if recipe.precision == _AUTO and asked else {}
    return recipe.model_copy(update={"deepspeed": table, **precision})


def _deepspeed(table: Mapping[str, object], recipe: Recipe, where: str) -> Iterator[Problem]:
    """Values that would take the place of the recipe's, which the report would go on to state."""
    if not isinstance(table.get("zero_optimization"), Mapping):
        what, hint = "DeepSpeed's configuration names no zero_optimization", "zero_optimization = { stage = 2 }"
        yield Problem(reference="recipe.deepspeed", what=what, where=where, hint=hint)
    decided: dict[str, tuple[str, tuple[object, ...]]] = {
        "train_batch_size": ("batch_rows and accumulation", ()),
        "train_micro_batch_size_per_gpu": ("batch_rows", ()),
        "gradient_accumulation_steps": ("accumulation", (recipe.accumulation // recipe.processes,)),
        "gradient_clipping": ("max_grad_norm", (recipe.max_grad_norm,)),
        "optimizer": ("optimizer", ()),
        "scheduler": ("schedule", ()),
    }
    for key, (ours, same) in decided.items():
        if key in table and table[key] not in (_AUTO, *same):
            yield _decided(f"{where}.{key}", ours)
    switches = {key: _enabled(table, key) for key in _PRECISIONS}
    open_to = (
        recipe.precision == _AUTO and list(switches.values()).count(True) == 1
    )  # the table says what the recipe does not
    for key, enabled in switches.items():
        if enabled != _AUTO and not open_to and (recipe.precision == _AUTO or enabled != (recipe.precision == key)):
            yield _decided(f"{where}.{key}.enabled", "precision")


def _enabled(table: Mapping[str, object], key: str) -> object:
    section = table.get(key)
    return section.get("enabled", _AUTO) if isinstance(section, Mapping) else _AUTO


def _decided(where: str, ours: str) -> Problem:
    what = f"{where.rpartition('deepspeed.')[2]} is the recipe's to decide, by {ours}"
    return Problem(reference="recipe.deepspeed", what=what, where=where, hint="take it out of DeepSpeed's table")


def _table(base: Path, recipe: Recipe, name: str) -> JsonTable:
    return _read(base, recipe.deepspeed, name) if isinstance(recipe.deepspeed, str) else dict(recipe.deepspeed or {})


def _read(base: Path, text: str, recipe: str) -> JsonTable:
    where = f"recipe.{recipe}.deepspeed"
    hint = "paths are relative to the suite file, those of --set to the current folder"
    try:
        table = json.loads((base / Path(text).expanduser()).read_bytes())
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        what = f"{text} cannot be read as DeepSpeed's configuration: {reason}"
        raise InputError(Problem(reference="recipe.deepspeed", what=what, where=where, hint=hint)) from error
    if not isinstance(table, dict):
        what = f"{text} holds no JSON object"
        raise InputError(Problem(reference="recipe.deepspeed", what=what, where=where, hint=hint))
    return table
