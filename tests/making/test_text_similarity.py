"""Likeness of texts: a wrong near-duplicate filter throws good tasks away or lets copies through."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from bench.making.text_similarity import NearDuplicates, common_subsequence, rouge_l, token_f1, words

_texts = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=12)


def plain_lcs(left: Sequence[str], right: Sequence[str]) -> int:
    """The textbook's table."""
    row = [0] * (len(right) + 1)
    for one in left:
        before = row[:]
        for n, other in enumerate(right, start=1):
            row[n] = before[n - 1] + 1 if one == other else max(before[n], row[n - 1])
    return row[-1]


@given(_texts, _texts)
def test_the_common_subsequence_is_the_longest(left: list[str], right: list[str]) -> None:
    assert common_subsequence(left, right) == plain_lcs(left, right)


def test_rouge_l_is_that_of_the_reference_implementation() -> None:
    scorer = RougeScorer(["rougeL"])
    pairs = [
        ("Name three colours of the rainbow.", "Name three nice colours of a rainbow"),
        ("the cat sat on the mat", "on the mat the cat sat"),
        ("one", "two"),
    ]
    for left, right in pairs:
        assert rouge_l(words(left), words(right)) == pytest.approx(scorer.score(left, right)["rougeL"].fmeasure)


def test_token_f1_counts_words_and_not_their_order() -> None:
    assert token_f1(words("the cat, the dog"), words("The dog the bird")) == 0.75
    assert token_f1([], words("x")) == 0


@given(st.lists(_texts, max_size=8), _texts, st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]))
def test_the_fast_search_finds_what_comparing_with_every_text_finds(
    pool: list[list[str]], new: list[str], threshold: float
) -> None:
    near = NearDuplicates(threshold)
    for text in pool:
        near.add(" ".join(text))
    expected = any((not text and not new) or rouge_l(text, new) >= threshold - 1e-12 for text in pool)
    assert near.has(" ".join(new)) == expected


def test_a_new_task_is_compared_with_many_old_ones_in_milliseconds() -> None:
    draw = random.Random(0)
    vocabulary = [f"w{n}" for n in range(2000)]
    weights = [1 / (n + 1) for n in range(2000)]
    words_drawn = draw.choices(vocabulary, weights, k=15 * 5_100)
    texts = [" ".join(words_drawn[n : n + 15]) for n in range(0, len(words_drawn), 15)]
    near = NearDuplicates(0.7)
    for text in texts[100:]:
        near.add(text)
    begun = time.process_time()
    for text in texts[:100]:
        near.has(text)
    assert time.process_time() - begun < 1.5
