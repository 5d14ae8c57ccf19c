"""Lays profiles and `--set` arguments over a suite's raw table.

Contract: tables merge key by key, everything else (lists too) is replaced. Where a new value makes older neighbours
meaningless they go with the old value: a new `model.path` takes the place of `model.card`, a new `source` of the old
source's `split`, a profile's weights of a decision of the suite's weights. Within one command line the last word wins.
Inputs are never changed."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem, collected, did_you_mean
from bench.spec import Spec
from bench.suite.reading.key_types import KeyPath, models_at
from bench.suite.reading.pydantic_errors import shown, spell
from bench.suite.reading.toml import MAX_DEPTH, TomlTable, depth
from bench.suite.tables.conclusions.decision import DecisionOptions
from bench.suite.tables.data import Select
from bench.suite.tables.models.model import BaseSpec, ModelSpec
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.adapter import TABLES
from bench.suite.tables.training.recipe import Recipe
from bench.units import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One `--set` argument."""

    text: str
    path: KeyPath
    value: Any


def merge(base: TomlTable, over: Mapping[str, Any], at: KeyPath = ()) -> TomlTable:
    """`base` with `over` merged into it; `at` is the key path of both in the suite."""
    gone = superseded(at, over)
    merged = {key: value for key, value in base.items() if key not in gone}
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _laid(old, value, (*at, key))
    return merged


def _laid(old: Any, value: Any, at: KeyPath) -> Any:
    return merge(old, value, at) if isinstance(old, dict) and isinstance(value, dict) else value


def superseded(at: KeyPath, over: Mapping[str, Any]) -> frozenset[str]:
    """Keys of the table at `at` that lose their meaning when `over` is laid on it."""
    return frozenset[str]().union(*(_superseded_in(table, over) for table in _tables_at(at)))


def _tables_at(at: KeyPath) -> list[type[Spec]]:
    """The types of a suite's table at `at`."""
    return [table for table in models_at(Suite, at, {}) if issubclass(table, Spec)]


def _superseded_in(table: type[Spec], over: Mapping[str, Any]) -> set[str]:
    if table is Suite:
        return {"models"} if "model" in over else {"model"} if "models" in over else set()
    if table is Select:
        gone = set() if over.get("by", "score") == "score" else {"column", "minimum"}
        resized = over.get("by") == "all" or "size" in over or "size_of" in over
        return gone | ({"size", "size_of"} if resized else set())
    if table is DecisionOptions:
        return {"weights"} & over.keys()
    if table is Recipe:
        return _of_another_recipe(over)
    if not over.keys() & set(table.one_of):
        return set()
    served = {*ModelSpec.model_fields} if table is BaseSpec and "endpoint" in over else set()
    return {*table.one_of, *table.described_by, *served}


def _of_another_recipe(over: Mapping[str, Any]) -> set[str]:
    """Keys that a recipe's new method, schedule or batch has no use for."""
    gone: set[str] = set()
    if "method" in over:
        method = over["method"]
        useful = {TABLES.get(method) if isinstance(method, str) else None}
        useful |= {"quantization"} if method == "qlora" else {"shots"} if method == "few_shot" else set()
        gone |= {*TABLES.values(), "quantization", "shots"} - useful
    if over.get("schedule") == "constant":
        gone.add("min_learning_rate")
    batch = {"batch_rows", "batch_tokens"}
    return gone | (batch if batch & over.keys() else set())


def apply_overrides(table: TomlTable, overrides: Sequence[str], *, folder: Path) -> tuple[TomlTable, list[Override]]:
    """`table` with `key.path=value` arguments applied in order. Paths among the values are relative to `folder`.

    Raises `InputError` with every argument that cannot be applied.
    """
    applied: list[Override] = []
    problems: list[Problem] = []
    for text in overrides:
        with collected(problems):
            path, value = parse_override(text)
            path = _resolve_items(table, path, text)
            value = localise(path, value, folder)
            overridden = frozenset(item.path for item in applied)
            table = _put(table, path, value, (), overridden)
            applied.append(Override(text=text, path=path, value=value))
    if problems:
        raise InputError(problems)
    return table, applied


def parse_override(text: str) -> tuple[KeyPath, Any]:
    """Key path and value of one `--set` argument: the value as TOML where it is, else as the text it is."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise _bad(text, "--set takes key.path=value")
    return _parse_key(key.strip(), text), _parse_value(value.strip(), text)


def _parse_key(key: str, text: str) -> KeyPath:
    dotted = re.sub(r"\[(\d+)\]", r".\1", key)
    try:
        node: Any = tomllib.loads(f"{dotted} = 0") if "\n" not in dotted and len(dotted) < 500 else {}
    except (ValueError, RecursionError):
        node = {}
    path: list[str | int] = []
    while isinstance(node, dict) and len(node) == 1:
        name, node = next(iter(node.items()))
        path.append(name)
    if node != 0 or len(path) > MAX_DEPTH:
        raise _bad(text, f"{shown(key, quote=True)} is not a key path", "write keys as recipe.full.learning_rate")
    return tuple(path)


def _parse_value(value: str, text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError) as error:
        if value[:1] in {"[", "{", '"', "'"}:
            reason = str(error).partition(" (at")[0] if isinstance(error, ValueError) else "nested too deeply"
            hint = "quote the whole argument for the shell"
            raise _bad(text, f"the value is not valid TOML: {reason}", hint) from None
        return value
    if parsed.keys() != {"value"} or isinstance(parsed["value"], date | datetime | time):
        return value  # text that only looks like more
    if depth(parsed) > MAX_DEPTH:
        raise _bad(text, "the value is nested too deeply")
    return parsed["value"]


def _resolve_items(table: TomlTable, path: KeyPath, text: str) -> KeyPath:
    """`eval.instructions.limit` and `eval.0.limit` mean an item of a list: its index takes the place of the name."""
    node: Any = table
    out: list[str | int] = []
    for part in path:
        if isinstance(node, list):
            index = _index(node, str(part), spell(tuple(out)), text)
            out.append(index)
            node = node[index]
            continue
        if not isinstance(node, dict):
            raise _bad(text, f"{spell(tuple(out))} is {shown(node)}, so it has no key {shown(part, quote=True)}")
        out.append(part)
        node = node.get(str(part), {})
    return tuple(out)


def _index(items: list[Any], part: str, place: str, text: str) -> int:
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    if part in names:
        return names.index(part)
    if part.isascii() and part.isdigit() and len(part) < 6 and int(part) < len(items):
        return int(part)
    item_names = [name for name in names if isinstance(name, str)]
    count = plural(len(items), "item")
    raise _bad(text, f"{place} has {count}, and none is {shown(part, quote=True)}", did_you_mean(part, item_names))


def _put(node: Any, path: KeyPath, value: Any, at: KeyPath, overridden: frozenset[KeyPath]) -> Any:
    """A copy of `node` with `value` at `path`. `overridden`: paths of earlier `--set`, replaced only by name."""
    part, rest = path[0], path[1:]
    if isinstance(node, list):
        assert isinstance(part, int), "resolved"
        return [_put(item, rest, value, (*at, part), overridden) if i == part and rest else
                value if i == part else item for i, item in enumerate(node)]  # fmt: skip
    key = str(part)
    old = node.get(key)
    if rest:
        inner = _put(old if isinstance(old, dict | list) else {}, rest, value, (*at, key), overridden)
        gone = superseded(at, {key: inner}) - {key} if not at else frozenset()
        return {**{name: item for name, item in node.items() if name not in gone}, key: inner}
    gone, one_of = superseded(at, {key: value}), {name for table in _tables_at(at) for name in table.one_of}
    kept = {name: item for name, item in node.items()
            if name not in gone or (name not in one_of and (*at, name) in overridden)}  # fmt: skip
    return {**kept, key: _laid(old, value, (*at, key))}


def localise(at: KeyPath, value: Any, folder: Path) -> Any:
    """`value` at the key path `at` with its paths made absolute, which are relative to `folder`: those of the command
    line to the current folder, as everywhere; those of a file to the file's."""
    if isinstance(value, dict):
        return {key: localise((*at, key), item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [localise((*at, index), item, folder) for index, item in enumerate(value)]
    if not isinstance(value, str) or "\0" in value:
        return value
    means_path = next(
        (table.file_keys[str(at[-1])] for table in _tables_at(at[:-1]) if at[-1] in table.file_keys), None
    )
    if means_path is None:
        return value
    try:
        path = (folder / Path(value).expanduser()).resolve()
        return str(path) if means_path(value) or path.exists() else value
    except (OSError, RuntimeError):  # too long a name, no such user
        return value


def _bad(text: str, what: str, hint: str | None = None) -> InputError:
    hint = hint or "for example --set budget.amount=1000; `bench schema` prints every key"
    where = f"--set {text if len(text) <= 120 else text[:117] + '…'}"
    return InputError(Problem(reference="suite.set", what=what, where=where, hint=hint))
