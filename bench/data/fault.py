"""What is wrong with one row of a source."""

from __future__ import annotations


class RowError(Exception):
    """What is wrong with one row; the reader of the file adds which row it is."""

    def __init__(self, reference: str, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.reference = reference
        self.what = what
        self.hint = hint
