"""Exact match: the answer is one of the references, letter by letter, but for white space around it."""

from collections.abc import Sequence
from typing import Any

import evaluate

from bench.evals.metrics import text_metric
from bench.text import exact_match


class ExactMatch(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
    """`exact_match`: 0 or 1 for each answer."""

    def _info(self) -> Any:
        return text_metric(__doc__)

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        return {"exact_match": list(map(exact_match, predictions, references))}
