"""A text whose tokens are asked for, and what a pass says of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredText:
    """Token ids of one row and the positions that are scored, in order; the first position never is."""

    ids: tuple[int, ...]
    scored: tuple[int, ...]

    @classmethod
    def behind(cls, context: tuple[int, ...], continuation: tuple[int, ...]) -> Self:
        """A continuation behind its context, neither empty."""
        ids = context + continuation
        return cls(ids=ids, scored=tuple(range(len(context), len(ids))))

    @property
    def context(self) -> tuple[int, ...]:
        """What is before the first scored token."""
        return self.ids[: self.scored[0]]

    @property
    def targets(self) -> list[int]:
        """Ids of the scored tokens."""
        return [self.ids[position] for position in self.scored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Score of one text."""

    logprob: float
    """Natural logarithm, summed over the scored tokens; not finite where the model's output is not."""
    greedy: bool
    """Whether greedy decoding would have produced them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPass:
    """Texts that are computed together."""

    texts: Sequence[ScoredText]
    scores: Callable[[], list[Score]]
    """Computes them, in the order of `texts`."""


def summed(texts: Sequence[ScoredText], logprobs: Tensor, greedy: Tensor) -> list[Score]:
    """Scores from each scored token's log-probability, text by text, and whether it is the argmax."""
    owners = torch.tensor([number for number, text in enumerate(texts) for _ in text.scored])
    sums = torch.zeros(len(texts), dtype=torch.float64).index_add_(0, owners, logprobs.cpu().double())
    misses = torch.zeros(len(texts), dtype=torch.long).index_add_(0, owners, (~greedy).cpu().long())
    return [
        Score(logprob=total, greedy=missed == 0) for total, missed in zip(sums.tolist(), misses.tolist(), strict=True)
    ]
