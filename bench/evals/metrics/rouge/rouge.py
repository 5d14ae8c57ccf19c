"""ROUGE-1, -2 and -L F-measures (Lin 2004) by `rouge_score`, without stemming: the best of the references.

Words are runs of letters and digits of any script; the package's own tokenizer knows ASCII only and would score every
other script 0. In English both see the same words.
"""

from collections.abc import Sequence
from typing import Any

import evaluate
from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]  # it ships no types

from bench.evals.metrics import text_metric
from bench.text import words

_NAMES = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}


class _Words:
    def tokenize(self, text: str) -> list[str]:
        """The interface that `rouge_score` asks for."""
        return words(text)


class Rouge(evaluate.Metric):  # type: ignore[misc]  # evaluate is not typed
    """`rouge_1`, `rouge_2`, `rouge_l`: 0 to 1 for each answer, `None` where no reference holds a word."""

    def _info(self) -> Any:
        return text_metric(__doc__)

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        scorer = RougeScorer(list(_NAMES.values()), tokenizer=_Words())
        scored = [
            scorer.score_multi(usable, prediction) if (usable := [text for text in texts if words(text)]) else None
            for prediction, texts in zip(predictions, references, strict=True)
        ]
        return {
            name: [None if scores is None else float(scores[key].fmeasure) for scores in scored]
            for name, key in _NAMES.items()
        }
