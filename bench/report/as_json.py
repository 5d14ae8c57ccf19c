"""One dump of the report's own types as plain JSON, for every command with `--json`.

Contract: the keys of a dataclass or a persisted type are its fields and its public properties; fields that are left
out of `repr` (a distribution behind an interval, the full list that has a file of its own) are left out. Numbers are
unrounded; a number that is not finite is `None`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from numbers import Integral, Real
from typing import Any, TypeAlias

from pydantic import BaseModel

Json: TypeAlias = dict[str, Any]


def to_json(value: object) -> Any:
    """`value` as dicts, lists, strings, numbers and `None`. Raises `TypeError` for a type that has no such form."""
    match value:
        case None | bool() | str():
            return value
        case Enum():
            return to_json(value.value)
        case Integral():
            return int(value)
        case Real():
            number = float(value)
            return number if math.isfinite(number) else None
        case Mapping():
            return {str(key): to_json(entry) for key, entry in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_json(entry) for entry in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    return object_to_json(value)


def object_to_json(value: object) -> Json:
    """A dataclass or a persisted type with its fields and properties."""
    if not (is_dataclass(value) or isinstance(value, BaseModel)):
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return {name: to_json(getattr(value, name)) for name in json_keys(value.__class__)}


@cache
def json_keys(kind: type[Any]) -> tuple[str, ...]:
    """Public fields in their order, then properties of the package's own classes."""
    return tuple(dict.fromkeys([*_fields(kind), *_properties(kind)]))


def _fields(kind: type[Any]) -> Iterator[str]:
    if issubclass(kind, BaseModel):
        yield from (name for name, field in kind.model_fields.items() if field.repr)
        return
    yield from (field.name for field in fields(kind) if field.repr and not field.name.startswith("_"))


def _properties(kind: type[Any]) -> Iterator[str]:
    for parent in reversed(kind.__mro__):
        if parent.__module__.partition(".")[0] == "bench":
            yield from (
                name for name, member in vars(parent).items() if isinstance(member, property) and name[0] != "_"
            )
