"""Packing and grouping: less padding must not lose, repeat or overfill anything."""

from __future__ import annotations

import numpy as np
import pytest

from bench.train.arrange import arrange, pack
from bench.train.example import Example, length
from tests.fakes.training import make_recipe


def examples(lengths: list[int]) -> list[Example]:
    """Rows of these lengths."""
    return [
        Example(
            row=row,
            ids=np.zeros(tokens, dtype=np.int32),
            labels=np.zeros(tokens, dtype=np.int32),
            supervised_tokens=tokens - 1,
            truncated=False,
        )
        for row, tokens in enumerate(lengths)
    ]


def test_best_fit_decreasing_on_a_case_worked_by_hand() -> None:
    """7, 5, 4, 3, 1 into 10: 7+3, 5+4+1."""
    packed = pack(examples([4, 7, 1, 5, 3]), 10)
    assert [[example.tokens for example in sequence] for sequence in packed] == [[7, 3], [5, 4, 1]]


def test_every_row_is_packed_once_and_no_sequence_overflows() -> None:
    lengths = np.random.default_rng(0).integers(2, 60, size=700).tolist()
    packed = pack(examples(lengths), 64)
    assert sorted(example.row for sequence in packed for example in sequence) == list(range(700))
    assert max(length(sequence) for sequence in packed) <= 64
    assert sum(lengths) / (64 * len(packed)) > 0.95


def test_a_row_longer_than_a_sequence_stands_alone() -> None:
    packed = pack(examples([80, 10]), 64)
    assert sorted(len(sequence) for sequence in packed) == [1, 1]


def test_grouped_batches_hold_rows_of_similar_length_in_mixed_order() -> None:
    lengths = np.random.default_rng(0).integers(2, 60, size=203).tolist()
    sequences = list(arrange(examples(lengths), make_recipe(group_by_length=True), capacity=64, seed=0))
    batches = [sequences[start : start + 4] for start in range(0, 200, 4)]
    spreads = [max(map(length, batch)) - min(map(length, batch)) for batch in batches]
    assert max(spreads[:-1]) <= 6
    means = [sum(map(length, batch)) for batch in batches]
    assert means != sorted(means, reverse=True)
    assert sorted(sequence[0].row for sequence in sequences) == list(range(203))


@pytest.mark.parametrize("change", [{"packing": "bfd"}, {"group_by_length": True}])
def test_arrangement_depends_on_the_seed_alone(change: dict[str, object]) -> None:
    lengths = np.random.default_rng(0).integers(2, 60, size=100).tolist()

    def order(seed: int) -> list[int]:
        sequences = arrange(examples(lengths), make_recipe(**change), capacity=64, seed=seed)
        return [example.row for sequence in sequences for example in sequence]

    assert order(0) == order(0) != order(1)
