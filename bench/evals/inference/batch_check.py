"""Tokens and seconds of a subject's answers, and whether an answer depended on its batch.

Contract: some answers, evenly spread, are generated again alone; one that comes out different depended on its batch.
The same lone prompts give the time to a first token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bench.evals.inference.forward import SLOTS
from bench.evals.inference.generation import Generation, GenerationRequest, generate
from bench.record.results.evaluation import Generated

CHECKED = 3
"""Answers that are generated again alone at full precision, where a difference would be a fault of every batch."""
CHECKED_ROUNDED = 16
"""Most answers generated again alone at half precision, where rounding makes some depend on their batch; one in
`_OF_ANSWERS`, so that the check of a short eval takes no longer than the eval."""
_OF_ANSWERS = 8
CHECKED_TOKENS = 32
"""Tokens of each such answer, at most."""


@dataclass(slots=True, kw_only=True)
class CountedGenerator:
    """Generates answers with one model, and counts tokens and seconds."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    slots: int = SLOTS
    asked: list[GenerationRequest] = field(default_factory=list)
    said: list[Generation | None] = field(default_factory=list)
    seconds: float = 0.0
    """Seconds in generation, without the checks."""

    @property
    def tokens(self) -> int:
        """Tokens of all answers, the tokens that end an answer included."""
        return sum(len(answer.ids) for answer in self.said if answer is not None)

    def draw(self, requests: Sequence[GenerationRequest], report: Callable[[int], None]) -> list[Generation | None]:
        """Answers in the order of `requests`; as `generate` gives them."""
        started = time.perf_counter()
        generations = generate(self.model, self.tokenizer, requests, slots=self.slots, report=report)
        self.seconds += time.perf_counter() - started
        self.asked += requests
        self.said += generations
        return generations

    def account(self, *, samples: int) -> Generated:
        """The figures of all answers so far, `samples` to a prompt; makes a few of them again, alone."""
        checked = CHECKED
        if self.model.dtype != torch.float32:
            checked = max(CHECKED, min(CHECKED_ROUNDED, len(self.said) // _OF_ANSWERS))
        chosen = _spread([at for at, answer in enumerate(self.said) if answer is not None and answer.ids], checked)
        delays = [self._first_token_seconds(self.asked[at]) for at in [*chosen[:1], *chosen]][1:]
        return Generated(
            answers=len(self.said),
            samples=samples,
            temperature=max(
                (request.sampling.temperature for request in self.asked if request.sampling is not None), default=0.0
            ),
            tokens=self.tokens,
            seconds=self.seconds,
            tokens_per_second=self.tokens / self.seconds if self.tokens and self.seconds else None,
            first_token_seconds=median(delays) if delays else None,
            checked=len(chosen),
            differed=sum(self._differs_alone(at) for at in chosen),
        )

    def _first_token_seconds(self, request: GenerationRequest) -> float:
        started = time.perf_counter()
        generate(self.model, self.tokenizer, [replace(request, max_new_tokens=1)])
        return time.perf_counter() - started

    def _differs_alone(self, at: int) -> bool:
        request, generation = self.asked[at], self.said[at]
        short = replace(request, max_new_tokens=min(request.max_new_tokens, CHECKED_TOKENS))
        (again,) = generate(self.model, self.tokenizer, [short])
        return generation is None or again is None or again.ids != generation.ids[: short.max_new_tokens]


def describe_check(generated: Generated) -> str:
    """The result of the check in words, for the record."""
    if not generated.checked:
        return "none generated again alone"
    if not generated.differed:
        return f"{generated.checked} answers generated again alone came out the same"
    return f"{generated.differed} of {generated.checked} answers came out different when generated alone"


def _spread(positions: Sequence[int], count: int) -> list[int]:
    """`count` of the positions, evenly spread."""
    if len(positions) <= count:
        return list(positions)
    return [positions[number * (len(positions) - 1) // (count - 1)] for number in range(count)]
