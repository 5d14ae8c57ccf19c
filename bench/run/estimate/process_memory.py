"""Memory of trainings on a processor, from tensors without numbers: what a step makes, and what the libraries take.

Contract: a step is counted once for what decides its size (base, recipe, shape of the largest pass, rounded up by a
sixteenth at most), and kept below `HOME/memory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.digest import digest_json
from bench.errors import BenchError
from bench.record.jobs.train_job import TrainJob
from bench.record.results.facts import LargestPass, PlannedCounts, StepBytes
from bench.run.estimate.memory import state_bytes
from bench.run.process.payloads import MemoryReply, MemoryRequest, StepRequest
from bench.run.process.server import ChildServer
from bench.spec import Spec

_DECIDES = {
    "method", "optimizer", "precision", "gradient_checkpointing", "packing", "lora", "quantization", "prefix", "prompt",
    "peft",
}  # fmt: skip
"""Keys of a recipe that a step's memory follows from, beside the number of passes."""
_ALLOCATED = 1.4
"""Bytes that the allocator takes for each byte that a step makes: freed blocks are not of the size that is needed next.
Measured 1.1 to 1.6 (`benchmarks/planning.py`)."""
_MODULE = "bench.train.accounting.step_memory"


class StepMemory(Spec):
    """Memory of one training's largest step on a processor."""

    process_bytes: int
    """Resident bytes of a process with the libraries alone."""
    tensors: StepBytes

    @property
    def total(self) -> int:
        """Peak resident bytes of one process that trains."""
        return int(self.process_bytes + self.tensors.held + self.tensors.made * _ALLOCATED)


def step_memory(
    trainings: Mapping[str, TrainJob], counts: Mapping[str, PlannedCounts], *, home: Path, server: ChildServer
) -> dict[str, StepMemory]:
    """Memory of one training of each arm, by arm; arms whose memory cannot be counted without numbers are left out."""
    requests = {arm: _request(job, counts[arm]) for arm, job in trainings.items() if arm in counts}
    keys = {arm: _key(request, home) for arm, request in requests.items()}
    known = {key: _known(home, key) for key in set(keys.values())}
    missing = {keys[arm]: request for arm, request in requests.items() if known[keys[arm]] is None}
    if missing:
        known |= _counted(missing, home=home, server=server)
    return {arm: memory for arm, key in keys.items() if (memory := known[key]) is not None}


def _counted(missing: Mapping[str, StepRequest], *, home: Path, server: ChildServer) -> dict[str, StepMemory | None]:
    """Count what is not known yet, in one child. A child that breaks down leaves all of it unknown."""
    log = home / "logs" / "memory.txt"
    try:
        value = server.call("memory", MemoryRequest(steps=tuple(missing.values())), folder=home, log=log)
    except BenchError:
        return dict.fromkeys(missing)
    reply, counted = MemoryReply.model_validate(value), dict[str, StepMemory | None]()
    for key, tensors in zip(missing, reply.steps, strict=True):
        counted[key] = None if tensors is None else StepMemory(process_bytes=reply.process_bytes, tensors=tensors)
        if (memory := counted[key]) is not None:
            write_text(home / "memory" / f"{key}.json", memory.model_dump_json())
    return counted


def _request(job: TrainJob, counts: PlannedCounts) -> StepRequest:
    largest = counts.largest_pass
    rounded = LargestPass(
        rows=largest.rows, width=_rounded(largest.width), supervised_tokens=_rounded(largest.supervised_tokens)
    )
    first_setting = job.from_base().with_setting(job.recipe.settings[0])
    return StepRequest(job=first_setting, largest_pass=rounded, state_bytes=state_bytes(job.recipe.optimizer))


def _rounded(count: int) -> int:
    """The next number with five binary digits."""
    unit: int = 2 ** max(0, count.bit_length() - 5)
    return -(-count // unit) * unit


def _key(request: StepRequest, home: Path) -> str:
    job = request.job
    parts = [
        job.model.sha256,
        job.recipe.model_dump(mode="json", include=_DECIDES),
        min(2, job.recipe.accumulation),
        request.largest_pass.model_dump(),
    ]
    return own_code(home).key(digest_json(parts), _MODULE)


def _known(home: Path, key: str) -> StepMemory | None:
    try:
        return StepMemory.model_validate_json((home / "memory" / f"{key}.json").read_bytes())
    except (OSError, ValidationError):
        return None
