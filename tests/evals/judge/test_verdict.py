"""A verdict that is misread is a score that is wrong; one that is guessed is worse."""

import pytest

from bench.evals.judge.verdict import read_verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("[[A]]", "A"),
        ("The second is right.\n\n[[b]].", "B"),
        ("[[C]]", "C"),
        ("[[tie]]", "C"),
        ('{"reason": "A is vague", "verdict": "B"}', "B"),
        ('```json\n{"winner": "model_a"}\n```', "A"),
        ('{"verdict": "tie"}', "C"),
        ("Verdict: **A**", "A"),
        ("My verdict is B.", "B"),
        ("B", "B"),
        ("**Answer B**", "B"),
        ("[A]", "A"),
        ("<think>[[B]] or so</think>[[A]]", "A"),
        ("At first I thought [[A]], but then:\n[[B]]", "B"),
        ("[[A]] as I said: [[A]], because it is short", "A"),
    ],
)
def test_it_is_read_in_whatever_form_it_comes(text: str, verdict: str) -> None:
    assert read_verdict(text) == verdict


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Both have their merits.",
        "A is better in style and B in substance.",
        "[[A]] or [[B]]: I cannot say",
        '{"verdict": "maybe"}',
        "verdict: A or B, who knows",
    ],
)
def test_none_is_made_up(text: str) -> None:
    assert read_verdict(text) is None
