"""Units of size, and sizes as text."""

MIB, GIB = 2**20, 2**30
"""Bytes."""


def size_text(size: float) -> str:
    """Bytes in MiB or GiB: `720 MiB`, `11.3 GiB`."""
    return f"{size / MIB:,.0f} MiB" if size < GIB else f"{size / GIB:,.1f} GiB"
