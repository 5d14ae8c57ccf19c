"""Units of size; sizes and counts as text."""

KIB, MIB, GIB = 2**10, 2**20, 2**30
"""Bytes."""


def size_text(size: float) -> str:
    """Bytes in the unit that fits them: `14 KiB`, `720 MiB`, `11.3 GiB`."""
    if size < MIB:
        return f"{size / KIB:,.0f} KiB"
    return f"{size / MIB:,.0f} MiB" if size < GIB else f"{size / GIB:,.1f} GiB"


def plural(amount: int, noun: str) -> str:
    """`1 arm`, `3 arms`, `1,204 rows`."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"
