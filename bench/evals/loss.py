"""`kind = "loss"`: held-out negative log-likelihood per supervised token, on rows rendered as training rows are.

Contract: an example's score is the mean over its supervised tokens, in nats, and its weight their number; so the
measure `nll` is the mean over all supervised tokens. `perplexity` is its exponential. `bits_per_byte` divides the same
sum, in bits, by the UTF-8 bytes of the supervised text, and so compares across tokenizers. A diagnostic, not a ranking:
the LIMA paper (Zhou et al. 2023) found it anti-correlated with the quality of answers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from bench.data.render.render import Rendered
from bench.data.render.row import Row
from bench.emit import Emit
from bench.evals.inference.partial_replies import FinishedReplies, ReplyKind, nothing_finished
from bench.evals.inference.pass_counts import counted_logits, counted_prefix
from bench.evals.outcome import (
    NOT_FINITE,
    NOT_PRINTED,
    EvalOutput,
    ExampleProgress,
    cluster_of_row,
    row_ids,
    slices_of_row,
)
from bench.evals.subject.subject import Subject, rendered
from bench.model.forward import SLOTS, batches, padded, token_logprobs, vocabulary_size
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import Measure, ScoreRow
from bench.suite.tables.evals.loss import LossSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedText:
    """Token ids of one row and the positions that are supervised; the first position never is."""

    ids: tuple[int, ...]
    supervised: tuple[int, ...]


_NLL: ReplyKind[SupervisedText, float | None] = ReplyKind(
    "nll", lambda text: {"ids": text.ids, "supervised": text.supervised}, float, placeholder=0.0
)


def evaluate_loss(job: EvalJob, subject: Subject, emit: Emit) -> EvalOutput:
    """Scores a subject on the eval's rows."""
    spec, rows = job.eval, subject.rows(job)
    assert isinstance(spec, LossSpec), "chosen by kind"
    printed = [rendered(subject, row) for row in rows]
    texts = [supervised_text(row) for row in printed]
    progress = ExampleProgress(emit, len(rows))
    sums = subject.memory.through(
        _NLL,
        texts,
        lambda new, finished: summed_nll(subject.model, new, progress, slots=subject.slots, finished=finished),
        is_reply=lambda nll: nll is not None,
        recalled=lambda count: progress.part(count, 1)(1),
    )
    kept = [(row, text, nll) for row, text, nll in zip(rows, texts, sums, strict=True) if nll is not None]
    sizes = [_bytes(subject, text) for _, text, _ in kept]
    total, tokens = math.fsum(nll for *_, nll in kept), sum(len(text.supervised) for _, text, _ in kept)
    return EvalOutput(
        rows=_rows(spec, subject, rows, texts, sums),
        measures=_measures(spec.name, total, tokens, sum(sizes), n=len(kept), missing=len(rows) - len(kept)),
        template=subject.renderer.template.name,
        batch=f"by length, at most {subject.slots} slots",
        truncated=sum(row.truncated for row in printed),
    )


def supervised_text(row: Rendered) -> SupervisedText:
    """The tokens of a rendered row that a loss is taken over; never the first, which nothing predicts."""
    supervised = tuple(at for at, counts in enumerate(row.labels_mask) if counts and at > 0)
    return SupervisedText(ids=tuple(row.input_ids), supervised=supervised)


def summed_nll(
    model: PreTrainedModel,
    texts: Sequence[SupervisedText],
    progress: ExampleProgress | None = None,
    *,
    slots: int = SLOTS,
    finished: FinishedReplies[SupervisedText, float | None] | None = None,
) -> list[float | None]:
    """Negative log-likelihood of each text's supervised tokens, in nats; `None` where none is, or it is not finite. The
    same text is computed once.

    finished: of a job that was stopped; a batch all of whose texts are there is not computed again.
    """
    finished = finished or nothing_finished()
    sums: dict[SupervisedText, float | None] = {}
    distinct = [text for text in dict.fromkeys(texts) if text.supervised]
    report = progress.part(len(texts), len(distinct)) if progress is not None else None
    lengths, reads = [len(text.ids) for text in distinct], [len(text.supervised) for text in distinct]
    for batch in batches(lengths, slots=slots, reads=reads, vocabulary=vocabulary_size(model)):
        together = [distinct[number] for number in batch]
        nlls = finished.get(together)
        if nlls is None:
            nlls = [nll if math.isfinite(nll) else None for nll in _batch_nll(model, together)]
            finished.add(zip(together, nlls, strict=True))
        sums.update(zip(together, nlls, strict=True))
        if report is not None:
            report(len(batch))
    return [sums.get(text) for text in texts]


@torch.inference_mode()
def _batch_nll(model: PreTrainedModel, texts: Sequence[SupervisedText]) -> list[float]:
    """One forward pass, and one over what all texts begin with, where they do; padding on the right is never attended
    to by the tokens before it."""
    device = model.device
    beginning = counted_prefix(model, [text.ids[: text.supervised[0]] for text in texts])
    before = 0 if beginning is None else beginning.length
    cached = {"use_cache": False} if beginning is None else {"use_cache": True, "past_key_values": beginning.cache}
    ids = padded([text.ids[before:] for text in texts], fill=0).to(device)
    owners = torch.tensor([row for row, text in enumerate(texts) for _ in text.supervised])
    columns = torch.tensor([position for text in texts for position in text.supervised])
    rows, columns = owners.to(device), columns.to(device) - before
    tokens = sum(len(text.ids) - before for text in texts)
    logits = counted_logits(model, rows, columns - 1, tokens=tokens, behind=before, input_ids=ids, **cached)
    logprobs, _ = token_logprobs(logits, ids[rows, columns])
    return torch.zeros(len(texts), dtype=torch.float64).index_add_(0, owners, -logprobs.cpu().double()).tolist()


def _measures(task: str, total: float, tokens: int, size: int, *, n: int, missing: int) -> tuple[Measure, ...]:
    nll = total / tokens if tokens else None
    values = {
        "nll": nll,
        "perplexity": math.exp(nll) if nll is not None and nll < 700 else None,
        "bits_per_byte": total / math.log(2) / size if size else None,
    }
    return tuple(
        Measure(
            task=task,
            metric=name,
            value=value,
            n=n,
            missing=missing,
            higher_is_better=False,
            binary=False,
            chance=None,
            headline=name == "nll",
            per_example=name == "nll",
        )
        for name, value in values.items()
    )


def _rows(
    spec: LossSpec, subject: Subject, rows: Sequence[Row], texts: Sequence[SupervisedText], sums: Sequence[float | None]
) -> tuple[ScoreRow, ...]:
    return tuple(
        ScoreRow(
            task=spec.name,
            id=id_,
            metrics={"nll": None if nll is None else nll / len(text.supervised)},
            weight=float(max(1, len(text.supervised))),  # without any it has no score, and still needs a weight
            prompt=subject.renderer.prompt_text(row.turns[:-1]) if text.ids else "",
            target=row.turns[-1].content,
            cluster=cluster_of_row(row, spec.cluster),
            slices=slices_of_row(row, spec.slices),
            unscored=_reason(text) if nll is None else None,
        )
        for id_, row, text, nll in zip(row_ids(rows), rows, texts, sums, strict=True)
    )


def _reason(text: SupervisedText) -> str:
    if not text.ids:
        return NOT_PRINTED
    return NOT_FINITE if text.supervised else "nothing supervised is left within the context"


def _bytes(subject: Subject, text: SupervisedText) -> int:
    """UTF-8 bytes of the supervised text; special tokens have none."""
    ids = [text.ids[position] for position in text.supervised]
    return len(str(subject.tokenizer.decode(ids, skip_special_tokens=True)).encode())
