"""What the forward passes of an eval were given: tokens, slots, and the work that operations follow from.

Contract: a pass of scoring or generation counts as it is made; trials of what a model can do do not. Every kind of eval
that loads a subject makes its passes here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor
from transformers import PreTrainedModel

from bench.model.forward import logits_at, narrows_head
from bench.model.shared_prefix import SharedPrefix, shared_prefix
from bench.model.size.flops import Work


@dataclass(slots=True)
class PassCounts:
    """Sums over the passes of one model so far."""

    tokens: int = 0
    """Non-padding tokens that passed through the model. What a batch begins with counts once, as it is computed once;
    an answer's last token does not, for no pass reads it."""
    slots: int = 0
    """Rows × padded length."""
    work: Work = Work(positions=0, pairs=0, head_positions=0)  # noqa: RUF009  # frozen

    def add(self, *, tokens: int, rows: int, width: int, behind: int, reads: int) -> None:
        """One pass of `rows` rows of `width` columns behind `behind` cached ones; the head ran at `reads` positions."""
        self.tokens += tokens
        self.slots += rows * width
        self.work += Work(positions=rows * width, pairs=rows * width * (behind + width), head_positions=reads, passes=1)

    def add_rows(self, lengths: Sequence[int], behind: Sequence[int], *, reads: int) -> None:
        """One pass over rows of these lengths, each behind so many other columns, without padding; the head ran at
        `reads` positions."""
        tokens = sum(lengths)
        self.tokens += tokens
        self.slots += tokens
        pairs = sum(length * (before + length) for length, before in zip(lengths, behind, strict=True))
        self.work += Work(positions=tokens, pairs=pairs, head_positions=reads, passes=1)


_PASSES: WeakKeyDictionary[PreTrainedModel, PassCounts] = WeakKeyDictionary()


def pass_counts(model: PreTrainedModel) -> PassCounts:
    """Sums over all passes of `model` so far; every pass adds to them."""
    return _PASSES.setdefault(model, PassCounts())


def count_from_here(model: PreTrainedModel) -> PassCounts:
    """Sums over the passes of `model` from now on: one model may serve several evals."""
    _PASSES[model] = PassCounts()
    return _PASSES[model]


@contextmanager
def uncounted(model: PreTrainedModel) -> Iterator[None]:
    """While open, passes of `model` are a trial."""
    passes = pass_counts(model)
    before = replace(passes)
    try:
        yield
    finally:
        passes.tokens, passes.slots, passes.work = before.tokens, before.slots, before.work


def counted_logits(
    model: PreTrainedModel, rows: Tensor, columns: Tensor, *, tokens: int, behind: int, **inputs: Any
) -> Tensor:
    """`logits_at`, counted: `tokens` of the inputs are not padding, each row follows `behind` cached columns."""
    ids = inputs["input_ids"]
    logits = logits_at(model, rows, columns, **inputs)
    reads = rows.numel() if narrows_head(model) else ids.numel()
    pass_counts(model).add(tokens=tokens, rows=ids.shape[0], width=ids.shape[1], behind=behind, reads=reads)
    return logits


def counted_prefix(model: PreTrainedModel, rows: Sequence[Sequence[int]]) -> SharedPrefix | None:
    """`shared_prefix`, counted: one pass over one row."""
    beginning = shared_prefix(model, rows)
    if beginning is not None:
        length = beginning.length
        reads = beginning.logits.shape[0] if narrows_head(model) else length
        pass_counts(model).add(tokens=length, rows=1, width=length, behind=0, reads=reads)
    return beginning
