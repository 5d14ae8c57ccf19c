"""A subject without a model, for rehearsals: whatever is asked of it, it answers without a forward pass.

Contract: prompts are rendered and tokenised as for any subject; scores and answers are invented, and equal each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.evals.inference.batch_check import CountedGenerator
from bench.evals.inference.forward import SLOTS
from bench.evals.inference.generation_request import Generation, GenerationRequest
from bench.evals.inference.scoring import ContinuationPair, Score, Scorer
from bench.evals.subject import Subject
from bench.record.results.evaluation import Generated

ANSWER = "The answer is 1."
"""The invented answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MockSubject(Subject):
    """A subject without a model (`model` is `None`): short continuations are likely, every answer is `ANSWER`."""

    def scorer(self, *, slots: int = SLOTS) -> Scorer:
        """Scores without passes."""
        return _MockScorer(slots=slots)

    def generator(self, *, slots: int = SLOTS) -> CountedGenerator:
        """Answers without passes."""
        return _MockGenerator(model=self.model, tokenizer=self.tokenizer, slots=slots)


class _MockScorer(Scorer):
    def __init__(self, *, slots: int) -> None:
        self.slots, self.shared = slots, True

    def score(self, pairs: Sequence[ContinuationPair], report: Callable[[int], None] = lambda _: None) -> list[Score]:
        report(len(set(pairs)))
        return [Score(logprob=-float(len(continuation)), greedy=False) for _, continuation in pairs]


@dataclass(slots=True, kw_only=True)
class _MockGenerator(CountedGenerator):
    def draw(self, requests: Sequence[GenerationRequest], report: Callable[[int], None]) -> list[Generation | None]:
        ids = tuple(self.tokenizer(ANSWER, add_special_tokens=False)["input_ids"])
        answers: list[Generation | None] = [Generation(text=ANSWER, ids=ids, ended=True) for _ in requests]
        self.asked += requests
        self.said += answers
        report(len(requests))
        return answers

    def account(self, *, samples: int) -> Generated:
        return Generated(
            answers=len(self.said),
            samples=samples,
            temperature=0.0,
            tokens=self.tokens,
            seconds=0.0,
            tokens_per_second=None,
            first_token_seconds=None,
            checked=0,
            differed=0,
        )
