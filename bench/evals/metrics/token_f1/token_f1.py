"""Token F1: precision and recall over lower-cased words as bags, the best of the references."""

from collections.abc import Sequence
from typing import Any

import evaluate

from bench.evals.metrics import text_metric
from bench.text import token_f1


class TokenF1(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
    """`token_f1`: 0 to 1 for each answer, `None` where no reference holds a word."""

    def _info(self) -> Any:
        return text_metric(__doc__)

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        return {"token_f1": list(map(token_f1, predictions, references))}
