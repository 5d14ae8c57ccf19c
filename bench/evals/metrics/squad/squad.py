"""SQuAD's exact match and F1 (Rajpurkar et al. 2016), on 0 to 1: the best of the references."""

from collections.abc import Sequence
from typing import Any

import evaluate

from bench.evals.metrics import text_metric
from bench.text import bag_f1, squad_form


class Squad(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
    """`squad_em`, 0 or 1, and `squad_f1`, 0 to 1, for each answer."""

    def _info(self) -> Any:
        return text_metric(__doc__)

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        answers = [squad_form(prediction) for prediction in predictions]
        wanted = [[squad_form(reference) for reference in texts] for texts in references]
        pairs = list(zip(answers, wanted, strict=True))
        return {
            "squad_em": [float(answer in texts) for answer, texts in pairs],
            "squad_f1": [max(bag_f1(answer.split(), text.split()) for text in texts) for answer, texts in pairs],
        }
