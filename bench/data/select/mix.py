"""How many rows each part of a mix gives.

Contract: shares are whole rows by the method of largest remainders (Hamilton): each is its exact share rounded up or
down, their sum is the size asked for, and of equal remainders the earlier part's is rounded up.
"""

from collections.abc import Sequence
from fractions import Fraction

from bench.suite.tables.data import MixPart


def shares(parts: Sequence[MixPart], size: int) -> list[int]:
    """Rows of each part in a mix of `size` rows."""
    weights = _weights(parts)
    exact = [size * weight for weight in weights]
    whole = [int(share) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda part: (whole[part] - exact[part], part))
    for part in by_remainder[: size - sum(whole)]:
        whole[part] += 1
    return whole


def largest(parts: Sequence[MixPart], available: Sequence[int]) -> int:
    """Rows of the largest mix in which no part's exact share is more than it has."""
    return int(min(rows / weight for rows, weight in zip(available, _weights(parts), strict=True)))


def _weights(parts: Sequence[MixPart]) -> list[Fraction]:
    """Adding up to 1; 0.1 is meant as a tenth."""
    given = [Fraction(repr(part.weight)) for part in parts]
    return [weight / sum(given) for weight in given]
