"""sacreBLEU's private names: an upgrade that renames one must fail here."""

import inspect

import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF


@pytest.mark.parametrize("metric", [BLEU, CHRF])
def test_sacrebleu_counts_one_answer_at_a_time(metric: type) -> None:
    assert list(inspect.signature(metric._extract_corpus_statistics).parameters)[1:] == ["hypotheses", "references"]
    assert list(inspect.signature(metric._compute_score_from_stats).parameters)[1:] == ["stats"]
