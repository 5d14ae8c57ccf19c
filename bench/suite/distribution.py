"""A recipe that names DeepSpeed's JSON file holds its content from here on: a result depends on what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bench.errors import InputError, Problem
from bench.suite.adapter import JsonTable
from bench.suite.suite import Suite


def deepspeed_problems(suite: Suite, base: Path) -> Iterator[Problem]:
    """What is wrong with the files that recipes name; paths are relative to `base`."""
    for name, recipe in suite.recipe.items():
        if isinstance(recipe.deepspeed, str):
            try:
                _read(base, recipe.deepspeed, name)
            except InputError as error:
                yield from error.problems


def inline_deepspeed(suite: Suite, base: Path) -> Suite:
    """`suite` with a table in place of each file. Raises `InputError` for a file that is no JSON object."""
    recipes = {
        name: recipe.model_copy(update={"deepspeed": _read(base, recipe.deepspeed, name)})
        if isinstance(recipe.deepspeed, str)
        else recipe
        for name, recipe in suite.recipe.items()
    }
    return suite.model_copy(update={"recipe": recipes})


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
