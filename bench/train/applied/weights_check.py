"""Whether a trained subject has the same loss evaluated as it had trained, on a few of its own rows, and what it
changes of its base.

Contract: two roads from the same rows. The loss as trained is of the model in memory when its training ended, by the
layers that it was trained with, adapters in them. The loss as evaluated is of the subject as evals load it from what
was saved, merged and rounded to their precision, and as they compute it: packed, and in C++ where it has that. What
saving, merging, packing or the C++ does wrong is a difference between the two.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from bench.machine.freed_memory import give_back_freed
from bench.model.drift import has_room
from bench.model.loading.kept_base import KeptBase
from bench.model.loading.load import load_base, load_subject
from bench.model.loading.packed_linear import pack_linears
from bench.model.row_loss import ScoredRow, loss_of
from bench.record.files import WEIGHTS
from bench.record.results.training.applied import Applied, WeightsCheck
from bench.train.applied.measure import measure, questions_of
from bench.train.batches.collate import collate
from bench.train.batches.encoded_row import IGNORED, EncodedRow
from bench.train.loop.loss.lm_head import log_probabilities
from bench.train.prepare import Prepared

_ROWS = 4


def trained_loss(prepared: Prepared) -> float | None:
    """Loss of the model in memory; `None` where its weights are sharded over processes."""
    trainer = prepared.trainer
    if prepared.job.recipe.sharded:
        return None
    model, head = trainer.whole_model, trainer.head
    model.eval()
    batch = tuple((row,) for row in _rows(prepared))
    inputs = trainer.on_device(collate(batch, prepared.data.tokenizer.pad_token_id))
    with torch.no_grad(), trainer.compute_loss_context_manager():
        return -float(log_probabilities(model, inputs, "all positions" if head == "fused" else head).mean())


def check_weights(prepared: Prepared, folder: Path, as_trained: float) -> tuple[WeightsCheck | None, Applied | None]:
    """Compare with the subject that was saved under `folder`, the training's, whose memory is freed first, and that
    with the base. `None` where there is not enough memory."""
    prepared.trainer.release()
    give_back_freed(circles=True)  # else what the steps have freed would lie beside two more models
    plain, rows = KeptBase(), [_scored(row) for row in _rows(prepared)]
    model, precision, device = prepared.job.model, prepared.precision, prepared.device
    try:
        subject = load_subject(model, folder, precision=precision, device=device, plain=plain)
        applied, untouched = _beside_base(prepared, folder, subject, plain, rows)
        pack_linears(subject)
        return WeightsCheck(as_trained=as_trained, as_evaluated=loss_of(subject, rows), base=untouched), applied
    except (torch.OutOfMemoryError, MemoryError):
        return None, None


def _beside_base(
    prepared: Prepared, folder: Path, subject: PreTrainedModel, plain: KeptBase, rows: Sequence[ScoredRow]
) -> tuple[Applied | None, float | None]:
    """What the subject changes of its base, and the base's loss; `None` where there is not enough memory for both."""
    if not has_room(subject):
        return None, None
    model = prepared.job.model
    try:
        base = load_base(model, precision=prepared.precision, device=prepared.device, plain=plain)
        questions = questions_of(subject, prepared.data.tokenizer, model)
        return measure(folder / WEIGHTS, questions, subject=subject, base=base), loss_of(base, rows)
    except (torch.OutOfMemoryError, MemoryError):
        return None, None


def _rows(prepared: Prepared) -> list[EncodedRow]:
    """The first rows of the schedule that have something to supervise."""
    rows = (row for row in prepared.data.schedule.examples() if row.supervised_tokens)
    return list(islice(rows, _ROWS))


def _scored(row: EncodedRow) -> ScoredRow:
    return row.ids.tolist(), np.flatnonzero(row.labels != IGNORED).tolist()
