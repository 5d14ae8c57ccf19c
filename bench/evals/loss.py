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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Example:
    """One row as all subjects of a base read it."""

    text: SupervisedText
    size: int
    """UTF-8 bytes of the supervised text."""
    truncated: bool
    row: ScoreRow
    """Without its score."""

    def scored(self, nll: float | None) -> ScoreRow:
        """The row with the negative log-likelihood of its supervised tokens, or the reason why it has none."""
        mean = None if nll is None else nll / len(self.text.supervised)
        reason = _reason(self.text) if nll is None else None
        return self.row.model_copy(update={"metrics": {"nll": mean}, "unscored": reason})


_NLL: ReplyKind[SupervisedText, float | None] = ReplyKind(
    "nll", lambda text: {"ids": text.ids, "supervised": text.supervised}, float, placeholder=0.0
)


def evaluate_loss(job: EvalJob, subject: Subject, emit: Emit) -> EvalOutput:
    """Scores a subject on the eval's rows."""
    spec = job.eval
    assert isinstance(spec, LossSpec), "chosen by kind"
    examples = subject.prepared.get("loss", lambda: _examples(spec, subject, list(subject.rows(job))))
    progress = ExampleProgress(emit, len(examples))
    sums = subject.memory.through(
        _NLL,
        [example.text for example in examples],
        lambda new, finished: summed_nll(subject.model, new, progress, slots=subject.slots, finished=finished),
        is_reply=lambda nll: nll is not None,
        recalled=lambda count: progress.part(count, 1)(1),
    )
    kept = [(example, nll) for example, nll in zip(examples, sums, strict=True) if nll is not None]
    total, tokens = math.fsum(nll for _, nll in kept), sum(len(example.text.supervised) for example, _ in kept)
    size, missing = sum(example.size for example, _ in kept), len(examples) - len(kept)
    return EvalOutput(
        rows=tuple(example.scored(nll) for example, nll in zip(examples, sums, strict=True)),
        measures=_measures(spec.name, total, tokens, size, n=len(kept), missing=missing),
        template=subject.renderer.template.name,
        batch=f"by length, at most {subject.slots} slots",
        truncated=sum(example.truncated for example in examples),
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


def _examples(spec: LossSpec, subject: Subject, rows: Sequence[Row]) -> list[_Example]:
    examples = []
    for id_, row in zip(row_ids(rows), rows, strict=True):
        printed = rendered(subject, row)
        text = supervised_text(printed)
        scores = ScoreRow(
            task=spec.name,
            id=id_,
            metrics={},
            weight=float(max(1, len(text.supervised))),  # without any it has no score, and still needs a weight
            prompt=subject.renderer.prompt_text(row.turns[:-1]) if text.ids else "",
            target=row.turns[-1].content,
            cluster=cluster_of_row(row, spec.cluster),
            slices=slices_of_row(row, spec.slices),
        )
        examples.append(_Example(text=text, size=_bytes(subject, text), truncated=printed.truncated, row=scores))
    return examples


def _reason(text: SupervisedText) -> str:
    if not text.ids:
        return NOT_PRINTED
    return NOT_FINITE if text.supervised else "nothing supervised is left within the context"


def _bytes(subject: Subject, text: SupervisedText) -> int:
    """UTF-8 bytes of the supervised text; special tokens have none."""
    ids = [text.ids[position] for position in text.supervised]
    return len(str(subject.tokenizer.decode(ids, skip_special_tokens=True)).encode())
