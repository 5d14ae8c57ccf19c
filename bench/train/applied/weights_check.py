"""Whether a trained subject has the same loss evaluated as it had trained, on a few of its own rows, and what it
changes of its base.

Contract: the loss as trained is that of the model in memory when its training ended, adapters in its layers; the loss
as evaluated is that of the subject as evals load it from what was saved: merged, and rounded to their precision.
"""

from itertools import islice
from pathlib import Path

import torch

from bench.model.drift import has_room
from bench.model.loading.kept_base import KeptBase
from bench.model.loading.load import load_base, load_subject
from bench.record.files import WEIGHTS
from bench.record.results.training.applied import Applied, WeightsCheck
from bench.train.applied.measure import measure, questions_of
from bench.train.batches.collate import collate
from bench.train.batches.encoded_row import Batch
from bench.train.loop.loss.lm_head import log_probabilities
from bench.train.prepare import Prepared

_ROWS = 4


def trained_loss(prepared: Prepared) -> float | None:
    """Loss of the model in memory; `None` where its weights are sharded over processes."""
    trainer = prepared.trainer
    if prepared.job.recipe.sharded:
        return None
    model = trainer.whole_model
    model.eval()
    with trainer.compute_loss_context_manager():
        return _loss(model, _rows(prepared), prepared)


def check_weights(prepared: Prepared, folder: Path, as_trained: float) -> tuple[WeightsCheck | None, Applied | None]:
    """Compare with the subject that was saved under `folder`, the training's, whose memory is freed first, and that
    with the base. `None` where there is not enough memory."""
    prepared.trainer.release()
    model, rows = prepared.job.model, _rows(prepared)
    check: WeightsCheck | None = None
    plain = KeptBase()
    try:
        subject = load_subject(model, folder, precision=prepared.precision, device=prepared.device, plain=plain)
        check = WeightsCheck(as_trained=as_trained, as_evaluated=_loss(subject, rows, prepared))
        if not has_room(subject):
            return check, None
        base = load_base(model, precision=prepared.precision, device=prepared.device, plain=plain)
        check = check.model_copy(update={"base": _loss(base, rows, prepared)})
        questions = questions_of(subject, prepared.data.tokenizer, model)
        return check, measure(folder / WEIGHTS, questions, subject=subject, base=base)
    except (torch.OutOfMemoryError, MemoryError):
        return check, None


def _rows(prepared: Prepared) -> Batch:
    """The first rows of the schedule that have something to supervise, unpacked."""
    rows = (row for row in prepared.data.schedule.examples() if row.supervised_tokens)
    return tuple((row,) for row in islice(rows, _ROWS))


@torch.no_grad()
def _loss(model: torch.nn.Module, batch: Batch, prepared: Prepared) -> float:
    """Mean negative log-likelihood per supervised token."""
    inputs = prepared.trainer.on_device(collate(batch, prepared.data.tokenizer.pad_token_id))
    return -float(log_probabilities(model, inputs, "all positions").mean())
