"""Sizes and counts as text: the same figure reads the same in a forecast, a refusal and a report."""

import pytest

from bench.units import GIB, MIB, plural, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 KiB"),
        (14_000, "14 KiB"),
        (MIB, "1 MiB"),
        (720 * MIB, "720 MiB"),
        (GIB - MIB, "1,023 MiB"),
        (GIB, "1.0 GiB"),
        (1500.26 * GIB, "1,500.3 GiB"),
    ],
)
def test_a_size_is_said_in_the_unit_that_fits_it(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(("amount", "text"), [(0, "0 evals"), (1, "1 eval"), (2, "2 evals"), (1204, "1,204 evals")])
def test_one_of_a_thing_is_no_plural(amount: int, text: str) -> None:
    assert plural(amount, "eval") == text
