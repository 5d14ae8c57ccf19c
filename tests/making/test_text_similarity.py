"""Likeness of texts: a wrong near-duplicate filter throws good tasks away or lets copies through."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.making.text_similarity import NearDuplicates
from bench.text import subsequence_f1

_texts = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=12)


@given(st.lists(_texts, max_size=8), _texts, st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]))
def test_the_fast_search_finds_what_comparing_with_every_text_finds(
    pool: list[list[str]], new: list[str], threshold: float
) -> None:
    near = NearDuplicates(threshold)
    for text in pool:
        near.add(" ".join(text))
    expected = any((not text and not new) or subsequence_f1(text, new) >= threshold - 1e-12 for text in pool)
    assert near.has(" ".join(new)) == expected


def test_a_new_task_is_compared_with_few_of_many_old_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[None] = []

    def counted(left: list[str], right: list[str]) -> float:
        compared.append(None)
        return subsequence_f1(left, right)

    monkeypatch.setattr("bench.making.text_similarity.subsequence_f1", counted)
    draw = random.Random(0)
    vocabulary = [f"w{n}" for n in range(2000)]
    weights = [1 / (n + 1) for n in range(2000)]
    words_drawn = draw.choices(vocabulary, weights, k=15 * 5_100)
    texts = [" ".join(words_drawn[n : n + 15]) for n in range(0, len(words_drawn), 15)]
    near = NearDuplicates(0.7)
    for text in texts[100:]:
        near.add(text)
    for text in texts[:100]:
        near.has(text)
    assert 0 < len(compared) < 100_000, "of 500,000"
