"""Where a misplaced key belongs, and how a value of the wrong kind is written: the hints of type errors.

Contract: read off the types, so that a key that moves takes its hint with it; only shorthands that TOML has no type for
(`model = "OWNER/NAME"`, `budget = "2 epochs"`) are listed here.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from bench.suite.reading.key_types import KeyPath, branches, tags
from bench.suite.tables.data import HUB_ID

_DEEPEST = 4
_LISTS = frozenset({"eval", "claim"})
_BUDGET = re.compile(r"([0-9][0-9_.]*)\s*([a-z_ ]+)")


def belongs(model: type[BaseModel], parent: KeyPath, key: str, value: object, *, kind: str | None = None) -> str | None:
    """The table that has `key`, which was written under `parent`, as a hint; `None` where none has.

    A table below `parent` comes first, of these one of the same `kind`, then one that takes the `value`, then the least
    deep.
    """
    home = tuple(part for part in parent if isinstance(part, str))[:1]
    places = sorted(
        _places(model, key),
        key=lambda place: (place.path[:1] != home, kind not in place.kinds, not place.takes(value), len(place.path)),
    )
    if not places:
        return None
    path = places[0].path
    if not path:
        table = f"[[{key}]]" if key in _LISTS else f"[{key}]"
        is_table = any(True for _ in _tables(places[0].annotation))
        return (
            f"{key} is a key of the suite itself: write it {f'as {table}' if is_table else 'above the first [table]'}"
        )
    head = f"[[{path[0]}]]" if path[0] in _LISTS else f"[{'.'.join(path)}]"
    inner = path[1:] if path[0] in _LISTS else ()
    alone = places[0].is_list and not isinstance(value, list | tuple | Mapping)
    written = f"{key} = {f'[{_as_toml(value)}]' if alone else _as_toml(value)}"
    for part in reversed(inner):
        written = f"{part} = {{ {written} }}"
    kinds = sorted({kind for place in places if place.path == path for kind in place.kinds})
    return f"it belongs to {head}{_of_kinds(kinds)}: {written}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A table that has the key."""

    path: tuple[str, ...]
    """Keys to the table; `NAME` for a name that the user chooses."""
    annotation: Any
    kinds: tuple[str, ...]
    """Values of `kind` in a list of tables for which it has the key; empty where it makes no difference."""

    @property
    def is_list(self) -> bool:
        return any(get_origin(branch) is tuple for branch in branches(self.annotation))

    def takes(self, value: object) -> bool:
        """Whether the key is a list where the value is one, and none where it is none."""
        return self.is_list == isinstance(value, list | tuple)


def _places(
    model: type[BaseModel], key: str, path: tuple[str, ...] = (), kinds: tuple[str, ...] = ()
) -> Iterator[_Place]:
    """All tables below `model` that have `key`."""
    kinds = kinds or tuple(map(str, tags(model)))
    for name, field in model.model_fields.items():
        if name == key:
            yield _Place(path=path, annotation=field.annotation, kinds=kinds)
        if len(path) < _DEEPEST:
            for inner, table in _tables(field.annotation):
                yield from _places(table, key, (*path, name, *inner), kinds)


def _tables(annotation: Any) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Types of the tables that an annotation allows, with `NAME` for a table of tables."""
    for branch in branches(annotation):
        if isinstance(branch, type) and issubclass(branch, BaseModel):
            yield (), branch
        elif get_origin(branch) in (dict, tuple):
            named = ("NAME",) if get_origin(branch) is dict else ()
            yield from ((named, table) for _, table in _tables(get_args(branch)[-1 if named else 0]))


def _of_kinds(kinds: Sequence[str]) -> str:
    *most, last = (f'"{kind}"' for kind in kinds) if kinds else ("",)
    return f" of kind {', '.join(most)} or {last}" if most else f" of kind {last}" if last else ""


def shorthand(path: KeyPath, value: object) -> str | None:
    """How TOML writes what a text, number or list at `path` probably means; `None` where nothing is known."""
    match path, value:
        case ("model",) | ("models", str()), str():
            return _model_table(".".join(map(str, path)), value)
        case ("data", str(name)), str():
            return f"[data.{name}] source = {_as_toml(value)}"
        case ("eval", int(), "data"), str():
            return f"data = {{ source = {_as_toml(value)} }}"
        case ("recipe", str(name)), str():
            return f"[recipe.{name}] method = {_as_toml(value)}, learning_rate = 1e-5"
        case ("budget",) | ("recipe", str(), "budget"), str():
            return _budget(value)
        case ("eval", int(), "judge"), str():
            return f'judge = {{ endpoint = {{ base_url = "https://…/v1", model = {_as_toml(value)}, key_env = "…" }} }}'
        case ("arms",), tuple():
            return '[arms] data = ["NAME"], recipe = ["NAME"]; one cell: include = [{ data = "NAME", recipe = "NAME" }]'
        case ("seeds",), str() if seeds := re.findall(r"[0-9]+", value):
            return f"them as numbers: seeds = [{', '.join(seeds)}]"
        case ("seeds",), int() if not isinstance(value, bool):
            return f"the seeds themselves: seeds = [{', '.join(map(str, range(min(max(value, 1), 5))))}]"
    return _sweep(path, value)


def _sweep(path: KeyPath, value: object) -> str | None:
    """Several values of a recipe's key, which a sweep chooses from."""
    if path[:1] != ("recipe",) or len(path) < 3 or not isinstance(value, tuple) or not value:
        return None
    if any(map(_is_table, value)):
        return None
    return f"several values as {path[-1]} = {{ sweep = {_as_toml(value)} }}"


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping | tuple | list)


def as_list(path: KeyPath, value: object) -> str:
    """A single value where a list is meant."""
    if isinstance(value, Mapping):
        return f"write the table as [[{'.'.join(map(str, path))}]], once for each item"
    return f"write it as a list: {path[-1]} = [{_as_toml(value)}]"


def _model_table(place: str, text: str) -> str:
    """A model's table: of the hub where the text has the form OWNER/NAME, a folder where it has that of a path."""
    value = _as_toml(text)
    if "/" in text or text.startswith((".", "~")):
        return f"{place} = {{ {'repo' if HUB_ID.fullmatch(text) else 'path'} = {value} }}"
    return f"{place} = {{ path = {value} }} for a folder, repo for the hub, card for a model that `bench models` lists"


def _budget(text: str) -> str | None:
    match = _BUDGET.fullmatch(text.strip())
    if match is None:
        return None
    unit = match[2].strip().replace(" ", "_")
    return f'budget = {{ unit = "{unit}", amount = {match[1]} }}'


def _as_toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_as_toml(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{ … }"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | int | float) else str(value)
