"""Ticks and their labels: a reader must be able to tell two ticks apart, and to read a value off them."""

import pytest

from bench.report.plots.axes import Axis, labels, of_bytes, spanning, ticks


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 1.0), (0.9641, 0.9643), (3.9, 4.1), (-0.02, 0.0), (9990.0, 10010.0), (4.0e9, 4.1e9), (0.0, 3e-5), (-7, 6e4)],
)  # fmt: skip
def test_ticks_are_inside_the_axis_and_their_labels_differ(low: float, high: float) -> None:
    """Labels with one decimal said “4 … 4” of an axis from 3.9 to 4.1."""
    values = ticks(Axis(low=low, high=high, start=0, end=100))
    assert 2 <= len(values) <= 4
    assert all(low - 1e-12 <= value <= high + 1e-9 * high for value in values)
    assert len(set(labels(values))) == len(values)


def test_a_label_is_the_value_of_its_tick() -> None:
    assert labels([0.0, 0.25, 0.5]) == ["0.00", "0.25", "0.50"]
    assert labels([-0.5, 0.0]) == ["−0.5", "0.0"]
    assert labels([0, 20_000, 40_000]) == ["0", "20K", "40K"]
    assert labels([12_500, 12_600]) == ["12.5K", "12.6K"]
    assert labels([1_000_000, 1_500_000]) == ["1.0M", "1.5M"]


@pytest.mark.parametrize(("low", "high"), [(463 * 2**20, 471 * 2**20), (11.0 * 2**30, 11.6 * 2**30)])
def test_memory_has_round_ticks_in_its_own_unit(low: float, high: float) -> None:
    values, names = of_bytes(Axis(low=low, high=high, start=0, end=100))
    assert len(set(names)) == len(values) >= 2
    unit, name = (2**20, "MiB") if high < 2**30 else (2**30, "GiB")
    assert [f"{value / unit:g} {name}" for value in values] == [text.replace(".0 ", " ") for text in names]


def test_places_keep_the_order_and_the_distances_of_values() -> None:
    axis = spanning([1.0, 2.0, 4.0, None], start=10, end=110)
    one, two, four = (axis.at(value) for value in (1.0, 2.0, 4.0))
    assert 10 < one < two < four < 110
    assert four - two == pytest.approx(2 * (two - one))
    log = spanning([10.0, 100.0, 1000.0], start=0, end=90, log=True)
    assert log.at(100.0) == pytest.approx(45)


def test_equal_values_and_no_values_still_have_an_axis() -> None:
    assert spanning([3.0, 3.0], start=0, end=1).at(3.0) == pytest.approx(0.5)
    assert 0 <= spanning([], start=0, end=1).at(0.2) <= 1
