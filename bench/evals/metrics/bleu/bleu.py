"""BLEU-4 (Papineni et al. 2002) by sacreBLEU: words as 13a cuts them, exponential smoothing, 0 to 100."""

from collections.abc import Sequence
from typing import Any

import evaluate
from sacrebleu.metrics.bleu import BLEU

from bench.evals.metrics import text_metric
from bench.evals.metrics.sacrebleu_private import corpus_score


class Bleu(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
    """`bleu` of the corpus with `bleu_statistics` for each answer (10 counts), and `sentence_bleu`."""

    def _info(self) -> Any:
        return text_metric(__doc__)

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        corpus, sentence = BLEU(force=True), BLEU(force=True, effective_order=True)
        pairs = list(zip(predictions, references, strict=True))
        score, counts = corpus_score(corpus, pairs)
        return {
            "bleu": score,
            "bleu_statistics": counts,
            "sentence_bleu": [sentence.sentence_score(p, list(texts)).score for p, texts in pairs],
        }
