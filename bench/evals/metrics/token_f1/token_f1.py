"""Token F1: precision and recall over lower-cased words as bags, the best of the references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import evaluate

from bench.evals.generated.text_norm import bag_f1, words
from bench.evals.metrics import text_metric


class TokenF1(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
    """`token_f1`: 0 to 1 for each answer, `None` where no reference holds a word."""

    def _info(self) -> Any:
        return text_metric(__doc__)

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        pairs = zip(predictions, references, strict=True)
        return {"token_f1": [_best(words(said), [words(text) for text in texts]) for said, texts in pairs]}


def _best(said: Sequence[str], wanted: Sequence[Sequence[str]]) -> float | None:
    usable = [reference for reference in wanted if reference]
    return max(bag_f1(said, reference) for reference in usable) if usable else None
