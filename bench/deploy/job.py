"""One deployed form of one training: written, measured, and held against the trained form. Runs in a child process."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from bench.deploy.measure import serving, tensor_bytes
from bench.deploy.write import write_form
from bench.emit import Emit
from bench.machine.device import PRECISIONS
from bench.model.drift import drift, has_room
from bench.model.loading.deployed import load_form
from bench.model.loading.load import load_tokenizer, load_tuned
from bench.model.loading.packed_linear import pack_linears
from bench.model.loading.prefix import unused_positions
from bench.record.files import WEIGHTS
from bench.record.jobs.deploy_job import DeployJob
from bench.record.results.training.deployed import DeployResult, FromTrained
from bench.train.applied.questions import question_ids


def run_deploy(job: DeployJob, folder: Path, emit: Emit) -> DeployResult:
    """Write the form under `folder/weights`, and measure it. Raises `InputError` for what the user can fix."""
    del emit  # a form is soon written
    torch.set_num_threads(job.threads)
    shipped, tokenizer = folder / WEIGHTS, load_tokenizer(job.model)
    shipped.mkdir(parents=True)
    write_form(job, shipped)
    model = load_form(job.model, shipped, job.form, precision=job.precision)
    positions = job.model.context_length - unused_positions(model)
    rows = question_ids(tokenizer, job.model, positions)
    in_memory, apart = tensor_bytes(model), _apart(job, model, rows)
    pack_linears(model)
    served = serving(model, tokenizer, rows)
    return DeployResult(
        form=job.form,
        weights=WEIGHTS,
        disk_bytes=disk_bytes(shipped),
        tensor_bytes=in_memory,
        precision=PRECISIONS[model.dtype],
        **asdict(served),
        apart=apart,
    )


def _apart(job: DeployJob, model: Any, rows: Sequence[Sequence[int]]) -> FromTrained | None:
    """The form beside the trained one, as evals load that; `None` where there is no memory for both."""
    if not has_room(model):
        return None
    trained = load_tuned(job.model, Path(job.weights), precision=job.precision)
    moved = drift(model, trained, rows)
    return FromTrained(
        same_weights=_same_weights(model, trained), kl=moved.kl, changed_top=moved.changed_top, rows=len(rows)
    )


def _same_weights(model: Any, trained: Any) -> bool:
    """Whether both are the same numbers in the same modules, to the last bit."""
    first, second = model.state_dict(), trained.state_dict()
    return first.keys() == second.keys() and all(
        type(first[name]) is type(tensor) and first[name].dtype == tensor.dtype and torch.equal(first[name], tensor)
        for name, tensor in second.items()
    )


def disk_bytes(folder: Path) -> int:
    """Bytes of the files with weights."""
    return sum(file.stat().st_size for pattern in ("*.safetensors", "*.gguf") for file in folder.glob(pattern))
