"""Logs for TensorBoard, W&B or Trackio through the trainer's own integrations, and the folder of their files.

Contract: files are written under the job's own folder. Keys come from the environment, as each tracker reads them.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from transformers import TrainerCallback
from transformers.integrations import TensorBoardCallback

from bench.record.files import TRACKING_LOGS
from bench.record.results.training.ledger import Step

_FOLDER_VARIABLES = {"WandbCallback": "WANDB_DIR", "TrackioCallback": "TRACKIO_DIR"}


def place_logs(callbacks: Sequence[TrainerCallback], folder: Path) -> None:
    """Makes the trackers among `callbacks` write under `folder`, the training's."""
    for callback in callbacks:
        if isinstance(callback, TensorBoardCallback):
            callback.logging_dir = str(folder / TRACKING_LOGS)
        variable = _FOLDER_VARIABLES.get(type(callback).__name__)
        if variable is not None:
            (folder / TRACKING_LOGS).mkdir(parents=True, exist_ok=True)
            os.environ.setdefault(variable, str(folder / TRACKING_LOGS))


def training_log(steps: Sequence[Step], *, seconds: float, parameters: int) -> dict[str, float]:
    """The whole training in the names and by the definitions of transformers, except that a sample is a row.

    `parameters`: without embeddings; `total_flos` is transformers' estimate, 6 × slots × these.
    """
    losses = [step.loss for step in steps if step.loss is not None]
    rows, slots = sum(step.rows for step in steps), sum(step.slots for step in steps)
    values = {
        "train_samples_per_second": rows / seconds if seconds > 0 else None,
        "train_loss": sum(losses) / len(losses) if losses else None,
        "total_flos": 6.0 * slots * parameters,
    }
    return {name: value for name, value in values.items() if value is not None}


def steps_log(steps: Sequence[Step]) -> dict[str, float]:
    """The steps since the last report in the names and by the definitions of transformers' integrations: the mean of
    their losses, norm and rate of the last of them. Tokens are their sum."""
    losses = [step.loss for step in steps if step.loss is not None]
    tokens, seconds = sum(step.tokens for step in steps), sum(step.seconds for step in steps)
    values = {
        "loss": sum(losses) / len(losses) if losses else None,
        "grad_norm": steps[-1].gradient_norm,
        "learning_rate": steps[-1].learning_rate,
        "tokens": float(tokens),
        "tokens_per_second": tokens / seconds if seconds > 0 else None,
    }
    return {name: value for name, value in values.items() if value is not None}
