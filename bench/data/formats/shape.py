"""One layout of a row: how it is known, which columns it reads, and how it becomes a conversation."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.data.formats.convert import Converter

Assemble = Callable[[Iterable[tuple[int, Any]]], Iterator[tuple[int, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One known layout of a row."""

    name: str
    fields: str
    """The fields as a user would write them."""
    uses: frozenset[str]
    """Columns that the conversion reads."""
    matches: Callable[[Mapping[str, Any]], bool]
    convert: Converter
    assemble: Assemble | None = None
    """For layouts in which a record is no whole conversation, or several: the source's records to whole ones."""
    mapped: bool = False
    """Whether the suite names the columns."""
    plain: bool = False
    """Whether rows are plain text, beside which no system prompt, history, reasoning or tools are read."""
