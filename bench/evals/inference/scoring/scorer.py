"""Log-probabilities of continuations, with every distinct context computed once.

Contract: `Scorer.score` gives for each (context, continuation) pair of token ids what a forward pass over that pair
alone would give, within rounding (1e-4 in fp32), and the same pair always gets the same score.
"""

from collections.abc import Callable, Iterator, Sequence

from transformers import PreTrainedModel

from bench.evals.inference.partial_replies import FinishedReplies, ReplyKind, nothing_finished
from bench.evals.inference.scoring.layer_trees import honours_trees, tree_passes
from bench.evals.inference.scoring.native_trees import native_passes
from bench.evals.inference.scoring.scored_text import Score, ScoredText, ScoringPass
from bench.model.forward import SLOTS
from bench.model.native_trial import native

ContinuationPair = tuple[tuple[int, ...], tuple[int, ...]]
"""Context ids and continuation ids, neither empty."""

SCORE: ReplyKind[ContinuationPair, Score] = ReplyKind(
    "score", list, Score, placeholder=Score(logprob=0.0, greedy=False)
)


class Scorer:
    """Scores pairs with one model."""

    def __init__(self, model: PreTrainedModel, *, slots: int = SLOTS, shared: bool | None = None) -> None:
        """shared: by the model's layers, where it has no passes in C++; `None`: if it passes the trial."""
        self.model = model
        self.slots = slots
        self.decoder = native(model)
        self.shared = shared if shared is not None else self.decoder is not None or honours_trees(model)

    @property
    def batch(self) -> str:
        """What choices of one pass have in common, for the record."""
        if self.decoder is not None:
            return "choices that begin alike together, in C++"
        return "choices behind one context" if self.shared else "each choice with its own context"

    def score(
        self,
        pairs: Sequence[ContinuationPair],
        report: Callable[[int], None] = lambda _: None,
        finished: FinishedReplies[ContinuationPair, Score] | None = None,
    ) -> list[Score]:
        """Scores in the order of `pairs`; `report` hears how many distinct pairs were finished by each pass.

        finished: of a job that was stopped; a pass all of whose pairs are there is not made again.
        """
        finished = finished or nothing_finished()
        asked = {ScoredText.behind(*pair): pair for pair in pairs}
        scores: dict[ContinuationPair, Score] = {}
        for one in self._passes(list(asked)):
            together = [asked[text] for text in one.texts]
            kept = finished.get(together)
            if kept is None:
                kept = one.scores()
                finished.add(zip(together, kept, strict=True))
            scores.update(zip(together, kept, strict=True))
            report(len(together))
        return [scores[pair] for pair in pairs]

    def _passes(self, texts: Sequence[ScoredText]) -> Iterator[ScoringPass]:
        if self.decoder is not None:
            return native_passes(self.model, self.decoder, texts, slots=self.slots)
        return tree_passes(self.model, texts, slots=self.slots, shared=self.shared)
