"""Whether a training can be done at all: everything that can be known without reading weights.

Contract: what `check_training` lets pass, the training's own set-up does not refuse, but for what depends on the rows.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig
from transformers import Trainer

from bench.data.render.refused_rows import check_embedded, refuse_rows
from bench.data.render.render import make_renderer
from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.machine.device import pick_device, pick_precision
from bench.model.loading.kept_tokenizers import TokenizerOf
from bench.model.loading.load import load_config, load_skeleton, load_tokenizer, runs_code
from bench.model.peft_private import adapts_parameters
from bench.model.size.flops import run_forward
from bench.record.jobs.train_job import TrainJob
from bench.suite.checks.models.template_tokens import embedding_rows
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.training.launch import Launch
from bench.suite.tables.training.recipe import Recipe
from bench.train.arguments.adapters import add_adapter, check_gradients, peft_config, skeleton
from bench.train.arguments.sft_config import sft_config
from bench.train.batches.loss_mask import found_again
from bench.train.isolation import row_separation, small_copy
from bench.train.training_data import row_limit

_STEPS = 100
"""Optimiser steps of a made-up training."""
_SOME_VALUE = 7
"""Value of an optimiser's argument that is no default and no name of anything."""


def check_training(job: TrainJob, tokenizer_of: TokenizerOf = load_tokenizer) -> None:
    """Raises `InputError` for what the recipe asks for and this model, machine or installation cannot do."""
    recipe = job.recipe
    recipe = recipe.with_setting(recipe.settings[0])
    limit = row_limit(job)
    make_renderer(tokenizer_of(job.model), job.model, limit)
    if recipe.command is not None:
        return  # what a program can do is its own affair
    _check_arguments(recipe, job)
    _check_adapter(recipe, job.model)
    if recipe.packed:
        row_separation(job.model)


def check_rows(job: TrainJob, tokenizer_of: TokenizerOf = load_tokenizer) -> None:
    """Raises `InputError` for the rows that the template cannot render, whichever seeds and budget reach, unless they
    may be left out (`bench.suite.tables.data.DataSpec.odd_rows`), as every training does. Rows are tokenised only where
    the tokenizer has more tokens than the model's embedding has rows. What is wrong alike in many rows is one problem,
    at the first of these rows."""
    refuse_rows(load_rows(job.data.path), _row_check(job, tokenizer_of), job.data.odd_rows)


def rows_are_sound(job: TrainJob, tokenizer_of: TokenizerOf = load_tokenizer, *, part: int, parts: int) -> bool:
    """Whether `check_rows` would find nothing in this part of the rows, from 0, of `parts` equal ones."""
    rows = load_rows(job.data.path)
    start, end = (len(rows) * place // parts for place in (part, part + 1))
    try:
        check = _row_check(job, tokenizer_of)
        for row in rows[start:end]:
            check(row)
    except InputError:
        return False
    return True


def _row_check(job: TrainJob, tokenizer_of: TokenizerOf) -> Callable[[Row], None]:
    """What raises `InputError` for a row that cannot be rendered."""
    renderer = make_renderer(tokenizer_of(job.model), job.model, row_limit(job))
    chosen = found_again(job.recipe.loss_on)
    embedded = embedding_rows(Path(job.model.path))

    def check(row: Row) -> None:
        renderer.check(row, chosen)
        if embedded is not None and len(renderer.tokenizer) > embedded:
            check_embedded(renderer, renderer.row(row).input_ids, embedded, row.origin)

    return check


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
    _check_start(adapter, adapted)
    try:
        run_forward(load_skeleton(model))
    except Exception:  # an architecture that looks into its values (experts) cannot run without any: nothing is known
        return
    try:
        run_forward(adapted)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        if _runs_small(adapter, model):
            return
        what = f"the adapter's forward pass fails on {model.name}: {str(error).splitlines()[0]}"
        raise _refused(what, "recipe.*") from error


def _check_start(adapter: PeftConfig, adapted: torch.nn.Module) -> None:
    """Refuses a start of LoRA that looks into a layer's weights, which the skeleton has not, where PEFT finds none."""
    start = getattr(adapter, "init_lora_weights", True)
    if isinstance(start, str) and start != "gaussian" and adapts_parameters(adapted):
        what = f"PEFT cannot start LoRA by {start!r} on this model's experts, whose weights are no layers"
        raise _refused(what, "recipe.*")


def _runs_small(adapter: PeftConfig, model: ResolvedModel) -> bool:
    """Whether the adapter works on a small copy of the architecture with numbers: PEFT cannot compute some of it
    without, such as LoRA on the experts' parameters."""
    copy = small_copy(load_config(model), trusted=runs_code(model))
    try:
        with torch.no_grad():
            add_adapter(copy, adapter)(input_ids=torch.zeros((1, 4), dtype=torch.long))
    except (InputError, RuntimeError, ValueError, TypeError, IndexError, AttributeError):
        return False
    return True


def _refused(what: str, where: str) -> InputError:
    hint = "see the recipe's keys in docs/recipes.md"
    return InputError(Problem(reference="recipe.refused", what=what, where=where, hint=hint))
