"""The type that a whole model's weights have on the disk once they are trained."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.model.loading.stored_dtype import stored_dtype
from bench.record.jobs.train_job import TrainJob


def stored_in(job: TrainJob) -> torch.dtype:
    """The type of a whole model's weights on disk. In bf16, the updates of a short training may be rounded away."""
    return torch.float32 if job.recipe.stored_in_fp32 else stored_dtype(Path(job.model.path))
