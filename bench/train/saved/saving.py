"""Writes a trained subject as safetensors that plain transformers and PEFT load, and `bench.model.loading.load`.

Contract: a whole model is stored in fp32 where it was trained in it, else in the type of the base's weights, so that
it takes the room of the base; an adapter in the type that it was trained in. What is evaluated is what is stored.

Some starts of LoRA (PiSSA, OLoRA, CorDA) move a part of the base's weights into the adapter. PEFT can write such an
adapter as a plain one of twice the rank, from where it ended and where it started.
"""

from pathlib import Path
from typing import Any

from peft import LoraConfig

from bench.model.loading.load import QUANTIZATION, QuantizedBase
from bench.model.loading.stored_dtype import tuned_dtype
from bench.record.jobs.train_job import TrainJob
from bench.suite.tables.models.precision import Precision
from bench.train.loop.trainer import MeteredTrainer
from bench.train.saved.portable import save_model

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


def save_weights(
    trainer: MeteredTrainer, job: TrainJob, folder: Path, *, start: Path | None, precision: Precision
) -> None:
    """Writes the adapter or the whole model, as it is now, into `folder`. `start`: where `keep_start` wrote.
    `precision`: that the training computes in. Called by all ranks; the main process writes."""
    if start is not None:
        if trainer.is_main_process:
            trainer.model.save_pretrained(folder, path_initial_model_for_weight_conversion=str(start))
    else:
        state = trainer.gathered_state()
        if trainer.is_main_process and job.recipe.adapter is None:
            save_model(job.model, trainer.whole_model, folder, tuned_dtype(Path(job.model.path), precision), state)
        elif trainer.is_main_process:
            trainer.whole_model.save_pretrained(folder, state_dict=state)
    if trainer.is_main_process and job.recipe.quantization is not None:
        quantized = QuantizedBase(quantization=job.recipe.quantization, precision=precision)
        (folder / QUANTIZATION).write_text(quantized.model_dump_json())
