"""Writes a trained subject as safetensors, for which the unchanged base and `bench.model.load` suffice.

Some starts of LoRA (PiSSA, OLoRA, CorDA) move a part of the base's weights into the adapter. PEFT can write such an
adapter as a plain one of twice the rank, from where it ended and where it started.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peft import LoraConfig

from bench.model.load import QUANTIZATION, QuantizedBase
from bench.suite.model import Precision
from bench.suite.recipe import Recipe
from bench.train.loop.trainer import MeteredTrainer

_MOVING_STARTS = ("pissa", "olora", "corda")


def keep_start(model: Any, folder: Path) -> bool:
    """Writes an adapter that moved weights out of the base into `folder`, before training; whether it is such a one."""
    config = getattr(model, "peft_config", {}).get("default")
    if not isinstance(config, LoraConfig) or not str(config.init_lora_weights).startswith(_MOVING_STARTS):
        return False
    start, config.init_lora_weights = config.init_lora_weights, True
    model.save_pretrained(folder)
    config.init_lora_weights = start
    return True


def save_subject(
    trainer: MeteredTrainer, folder: Path, *, start: Path | None, recipe: Recipe, precision: Precision
) -> None:
    """Writes the adapter or the whole model into `folder`. `start`: where `keep_start` wrote. `precision`: of a frozen
    base. Called by all ranks; the first writes."""
    if start is None:
        trainer.save_weights(folder)
    elif trainer.is_main_process:
        trainer.model.save_pretrained(folder, path_initial_model_for_weight_conversion=str(start))
    if recipe.quantization is not None and trainer.is_main_process:
        quantized = QuantizedBase(quantization=recipe.quantization, precision=precision)
        (folder / QUANTIZATION).write_text(quantized.model_dump_json())
