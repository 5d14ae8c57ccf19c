"""Packing and grouping: less padding must not lose, repeat or overfill anything."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bench.train.batches.encoded_row import IGNORED, EncodedRow, beginning, length, slots
from bench.train.batches.packing import (
    GROUPING_WINDOW,
    PACKING_WINDOW,
    TOKEN_GROUPING_WINDOW,
    arrange,
    pack,
    split,
    wrap,
)
from tests.fakes.training import make_recipe


def examples(lengths: list[int]) -> list[EncodedRow]:
    """Rows of these lengths; no two tokens of a row are alike, and all but the first are supervised."""
    return [
        EncodedRow(
            rows=(row,),
            ids=np.arange(tokens, dtype=np.int32),
            labels=np.where(np.arange(tokens) == 0, IGNORED, np.arange(tokens)).astype(np.int32),
            supervised_tokens=tokens - 1,
            truncated=False,
        )
        for row, tokens in enumerate(lengths)
    ]


def one_epoch(lengths: list[int]) -> list[tuple[int, EncodedRow]]:
    """Rows of these lengths, all of the first epoch."""
    return [(0, row) for row in examples(lengths)]


def labels_follow_ids(example: EncodedRow) -> bool:
    """Whether each label is the id at its place, and the count is that of the labels."""
    supervised = example.labels != IGNORED
    alike = np.array_equal(example.labels[supervised], example.ids[supervised])
    return alike and int(supervised.sum()) == example.supervised_tokens


def test_best_fit_decreasing_on_a_case_worked_by_hand() -> None:
    """7, 5, 4, 3, 1 into 10: 7+3, 5+4+1."""
    packed = pack(examples([4, 7, 1, 5, 3]), 10)
    assert [[example.tokens for example in sequence] for sequence in packed] == [[7, 3], [5, 4, 1]]


def test_every_row_is_packed_once_and_no_sequence_overflows() -> None:
    lengths = np.random.default_rng(0).integers(2, 60, size=700).tolist()
    packed = pack(examples(lengths), 64)
    assert sorted(example.rows[0] for sequence in packed for example in sequence) == list(range(700))
    assert max(length(sequence) for sequence in packed) <= 64
    assert sum(lengths) / (64 * len(packed)) > 0.95


def test_a_row_longer_than_a_sequence_stands_alone() -> None:
    packed = pack(examples([80, 10]), 64)
    assert sorted(len(sequence) for sequence in packed) == [1, 1]


def test_grouped_batches_hold_rows_of_similar_length_in_mixed_order() -> None:
    lengths = np.random.default_rng(0).integers(2, 60, size=203).tolist()
    batches = list(arrange(one_epoch(lengths), make_recipe(group_by_length=True), capacity=64, seed=0))
    assert [len(batch) for batch in batches] == [4] * 50 + [3]
    spreads = [max(map(length, batch)) - min(map(length, batch)) for batch in batches]
    assert max(spreads[:-1]) <= 6
    means = [sum(map(length, batch)) for batch in batches]
    assert means != sorted(means, reverse=True)
    assert sorted(sequence[0].rows[0] for batch in batches for sequence in batch) == list(range(203))


@pytest.mark.parametrize("grouped", [False, True])
def test_batches_of_tokens_hold_as_many_rows_as_fit_padding_counted(grouped: bool) -> None:
    """More would run out of memory, fewer waste it."""
    lengths = [*np.random.default_rng(0).integers(2, 60, size=200).tolist(), 150]
    recipe = make_recipe(batch_tokens=120, group_by_length=grouped)
    batches = list(arrange(one_epoch(lengths), recipe, capacity=256, seed=0))
    assert sorted(sequence[0].rows[0] for batch in batches for sequence in batch) == list(range(201))
    assert all(slots(batch) <= 120 for batch in batches if len(batch) > 1)
    assert [slots(batch) for batch in batches if slots(batch) > 120] == [150], "a row that is too long stands alone"
    if not grouped:
        for batch, following in pairwise(batches):
            grown = (*batch, following[0])
            assert slots(grown) > 120


def test_a_split_row_goes_on_in_another_sequence_and_loses_nothing_supervised() -> None:
    (whole,) = examples([25])
    parts = split(whole, 10)
    assert [part.tokens for part in parts] == [10, 10, 5]
    assert np.array_equal(np.concatenate([part.ids for part in parts]), whole.ids)
    assert [part.rows for part in parts] == [(0,), (), ()], "one row, counted once"
    assert [part.supervised_tokens for part in parts] == [9, 9, 4], "nothing comes before a part's first token"
    assert all(part.labels[0] == IGNORED and labels_follow_ids(part) for part in parts)
    assert not any(part.truncated for part in parts)


def test_a_row_that_fits_is_not_split_and_a_last_part_may_be_one_token() -> None:
    (whole,) = examples([10])
    assert split(whole, 10) == [whole]
    assert [part.tokens for part in split(*examples([21]), 10)] == [10, 10, 1]


def test_wrapped_sequences_are_one_stream_cut_at_the_capacity() -> None:
    rows = [
        replace(row, ids=np.full(row.tokens, number, dtype=np.int32)) for number, row in enumerate(examples([7, 4, 16]))
    ]
    pieces = list(wrap(rows, 10))
    assert [piece.tokens for piece in pieces] == [10, 10, 7]
    assert np.concatenate([piece.ids for piece in pieces]).tolist() == [0] * 7 + [1] * 4 + [2] * 16
    assert [piece.rows for piece in pieces] == [(0, 1), (2,), ()]


@pytest.mark.parametrize(
    ("lengths", "pieces", "rows"),
    [
        ([10], [10], [(0,)]),
        ([10, 5], [10, 5], [(0,), (1,)]),
        ([9, 6], [10, 5], [(0, 1), ()]),
        ([10, 9, 5], [10, 10, 4], [(0,), (1, 2), ()]),
    ],
)
def test_a_stream_is_cut_at_the_capacity_exactly(
    lengths: list[int], pieces: list[int], rows: list[tuple[int, ...]]
) -> None:
    """A token early shortens a sequence; a token late puts two rows where one fits."""
    found = list(wrap(examples(lengths), 10))
    assert [piece.tokens for piece in found] == pieces
    assert [piece.rows for piece in found] == rows
    assert all(piece.labels[0] == IGNORED and labels_follow_ids(piece) and not piece.truncated for piece in found)


def order_of(lengths: list[int], seed: int = 0, **change: object) -> list[list[int]]:
    """The rows of each batch."""
    batches = arrange(one_epoch(lengths), make_recipe(**change), capacity=64, seed=seed)
    return [[row for sequence in batch for example in sequence for row in example.rows] for batch in batches]


@pytest.mark.parametrize(
    ("change", "window"),
    [
        ({"packing": "bfd"}, PACKING_WINDOW),
        ({"group_by_length": True, "batch_rows": 2}, 2 * GROUPING_WINDOW),
        ({"group_by_length": True, "batch_tokens": 64}, TOKEN_GROUPING_WINDOW),
    ],
)
def test_rows_are_rearranged_within_their_window_only(change: dict[str, object], window: int) -> None:
    """So that a training meets its rows in roughly the order of the schedule."""
    lengths = np.random.default_rng(0).integers(2, 60, size=2 * window).tolist()
    rows = [row for batch in order_of(lengths, **change) for row in batch]
    assert sorted(rows[:window]) == list(range(window))
    assert sorted(rows[: window // 2]) != list(range(window // 2))


def test_a_batch_that_is_not_full_comes_last_and_holds_the_shortest_rows() -> None:
    """Else a step in the middle would weigh its few rows as much as the others'."""
    lengths = np.random.default_rng(0).permutation(np.arange(2, 45)).tolist()
    for seed in range(4):
        batches = order_of(lengths, seed, group_by_length=True)
        assert [len(batch) for batch in batches] == [4] * 10 + [3]
        assert sorted(lengths[row] for row in batches[-1]) == [2, 3, 4]


@pytest.mark.parametrize("change", [{"batch_rows": 4}, {"batch_tokens": 120}])
def test_batches_that_are_full_are_all_met_in_mixed_order(change: dict[str, object]) -> None:
    lengths = np.random.default_rng(0).permutation(np.arange(2, 42)).tolist()
    shortest = lengths.index(2)
    places = set()
    for seed in range(6):
        batches = order_of(lengths, seed, group_by_length=True, **change)
        places.add(next(number for number, batch in enumerate(batches) if shortest in batch))
    assert len(places) > 2


@pytest.mark.parametrize(
    "change", [{"packing": "bfd"}, {"packing": "bfd_split"}, {"packing": "wrapped"}, {"group_by_length": True}]
)
def test_every_token_is_trained_on_once(change: dict[str, object]) -> None:
    lengths = np.random.default_rng(0).integers(2, 60, size=300).tolist()
    batches = list(arrange(one_epoch(lengths), make_recipe(**change), capacity=64, seed=0))
    found = [example for batch in batches for sequence in batch for example in sequence]
    assert sum(example.tokens for example in found) == sum(lengths)
    assert sorted(row for example in found for row in example.rows) == list(range(300))
    if "packing" in change:
        assert max(length(sequence) for batch in batches for sequence in batch) <= 64


@pytest.mark.parametrize("change", [{"packing": "bfd"}, {"packing": "bfd_split"}, {"group_by_length": True}])
def test_arrangement_depends_on_the_seed_alone(change: dict[str, object]) -> None:
    lengths = np.random.default_rng(0).integers(2, 60, size=100).tolist()

    def order(seed: int) -> list[int]:
        batches = arrange(one_epoch(lengths), make_recipe(**change), capacity=64, seed=seed)
        return [row for batch in batches for sequence in batch for example in sequence for row in example.rows]

    assert order(0) == order(0) != order(1)


@pytest.mark.parametrize(
    "change",
    [
        {"packing": "bfd"},
        {"packing": "bfd_split"},
        {"packing": "wrapped"},
        {"group_by_length": True},
        {"group_by_length": True, "batch_rows": 7},
        {"group_by_length": True, "batch_tokens": 120},
        {"packing": "bfd", "group_by_length": True, "batch_rows": 3},
    ],
)
@pytest.mark.parametrize("rows", [4, 45])
def test_no_row_comes_twice_before_every_row_came_once(change: dict[str, object], rows: int) -> None:
    """A window over several epochs trained some rows three times in the first "epoch", and others never."""
    drawn = np.random.default_rng(0)
    made = examples(drawn.integers(2, 60, size=rows).tolist())
    epochs = [(epoch, made[index]) for epoch in range(4) for index in drawn.permutation(rows)]
    batches = list(arrange(epochs, make_recipe(**change), capacity=64, seed=0))
    sequences = [sequence for batch in batches for sequence in batch]
    order = [row for sequence in sequences for example in sequence for row in example.rows]
    assert [sorted(order[start : start + rows]) for start in range(0, 4 * rows, rows)] == [list(range(rows))] * 4
    if change.get("packing") != "wrapped":
        held = [[row for example in sequence for row in example.rows] for sequence in sequences]
        assert all(len(set(numbers)) == len(numbers) for numbers in held), "a sequence holds a row once"
    if "packing" not in change and "batch_tokens" not in change:
        assert {len(batch) for batch in batches[:-1]} == {make_recipe(**change).batch_rows}


@pytest.mark.parametrize("tokens", [1, 2, 5, 16, 40])
def test_a_rows_beginning_is_short_and_is_supervised_in_part(tokens: int) -> None:
    """It stands for the row where a model is tried: logits are to be picked out, and not all of them."""
    (row,) = examples([tokens])
    first = beginning(row, 16)
    assert first.tokens == min(tokens, 16)
    assert labels_follow_ids(first)
    assert first.supervised_tokens == first.tokens // 2
    assert first.labels[0] == IGNORED
