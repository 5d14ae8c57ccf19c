"""A recipe in the words of TRL.

Contract: whatever their defaults are (bf16 and gradient checkpointing on, even on a processor; progress bars; reports
to whatever is installed; every GPU of the machine), what a recipe says is what runs. Nothing here loads or computes.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig

from bench.model.transformers_private import use_one_gpu
from bench.suite.tables.models.precision import Precision
from bench.suite.tables.training.recipe import Recipe

_NAMED = {"adamw": "adamw_torch_fused"}
"""Optimisers by a shorter name than transformers'."""


_OURS_IN_DEEPSPEED: dict[str, Any] = {
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
    "bf16": {"enabled": "auto"},
    "fp16": {"enabled": "auto"},
}
"""Keys that DeepSpeed needs and transformers fills in from its arguments."""

_DONE_BEFORE_OR_BY_THE_TRAINER: dict[str, Any] = {
    "per_device_train_batch_size": 1,  # an item of the data set is a whole batch
    "train_sampling_strategy": "sequential",  # the schedule is the order
    "dataset_kwargs": {"skip_prepare_dataset": True},
    "max_length": None,  # rows were cut when they were rendered
    "remove_unused_columns": False,
    "liger_kernel_config": {"cross_entropy": False, "fused_linear_cross_entropy": False},  # the loss is the trainer's
    "logging_strategy": "no",  # the trainer reports by itself, with its own counts
    "save_strategy": "no",
    "eval_strategy": "no",
    "disable_tqdm": True,
    "logging_nan_inf_filter": False,  # a loss that is not finite is divergence, not something to smooth over
}
"""What TRL must not do a second time, whatever the recipe says: batches, order, truncation, loss, logs, saving."""


def optimizer_name(recipe: Recipe) -> str:
    """Name of the optimiser in `transformers.training_args.OptimizerNames`."""
    return _NAMED.get(recipe.optimizer, recipe.optimizer)


def sft_config(
    recipe: Recipe,
    *,
    steps: int,
    seed: int,
    precision: Precision,
    device: torch.device,
    folder: Path,
    track: Sequence[str] = (),
    log_every: int = 1,
    name: str | None = None,
) -> SFTConfig:
    """Arguments of `SFTTrainer` for a training of `steps` optimiser steps over already ordered batches.

    `track`: trackers to report to, under `name`, after every `log_every` steps.
    """
    config = SFTConfig(
        output_dir=str(folder),
        max_steps=steps,
        gradient_accumulation_steps=recipe.accumulation // recipe.processes,
        learning_rate=recipe.rate,
        weight_decay=recipe.weight_decay,
        adam_beta1=recipe.betas[0],
        adam_beta2=recipe.betas[1],
        max_grad_norm=recipe.max_grad_norm,
        optim=optimizer_name(recipe),
        optim_args=_arguments(recipe),
        optim_target_modules=list(recipe.optimizer_modules) or None,
        loss_type=recipe.loss,
        neftune_noise_alpha=recipe.neftune_alpha,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        gradient_checkpointing=recipe.gradient_checkpointing,
        activation_checkpointing=recipe.gradient_checkpointing,  # its name from transformers 5.23 on
        torch_compile=recipe.torch_compile,
        use_liger_kernel=recipe.engine == "liger",
        seed=seed,
        data_seed=seed,
        use_cpu=device.type == "cpu" and recipe.deepspeed_table is None,  # else accelerate leaves DeepSpeed out
        dataloader_pin_memory=device.type == "cuda",
        logging_steps=log_every,
        report_to=list(track) or "none",
        run_name=name,
        **copy.deepcopy(_DONE_BEFORE_OR_BY_THE_TRAINER),
        **_distribution(recipe, device),
    )
    use_one_gpu(config)
    return config


def _arguments(recipe: Recipe) -> str | None:
    """`optim_args` is one string of `key=value` pairs."""
    return ", ".join(f"{key}={value}" for key, value in recipe.optimizer_arguments.items()) or None


def _distribution(recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """The libraries write into these tables, so they get copies."""
    deepspeed, fsdp = recipe.deepspeed_table, recipe.fsdp_table
    if deepspeed is not None:
        assert not isinstance(deepspeed, str), "a file is read when the suite is"
        group = {"use_configured_state": device.type == "cpu"}  # that of `join_group`
        return {
            "deepspeed": {**copy.deepcopy(_OURS_IN_DEEPSPEED), **copy.deepcopy(deepspeed)},
            "accelerator_config": group,
        }
    if fsdp is not None:
        return {"fsdp": True, "fsdp_config": copy.deepcopy(fsdp)}
    return {}
