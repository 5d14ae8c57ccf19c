"""chrF2 (Popović 2015) by sacreBLEU: character n-grams up to 6, recall weighted twice, 0 to 100."""

from collections.abc import Sequence
from typing import Any

import evaluate
from sacrebleu.metrics.chrf import CHRF

from bench.evals.metrics import text_metric
from bench.evals.metrics.sacrebleu_private import corpus_score


class Chrf(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
    """`chrf` of the corpus with `chrf_statistics` for each answer (18 counts), and `sentence_chrf`."""

    def _info(self) -> Any:
        return text_metric(__doc__)

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        chrf = CHRF()
        pairs = list(zip(predictions, references, strict=True))
        score, counts = corpus_score(chrf, pairs)
        return {
            "chrf": score,
            "chrf_statistics": counts,
            "sentence_chrf": [chrf.sentence_score(p, list(texts)).score for p, texts in pairs],
        }
