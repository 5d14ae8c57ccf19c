"""Floating-point operations of batches: as the model needs them, and as a device computes them.

Contract: pure counts of the batches. Model operations (the numerator of MFU) leave padding out, let each row see itself
alone, and have the head at supervised positions; hardware operations (of HFU) are those of whole padded sequences, of
the head where it really was applied, and of the forward pass that gradient checkpointing repeats.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from peft import PeftConfig, PeftType

from bench.model.size.flops import Work
from bench.train.batches.encoded_row import Batch, EncodedRow, length

_NOTHING = Work(positions=0, pairs=0, head_positions=0)
_PASS = Work(positions=0, pairs=0, head_positions=0, passes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftPrompt:
    """Learned tokens before each row. A prefix is keys and values in every layer, and no position of its own."""

    tokens: int = 0
    prefix: bool = False

    def work(self, tokens: int, head_positions: int) -> Work:
        """Work of one sequence of so many tokens of text."""
        positions = tokens + (0 if self.prefix else self.tokens)
        return Work(positions=positions, pairs=positions * (tokens + self.tokens), head_positions=head_positions)


def prompt_of(adapter: PeftConfig | None) -> SoftPrompt:
    """Learned prompt that `adapter` puts before each row."""
    if adapter is None or not adapter.is_prompt_learning:
        return SoftPrompt()
    return SoftPrompt(tokens=int(adapter.num_virtual_tokens), prefix=adapter.peft_type == PeftType.PREFIX_TUNING)


def row_work(example: EncodedRow, prompt: SoftPrompt) -> Work:
    """Work of one row, without the pass that the row is part of."""
    return prompt.work(example.tokens, example.supervised_tokens)


def model_work(batches: Iterable[Batch], prompt: SoftPrompt) -> Work:
    """Work that the rows of `batches` need."""
    work = _NOTHING
    for batch in batches:
        rows = (row_work(example, prompt) for sequence in batch for example in sequence)
        work += sum(rows, start=_PASS)
    return work


def hardware_work(batches: Iterable[Batch], prompt: SoftPrompt, *, head_everywhere: bool) -> Work:
    """Work that is computed for `batches`, padding included."""
    work = _NOTHING
    for batch in batches:
        work += _PASS
        width = max(length(sequence) for sequence in batch)
        for sequence in batch:
            supervised = sum(example.supervised_tokens for example in sequence)
            work += prompt.work(width, width if head_everywhere else supervised)
    return work
