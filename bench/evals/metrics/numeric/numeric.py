"""Numeric answer (GSM8K, Cobbe et al. 2021): the number after `####`, else the last one, equals a reference's."""

from collections.abc import Sequence
from typing import Any

import evaluate

from bench.evals.metrics import text_metric
from bench.text import numeric_match


class Numeric(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
    """`numeric`: 0 or 1 for each answer, `None` where no reference holds a number."""

    def _info(self) -> Any:
        return text_metric(__doc__)

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        return {"numeric": list(map(numeric_match, predictions, references))}
