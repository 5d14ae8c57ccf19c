"""A recipe in the words of TRL and PEFT.

Contract: whatever their defaults are (bf16 and gradient checkpointing on, even on a processor; progress bars; reports
to whatever is installed), what a recipe says is what runs. Nothing here loads or computes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, PeftConfig
from trl import SFTConfig

from bench.suite.model import Precision
from bench.suite.recipe import LoraSpec, Recipe
from bench.suite.resolved import ResolvedModel


def sft_config(
    recipe: Recipe, *, steps: int, seed: int, precision: Precision, device: torch.device, folder: Path
) -> SFTConfig:
    """Arguments of `SFTTrainer` for a training of `steps` optimiser steps over an already ordered training set."""
    return SFTConfig(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=recipe.batch_rows,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        adam_beta1=recipe.betas[0],
        adam_beta2=recipe.betas[1],
        max_grad_norm=recipe.max_grad_norm,
        optim="adamw_torch_fused",
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        gradient_checkpointing=recipe.gradient_checkpointing,
        activation_checkpointing=recipe.gradient_checkpointing,  # its name from transformers 5.23 on
        seed=seed,
        data_seed=seed,
        use_cpu=device.type == "cpu",
        train_sampling_strategy="sequential",  # the schedule is the order
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,  # rows were cut when they were rendered
        remove_unused_columns=False,
        dataloader_pin_memory=device.type == "cuda",
        logging_strategy="no",
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_nan_inf_filter=False,  # a loss that is not finite is divergence, not something to smooth over
    )


def peft_config(recipe: Recipe, model: ResolvedModel) -> PeftConfig | None:
    """The adapter that the recipe asks for; `None` for full fine-tuning."""
    return _METHODS[recipe.method](recipe, model)


def _full(recipe: Recipe, model: ResolvedModel) -> None:
    return None


def _lora(recipe: Recipe, model: ResolvedModel) -> PeftConfig:
    spec = recipe.lora or LoraSpec()
    targets = model.lora_target_modules if spec.target_modules == "card" else spec.target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=spec.r,
        lora_alpha=spec.alpha,
        lora_dropout=spec.dropout,
        target_modules=targets if targets == "all-linear" else list(targets),
    )


_METHODS = {"full": _full, "lora": _lora}
