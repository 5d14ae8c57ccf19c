"""How far a trained subject is from its base on rows that a suite holds out: a part of each held-out loss.

Contract: the first rows of the eval, as the loss renders them, after the scoring and its measurements.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import torch

from bench.evals.subject.subject import Subject, rendered
from bench.model.drift import BasePass, base_passes, drift_from, has_room, weight_bytes
from bench.model.forward import vocabulary_size
from bench.model.loading.load import PlainBase, load_base
from bench.model.loading.packed_linear import pack_linears
from bench.model.native_trial import native
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.training.applied import QUESTION_ROWS, QUESTION_TOKENS, HeldOutDrift

KEPT_BYTES = 32 * 2**20
"""The base's logits that stay in memory, at most, where half of the weights takes less or is on a device."""


def held_out_drift(job: EvalJob, subject: Subject, plain: PlainBase) -> HeldOutDrift | None:
    """The drift from the base that the subject was trained from, a warm start aside; `None` of a base, of other evals,
    of a training's earlier steps, and where there is no memory for both."""
    trained = job.training is not None or job.given is not None
    earlier = job.part is not None and job.part.which == "dev"
    if job.eval.kind != "loss" or not trained or earlier or not has_room(subject.model):
        return None
    rows = subject.prepared.get("drift", lambda: _rows(job, subject))
    if not rows:
        return None
    try:
        moved = drift_from(_passes(job, subject, plain, rows), subject.model)
    except (torch.OutOfMemoryError, MemoryError):
        return None
    return HeldOutDrift(kl=moved.kl, changed_top=moved.changed_top, rows=len(rows), positions=moved.positions)


def _rows(job: EvalJob, subject: Subject) -> list[list[int]]:
    printed = (rendered(subject, row).input_ids for row in subject.rows(job))
    longest = min(subject.context_length, QUESTION_TOKENS)
    return list(islice((ids[:longest] for ids in printed if ids), QUESTION_ROWS))


def _passes(job: EvalJob, subject: Subject, plain: PlainBase, rows: list[list[int]]) -> Iterable[BasePass]:
    """The base's passes, which stay for other subjects where they are small."""

    def passes() -> Iterator[BasePass]:
        model = job.model.model_copy(update={"starts": ()})
        base = load_base(model, precision=job.precision, plain=plain)
        pack_linears(base)
        return base_passes(base, rows, like=subject.model)

    size = sum(map(len, rows)) * vocabulary_size(subject.model) * torch.float32.itemsize
    half = weight_bytes(subject.model) / 2 if subject.model.device.type == "cpu" else 0
    if size > max(KEPT_BYTES, half):
        return passes()
    way = "layers" if native(subject.model) is None else "C++"
    return subject.prepared.get(("base", job.precision, way), lambda: list(passes()), large=True)
