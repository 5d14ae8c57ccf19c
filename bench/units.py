"""Units of size."""

GIB = 2**30
"""Bytes."""
