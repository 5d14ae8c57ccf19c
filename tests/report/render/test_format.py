"""Figures as text."""

import pytest

from bench.report.render import format as fmt


@pytest.mark.parametrize(
    ("value", "text"), [(None, fmt.NONE), (0.0, "0.00"), (0.0006, "<0.01"), (0.05, "0.05"), (3.0, "3.00")]
)
def test_a_part_of_an_epoch_is_not_none(value: float | None, text: str) -> None:
    """30 rows of 52,000 were shown as 0.00 epochs."""
    assert fmt.epochs(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, fmt.NONE),
        (0, "0"),
        (999, "999"),
        (1_000, "1.0K"),
        (60_000, "60.0K"),
        (134_500_000, "134M"),
        (999_960, "1.0M"),
        (6.7e9, "6.7B"),
        (5.294e12, "5.3T"),
        (3.1e18, "3.1E"),
    ],
)
def test_a_short_count_has_three_digits_at_most_before_its_unit(value: float | None, text: str) -> None:
    assert fmt.short_count(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0002, 0.054, "[+0.000, +0.054]"),
        (-0.056, -0.0001, "[−0.056, −0.000]"),
        (-0.0002, 0.054, "[0.000, +0.054]"),
        (0.0, 0.054, "[0.000, +0.054]"),
        (None, None, ""),
    ],
)
def test_an_interval_without_zero_does_not_look_as_if_it_had_it(
    low: float | None, high: float | None, text: str
) -> None:
    """`+0.028 [0.000, +0.054] maybe better`: by the mark zero is excluded."""
    assert fmt.signed_interval(low, high) == text
