"""How far a trained subject is from its base on rows that a suite holds out: a part of each held-out loss.

Contract: the first rows of the eval, as the loss renders them, after the scoring and its measurements.
"""

from itertools import islice

import torch

from bench.evals.subject.subject import Subject, rendered
from bench.model.drift import drift, has_room
from bench.model.loading.load import PlainBase, load_base
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.training.applied import QUESTION_ROWS, QUESTION_TOKENS, HeldOutDrift


def held_out_drift(job: EvalJob, subject: Subject, plain: PlainBase) -> HeldOutDrift | None:
    """The drift from the base that the subject was trained from, a warm start aside; `None` of a base, of other evals,
    of a training's earlier steps, and where there is no memory for both."""
    trained = job.training is not None or job.given is not None
    earlier = job.part is not None and job.part.which == "dev"
    if job.eval.kind != "loss" or not trained or earlier or not has_room(subject.model):
        return None
    printed = (rendered(subject, row).input_ids for row in subject.rows(job))
    longest = min(subject.context_length, QUESTION_TOKENS)
    rows = list(islice((ids[:longest] for ids in printed if ids), QUESTION_ROWS))
    if not rows:
        return None
    try:
        base = load_base(job.model.model_copy(update={"starts": ()}), precision=job.precision, plain=plain)
        moved = drift(subject.model, base, rows)
    except (torch.OutOfMemoryError, MemoryError):
        return None
    return HeldOutDrift(kl=moved.kl, changed_top=moved.changed_top, rows=len(rows), positions=moved.positions)
