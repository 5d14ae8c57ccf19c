"""A subject without a model, for rehearsals: whatever is asked of it, it answers without a forward pass.

Contract: prompts are rendered and tokenised as for any subject; scores and answers are invented, and equal each time.
Token ids that the model has no embedding for raise `InputError`, as they would end its first forward pass.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from bench.data.render.refused_rows import check_embedded
from bench.evals.inference.counted_generator import CountedGenerator
from bench.evals.inference.generation.request import Generation, GenerationRequest
from bench.evals.inference.partial_replies import FinishedReplies
from bench.evals.inference.scoring.scored_text import Score
from bench.evals.inference.scoring.scorer import ContinuationPair, Scorer
from bench.evals.subject.subject import Subject
from bench.record.results.evals.evaluation import Generated

ANSWER = "The answer is 1."
"""The invented answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MockSubject(Subject):
    """A subject without a model (`model` is `None`): short continuations are likely, every answer is `ANSWER`."""

    embedded: int | None = None
    """Tokens that the model can embed; `None`: all of the tokenizer's."""

    def scorer(self) -> Scorer:
        """Scores without passes."""
        return _MockScorer(slots=self.slots, look=self.look)

    def generator(self) -> CountedGenerator:
        """Answers without passes."""
        return _MockGenerator(model=self.model, tokenizer=self.tokenizer, slots=self.slots, look=self.look)

    def look(self, asked: Iterable[Sequence[int]]) -> None:
        """Raises `InputError` for token ids that the model cannot embed."""
        if self.embedded is not None:
            ids = chain.from_iterable(asked)
            check_embedded(self.renderer, ids, self.embedded, None, of="a prompt, or an answer that is scored,")


LookAtIds = Callable[[Iterable[Sequence[int]]], None]


class _MockScorer(Scorer):
    def __init__(self, *, slots: int, look: LookAtIds) -> None:
        self.slots, self.shared, self.decoder, self._look = slots, True, None, look

    def score(
        self,
        pairs: Sequence[ContinuationPair],
        report: Callable[[int], None] = lambda _: None,
        finished: FinishedReplies[ContinuationPair, Score] | None = None,
    ) -> list[Score]:
        self._look(chain.from_iterable(pairs))
        report(len(set(pairs)))
        return [Score(logprob=-float(len(continuation)), greedy=False) for _, continuation in pairs]


@dataclass(slots=True, kw_only=True)
class _MockGenerator(CountedGenerator):
    look: LookAtIds

    def draw(self, requests: Sequence[GenerationRequest], report: Callable[[int], None]) -> list[Generation | None]:
        self.look(request.prompt for request in requests)
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
