"""A trained model with its linear layers in 8 bits, by torchao: one scale for each output, activations as they are.

Contract: the folder is what plain transformers loads where torchao is installed. The rest of the model, and what is
computed, is in the precision of the evals.
"""

import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, TorchAoConfig

from bench.machine.device import dtype_of, pick_device, pick_precision
from bench.record.jobs.deploy_job import DeployJob
from bench.train.saved.export import save_merged
from bench.train.saved.portable import save_companions


def save_int8(job: DeployJob, out: Path) -> None:
    """Write the trained model of `job` into `out`, quantised from fp32."""
    from torchao.quantization import Int8WeightOnlyConfig  # an extra, and slow to import

    device = pick_device()
    with tempfile.TemporaryDirectory(prefix="merged-", dir=out.parent) as merged:
        save_merged(job.model, Path(job.weights), Path(merged), torch.float32)
        model: Any = AutoModelForCausalLM.from_pretrained(
            merged,
            dtype=dtype_of(pick_precision(job.precision, device)),
            quantization_config=TorchAoConfig(quant_type=Int8WeightOnlyConfig()),
            local_files_only=True,
            use_safetensors=True,
        )
        model.save_pretrained(out)
    save_companions(job.model, out)
