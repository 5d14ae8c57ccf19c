"""A mix must have the proportions that the suite states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.select.mix import largest, shares
from bench.suite.tables.data import MixPart


def _parts(*weights: float) -> list[MixPart]:
    return [MixPart(data=f"d{number}", weight=weight) for number, weight in enumerate(weights)]


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=6), st.integers(1, 100_000))
def test_shares_add_up_and_are_within_a_row_of_exact(weights: list[float], size: int) -> None:
    found = shares(_parts(*weights), size)
    assert sum(found) == size
    assert all(
        abs(share - size * weight / sum(weights)) < 1 + 1e-6 for share, weight in zip(found, weights, strict=True)
    )


@pytest.mark.parametrize(
    ("weights", "size", "expected"),
    [((0.7, 0.3), 1000, [700, 300]), ((1, 1, 1), 10, [4, 3, 3]), ((0.1, 0.2, 0.7), 10, [1, 2, 7]), ((2, 1), 1, [1, 0])],
)
def test_remainders_go_to_the_largest_and_of_equals_to_the_earlier(
    weights: tuple[float, ...], size: int, expected: list[int]
) -> None:
    assert shares(_parts(*weights), size) == expected


@given(st.lists(st.tuples(st.floats(0.1, 10), st.integers(1, 500)), min_size=2, max_size=4))
def test_the_largest_mix_fits_and_a_larger_has_too_few_rows(parts: list[tuple[float, int]]) -> None:
    given_parts, available = _parts(*(weight for weight, _ in parts)), [rows for _, rows in parts]

    size = largest(given_parts, available)
    if size:
        assert all(share <= rows for share, rows in zip(shares(given_parts, size), available, strict=True))
    total = sum(part.weight for part in given_parts)
    exact = [(size + 1) * part.weight / total for part in given_parts]
    assert any(share > rows - 1e-6 for share, rows in zip(exact, available, strict=True))
