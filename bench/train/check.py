"""Whether a training can be done at all: everything that can be known without reading weights.

Contract: what `check_training` lets pass, the training's own set-up does not refuse, but for what depends on the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import Trainer

from bench.data.render.render import Renderer, make_renderer
from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.model.loading.load import load_skeleton, load_tokenizer, pick_device, pick_precision
from bench.model.size.flops import run_forward
from bench.record.jobs.train_job import TrainJob
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.data import may_be_left_out
from bench.suite.tables.training.launch import Launch
from bench.suite.tables.training.recipe import Recipe
from bench.train.arguments.adapters import check_gradients, peft_config, skeleton
from bench.train.arguments.sft_config import sft_config
from bench.train.batches.loss_mask import found_again
from bench.train.isolation import row_separation
from bench.train.training_data import row_limit

_STEPS = 100
"""Optimiser steps of a made-up training."""
_KINDS = 5
"""Kinds of refused rows that are reported, the most frequent first."""
_NO_EMBEDDING = "template.no-embedding"
_SOME_VALUE = 7
"""Value of an optimiser's argument that is no default and no name of anything."""


def check_training(job: TrainJob) -> None:
    """Raises `InputError` for what the recipe asks for and this model, machine or installation cannot do."""
    recipe = job.recipe
    recipe = recipe.with_setting(recipe.settings[0])
    limit = row_limit(job)
    make_renderer(load_tokenizer(job.model), job.model, limit)
    _check_arguments(recipe, job)
    _check_adapter(recipe, job.model)
    if recipe.packed:
        row_separation(job.model)


def check_rows(job: TrainJob) -> None:
    """Raises `InputError` for the rows that the template cannot render, whichever seeds and budget reach, unless they
    may be left out (`bench.suite.tables.data.DataSpec.odd_rows`), as every training does. Rows are tokenised only where
    the tokenizer has more tokens than the model's embedding has rows. What is wrong alike in many rows is one problem,
    at the first of these rows."""
    renderer = make_renderer(load_tokenizer(job.model), job.model, row_limit(job))
    chosen = found_again(job.recipe.loss_on)
    refused: dict[str, list[Problem]] = {}
    embedded = load_skeleton(job.model).get_input_embeddings().weight.shape[0]
    beyond = len(renderer.tokenizer) > embedded
    for row in load_rows(job.data.path):
        try:
            renderer.check(row, chosen)
            if beyond:
                _check_embedded(renderer, row, embedded)
        except InputError as error:
            for problem in error.problems:
                refused.setdefault(problem.what, []).append(problem)
    lacking = any(problem.reference == _NO_EMBEDDING for problems in refused.values() for problem in problems)
    count = sum(map(len, refused.values()))
    all_refused = count >= job.data.rows
    if refused and (lacking or all_refused or not may_be_left_out(count, job.data.rows, job.data.odd_rows)):
        raise InputError(_counted(problems) for problems in sorted(refused.values(), key=len)[: -_KINDS - 1 : -1])


def _check_embedded(renderer: Renderer, row: Row, embedded: int) -> None:
    """Raises `InputError` for a row with tokens that the model's embedding of so many rows does not have."""
    lacking = sorted({token for token in renderer.row(row).input_ids if token >= embedded})
    if lacking:
        names = ", ".join(str(name) for name in renderer.tokenizer.convert_ids_to_tokens(lacking))
        what = f"the row as the template prints it has {names}, and the model's embedding has {embedded:,} rows"
        hint = "add the rows: model.resize_token_embeddings(len(tokenizer)), model.save_pretrained(folder)"
        raise InputError(Problem(reference=_NO_EMBEDDING, what=what, where=row.origin, hint=hint))


def _counted(problems: Sequence[Problem]) -> Problem:
    """The first of equal problems, with the number of the others."""
    first, *others = problems
    rows = "row" if len(others) == 1 else "rows"
    return replace(first, what=f"{first.what}, as of {len(others):,} more {rows}") if others else first


def _check_arguments(recipe: Recipe, job: TrainJob) -> None:
    device = pick_device()
    precision = pick_precision(recipe.precision, device)
    alone = recipe.model_copy(
        update={"launch": Launch(), "deepspeed": None, "fsdp": None}
    )  # these take hold of the process
    model = load_skeleton(job.model)

    def optimizer(chosen: dict[str, Any]) -> Any:
        recipe_alone = alone.model_copy(update={"optimizer_arguments": chosen})
        arguments = sft_config(
            recipe_alone, steps=_STEPS, seed=job.seed, precision=precision, device=device, folder=Path.cwd()
        )
        return Trainer.get_optimizer_cls_and_kwargs(arguments, model)

    try:
        optimizer(recipe.optimizer_arguments)
    except InputError:
        raise
    except (ValueError, TypeError, ImportError, RuntimeError, AssertionError) as error:
        raise _refused(f"the trainer refuses the recipe: {error}", "recipe.*") from error
    idle = [key for key in recipe.optimizer_arguments if _is_idle(key, recipe.optimizer_arguments, optimizer)]
    if idle:
        what = f"{recipe.optimizer} takes no argument {idle[0]!r} from transformers, which would ignore it"
        raise _refused(what, f"recipe.*.optimizer_arguments.{idle[0]}")


def _is_idle(key: str, arguments: dict[str, Any], optimizer: Callable[[dict[str, Any]], Any]) -> bool:
    """Whether the optimiser is the same without `key` as with some other value of it."""
    others = {name: value for name, value in arguments.items() if name != key}
    try:
        return bool(optimizer(others) == optimizer({**others, key: _SOME_VALUE}))
    except Exception:  # it looked at the value
        return False


def _check_adapter(recipe: Recipe, model: ResolvedModel) -> None:
    adapter = peft_config(recipe, model, steps=_STEPS)
    if adapter is None:
        return
    adapted = skeleton(model, adapter)
    check_gradients(adapted)
    try:
        run_forward(load_skeleton(model))
    except Exception:  # an architecture that looks into its values (experts) cannot run without any: nothing is known
        return
    try:
        run_forward(adapted)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        what = f"the adapter's forward pass fails on {model.name}: {str(error).splitlines()[0]}"
        raise _refused(what, "recipe.*") from error


def _refused(what: str, where: str) -> InputError:
    hint = "see the recipe's keys in docs/recipes.md"
    return InputError(Problem(reference="recipe.refused", what=what, where=where, hint=hint))
