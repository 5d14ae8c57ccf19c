"""Fields of a raw record, read with the fault named.

Contract: a field that is missing or of another kind raises `RowError`, which says what the record has instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RowError(Exception):
    """What is wrong with one row; the reader of the file adds the row's number."""

    def __init__(self, reference: str, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.reference = reference
        self.what = what
        self.hint = hint


def kind_of(value: object) -> str:
    """The kind of a value, in a user's words."""
    if value is None:
        return "null"
    names = {bool: "a truth value", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")


def _seen(record: Mapping[str, Any]) -> str:
    return "fields seen: " + (", ".join(str(name) for name in list(record)[:20]) or "none")


def field_of(record: Mapping[str, Any], name: str) -> Any:
    """A field's value, of whatever kind. Raises `RowError` where there is no such field."""
    try:
        return record[name]
    except KeyError:
        raise RowError("data.missing-field", f"no field `{name}` ({_seen(record)})") from None


def text_of(record: Mapping[str, Any], name: str) -> str:
    """A field's text; null counts as empty. Raises `RowError` for any other kind."""
    value = field_of(record, name)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise RowError("data.not-text", f"field `{name}` is {kind_of(value)}, not text")


def turn_list(record: Mapping[str, Any], name: str) -> list[Any]:
    """A field's list, of whatever items. Raises `RowError` where it holds something else."""
    value = field_of(record, name)
    if not isinstance(value, list):
        raise RowError("data.not-a-list", f"field `{name}` is {kind_of(value)}, not a list of turns")
    return value
