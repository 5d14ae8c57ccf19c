"""What batches cost in floating-point operations: as the model needs them, and as a device computes them.

Contract: pure counts of the batches. Model operations (the numerator of MFU) leave padding out, let each row see itself
alone, and have the head at supervised positions; hardware operations (of HFU) are those of whole padded sequences, of
the head where it really was applied, and of the forward pass that gradient checkpointing repeats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.model.flops import Work
from bench.train.example import Batch, Example, length

_NOTHING = Work(positions=0, pairs=0, head_positions=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Learned tokens before each row. A prefix is keys and values in every layer, and no position of its own."""

    tokens: int = 0
    prefix: bool = False

    def work(self, tokens: int, head_positions: int) -> Work:
        """Of one sequence of so many tokens of text."""
        positions = tokens + (0 if self.prefix else self.tokens)
        return Work(positions=positions, pairs=positions * (tokens + self.tokens), head_positions=head_positions)


def row_work(example: Example, prompt: Prompt) -> Work:
    """What one row needs."""
    return prompt.work(example.tokens, example.supervised_tokens)


def model_work(batches: Iterable[Batch], prompt: Prompt) -> Work:
    """What the rows of `batches` need."""
    rows = (example for batch in batches for sequence in batch for example in sequence)
    return sum((row_work(example, prompt) for example in rows), start=_NOTHING)


def hardware_work(batches: Iterable[Batch], prompt: Prompt, *, head_everywhere: bool) -> Work:
    """What is computed for `batches`, padding included."""
    work = _NOTHING
    for batch in batches:
        width = max(length(sequence) for sequence in batch)
        for sequence in batch:
            supervised = sum(example.supervised_tokens for example in sequence)
            work += prompt.work(width, width if head_everywhere else supervised)
    return work
