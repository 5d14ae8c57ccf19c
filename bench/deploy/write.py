"""Writes one training in the form that it is shipped in."""

import shutil
from pathlib import Path

import torch

from bench.deploy.gguf import save_gguf
from bench.deploy.int8 import save_int8
from bench.machine.device import pick_device, pick_precision
from bench.model.loading.load import QUANTIZATION
from bench.model.loading.stored_dtype import tuned_dtype
from bench.record.jobs.deploy_job import DeployJob
from bench.suite.peft_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from bench.train.saved.export import save_merged


def write_form(job: DeployJob, out: Path) -> None:
    """Write the form into the empty folder `out`. Raises `InputError` for an adapter that cannot be merged."""
    weights = Path(job.weights)
    match job.form:
        case "adapter":
            for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS, QUANTIZATION):
                if (weights / name).is_file():
                    shutil.copy2(weights / name, out / name)
        case "merged":
            precision = pick_precision(job.precision, pick_device())
            save_merged(job.model, weights, out, tuned_dtype(Path(job.model.path), precision))
        case "merged-bf16":
            save_merged(job.model, weights, out, torch.bfloat16)
        case "int8":
            save_int8(job, out)
        case "gguf-f16" | "gguf-q8_0" | "gguf-q4_k_m":
            save_gguf(job, out)
        case _:
            raise NotImplementedError(f"{job.form} is refused before any work")
