"""Means and sums of figures of which some are unknown."""

from collections.abc import Iterable
from statistics import fmean
from typing import TypeVar

_Number = TypeVar("_Number", int, float)


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """Mean of the figures that are known; `None` where none is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def sum_of_all(values: Iterable[_Number | None]) -> _Number | None:
    """Sum; `None` where a figure is unknown, or there is none."""
    figures = list(values)
    known = [value for value in figures if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(figures) else None
