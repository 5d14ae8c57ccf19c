"""chrF2 (Popović 2015) by sacreBLEU: character n-grams up to 6, recall weighted twice, 0 to 100."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import evaluate
from sacrebleu.metrics.chrf import CHRF

from bench.evals.metrics import text_metric


class Chrf(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
    """`chrf` of the corpus with `chrf_statistics` for each answer (18 counts), and `sentence_chrf`."""

    def _info(self) -> Any:
        return text_metric(__doc__)

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        chrf = CHRF()
        pairs = list(zip(predictions, references, strict=True))
        # One answer at a time: each may have a number of references of its own.
        counts = [chrf._extract_corpus_statistics([p], [[text] for text in texts])[0] for p, texts in pairs]
        total = [sum(column) for column in zip(*counts, strict=True)]
        return {
            "chrf": chrf._compute_score_from_stats(total).score,
            "chrf_statistics": counts,
            "sentence_chrf": [chrf.sentence_score(p, list(texts)).score for p, texts in pairs],
        }
