"""`kind = "loss"`: held-out negative log-likelihood per supervised token, on rows rendered as training rows are.

Contract: an example's score is the mean over its supervised tokens, in nats, and its weight their number; so the
measure `nll` is the mean over all supervised tokens. `perplexity` is its exponential. `bits_per_byte` divides the same
sum, in bits, by the UTF-8 bytes of the supervised text, and so compares across tokenizers. A diagnostic, not a ranking:
the LIMA paper (Zhou et al. 2023) found it anti-correlated with the quality of answers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel

from bench.data.render.render import Rendered
from bench.data.render.row import Row
from bench.emit import Emit
from bench.evals.inference.partial_replies import FinishedReplies, ReplyKind, nothing_finished
from bench.evals.inference.scoring.layer_rows import batch_order, row_passes
from bench.evals.inference.scoring.scored_text import ScoredText
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
from bench.model.forward import SLOTS
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import Measure, ScoreRow
from bench.suite.tables.evals.loss import LossSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class _Example:
    """One row as all subjects of a base read it."""

    text: ScoredText
    size: int
    """UTF-8 bytes of the supervised text."""
    truncated: bool
    row: ScoreRow
    """Without its score."""

    def scored(self, nll: float | None) -> ScoreRow:
        """The row with the negative log-likelihood of its supervised tokens, or the reason why it has none."""
        mean = None if nll is None else nll / len(self.text.scored)
        reason = _reason(self.text) if nll is None else None
        return self.row.model_copy(update={"metrics": {"nll": mean}, "unscored": reason})


_NLL: ReplyKind[ScoredText, float | None] = ReplyKind(
    "nll", lambda text: {"ids": text.ids, "scored": text.scored}, float, placeholder=0.0
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
    total, tokens = math.fsum(nll for _, nll in kept), sum(len(example.text.scored) for example, _ in kept)
    size, missing = sum(example.size for example, _ in kept), len(examples) - len(kept)
    return EvalOutput(
        rows=tuple(example.scored(nll) for example, nll in zip(examples, sums, strict=True)),
        measures=_measures(spec.name, total, tokens, size, n=len(kept), missing=missing),
        template=subject.renderer.template.name,
        batch=f"{batch_order(subject.model)}, at most {subject.slots} slots",
        truncated=sum(example.truncated for example in examples),
    )


def supervised_text(row: Rendered) -> ScoredText:
    """The tokens of a rendered row that a loss is taken over; never the first, which nothing predicts."""
    supervised = tuple(at for at, counts in enumerate(row.labels_mask) if counts and at > 0)
    return ScoredText(ids=tuple(row.input_ids), scored=supervised)


def summed_nll(
    model: PreTrainedModel,
    texts: Sequence[ScoredText],
    progress: ExampleProgress | None = None,
    *,
    slots: int = SLOTS,
    finished: FinishedReplies[ScoredText, float | None] | None = None,
) -> list[float | None]:
    """Negative log-likelihood of each text's supervised tokens, in nats; `None` where none is, or it is not finite. The
    same text is computed once.

    finished: of a job that was stopped; a batch all of whose texts are there is not computed again.
    """
    finished = finished or nothing_finished()
    sums: dict[ScoredText, float | None] = {}
    distinct = [text for text in dict.fromkeys(texts) if text.scored]
    report = progress.part(len(texts), len(distinct)) if progress is not None else None
    for one in row_passes(model, distinct, slots=slots):
        nlls = finished.get(one.texts)
        if nlls is None:
            nlls = [-score.logprob if math.isfinite(score.logprob) else None for score in one.scores()]
            finished.add(zip(one.texts, nlls, strict=True))
        sums.update(zip(one.texts, nlls, strict=True))
        if report is not None:
            report(len(one.texts))
    return [sums.get(text) for text in texts]


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
            weight=float(max(1, len(text.scored))),  # without any it has no score, and still needs a weight
            prompt=subject.renderer.prompt_text(row.turns[:-1]) if text.ids else "",
            target=row.turns[-1].content,
            cluster=cluster_of_row(row, spec.cluster),
            slices=slices_of_row(row, spec.slices),
        )
        examples.append(_Example(text=text, size=_bytes(subject, text), truncated=printed.truncated, row=scores))
    return examples


def _reason(text: ScoredText) -> str:
    if not text.ids:
        return NOT_PRINTED
    return NOT_FINITE if text.scored else "nothing supervised is left within the context"


def _bytes(subject: Subject, text: ScoredText) -> int:
    """UTF-8 bytes of the supervised text; special tokens have none."""
    ids = [text.ids[position] for position in text.scored]
    return len(str(subject.tokenizer.decode(ids, skip_special_tokens=True)).encode())
