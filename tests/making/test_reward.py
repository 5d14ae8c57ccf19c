"""Rules and metrics that choose between samples: a wrong one trains on wrong answers."""

import pytest

from bench.making.reward import reward
from bench.making.spec import SimilarityScorer, Verifier


@pytest.mark.parametrize(
    ("rule", "answer", "reference", "right"),
    [
        ("numeric", "So 1,200 + 34 is 1,234.", "#### 1234", True),
        ("numeric", "It is 12.50 dollars", "12.5", True),
        ("numeric", "It is 12 or 13", "12", False),
        ("numeric", "No idea", "12", False),
        ("numeric", "-3", "3", False),
        ("numeric", "<think>maybe 7</think>It is 8.", "8", True),
        ("exact", " Paris ", "Paris", True),
        ("exact", "paris", "Paris", False),
        ("exact", "Paris, France", "Paris", False),
        ("contains", "The capital is  Paris.", "paris", True),
        ("json", '{"a": 1}', None, True),
        ("json", 'Here: {"a": 1}', None, False),
        ("json", '{"a": NaN}', None, False),
    ],
)
def test_rules(rule: str, answer: str, reference: str | None, right: bool) -> None:
    verifier = Verifier.model_validate({"kind": "verifier", "rule": rule})
    assert reward(verifier, answer, reference) == right


def test_without_a_reference_there_is_no_score() -> None:
    assert reward(Verifier(kind="verifier", rule="exact"), "x", None) is None
    assert reward(SimilarityScorer(kind="metric", name="token_f1"), "x", None) is None


def test_metrics_are_between_nothing_and_everything() -> None:
    metric = SimilarityScorer(kind="metric", name="rouge_l")
    assert reward(metric, "the cat sat", "the cat sat") == 1
    assert reward(metric, "dogs", "the cat sat") == 0
