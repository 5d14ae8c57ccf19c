"""Turns pydantic's errors into sentences about keys of the file: what is wrong, at which key, what was meant.

Contract: no word of pydantic's reaches the reader; a path such as `recipe.full.learning_rate` or `eval[0].tasks` is one
that stands in the file.
"""

from __future__ import annotations

import difflib
import json
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bench.errors import Problem, did_you_mean
from bench.suite.foreign_keys import said_here

KeyPath = tuple[str | int, ...]
Locate = Callable[[KeyPath], str]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?")
_SCHEMA_HINT = "`bench schema` prints every key, its type and its meaning"


def spell(path: KeyPath) -> str:
    """A key path as TOML writes it, list items in brackets: `eval[0].tasks`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        key = part if _BARE.fullmatch(part) else _quoted(part)
        text += f".{_short(key)}" if text else _short(key)
    return text


def freeze(value: Any) -> Any:
    """Lists become tuples, so that strict validation takes what TOML gives and coerces nothing."""
    if isinstance(value, dict):
        return {key: freeze(item) for key, item in value.items()}
    return tuple(freeze(item) for item in value) if isinstance(value, list) else value


def explain(
    error: ValidationError, raw: Mapping[str, Any], model: type[BaseModel], *, kind: str, locate: Locate = spell
) -> list[Problem]:
    """One problem per key, in the order of the errors. `raw` is what was validated; `kind` begins each reference."""
    by_path: dict[KeyPath, list[dict[str, Any]]] = {}
    for item in error.errors(include_url=False):
        path, found = _at_kind(_real_path(item["loc"], raw, item["type"]), dict(item))
        if not _is_echo(found, path, raw):
            by_path.setdefault(path, []).append(found)
    return [_problem(path, items, raw, model, kind, locate) for path, items in by_path.items()]


def _real_path(location: Sequence[str | int], raw: Any, error_type: str) -> KeyPath:
    """Drops what pydantic puts into a location beside the keys: union branches and tags."""
    path: list[str | int] = []
    node = raw
    for place, part in enumerate(location):
        if place == 2 and location[0] == "eval":
            continue  # the `kind` that told the branches apart
        if _holds(node, part):
            node = node[part]
        elif not (error_type == "missing" and place == len(location) - 1):
            continue
        path.append(part)
    return tuple(path)


def _at_kind(path: KeyPath, item: dict[str, Any]) -> tuple[KeyPath, dict[str, Any]]:
    """Of a table whose `kind` is not there or none that is known: the error at that key, not at the table."""
    if item["type"] not in {"union_tag_not_found", "union_tag_invalid"} or not isinstance(item["input"], Mapping):
        return path, item
    key = item["ctx"]["discriminator"].strip("'")
    if key not in item["input"]:
        return (*path, key), {**item, "type": "missing"}
    return (*path, key), {**item, "input": item["input"][key]}


def _holds(node: Any, part: str | int) -> bool:
    if isinstance(node, Mapping):
        return part in node
    return isinstance(node, tuple | list) and isinstance(part, int) and 0 <= part < len(node)


def _is_echo(item: Mapping[str, Any], path: KeyPath, raw: Any) -> bool:
    """Pydantic counts only valid items: a list whose items are all wrong is "too short" as well."""
    return item["type"] == "too_short" and bool(len(value_at(raw, path) or ()) >= item["ctx"]["min_length"])


def value_at(raw: Any, path: KeyPath) -> Any:
    """What stands at `path`; `None` where nothing does."""
    node = raw
    for part in path:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def subject(path: KeyPath, raw: Any) -> str:
    """How a sentence names a key: `recipe.full.r`, or `eval "instructions": tasks` for an item that has a name."""
    if len(path) >= 2 and isinstance(path[1], int):
        item = value_at(raw, path[:2])
        name = item.get("name") if isinstance(item, Mapping) else None
        if isinstance(name, str):
            head = f"{path[0]} {shown(name, quote=True)}"
            return f"{head}: {spell(path[2:])}" if path[2:] else head
    return spell(path) or "the file"


def shown(value: Any, *, quote: bool = False) -> str:
    """A value as a sentence shows it: short, on one line, no control codes."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, tuple | list):
        return "a list" if value else "an empty list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(_short(value)) if quote else f"the text {_quoted(_short(value))}"
    try:
        return _short(str(value))
    except ValueError:  # more digits than Python prints
        return "a very long number"


def _quoted(text: str) -> str:
    """In double quotes, on one line, fit for any UTF-8 stream: what the shell could not decode is escaped."""
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


def _problem(
    path: KeyPath, items: list[dict[str, Any]], raw: Any, model: type[BaseModel], kind: str, locate: Locate
) -> Problem:
    items = [item for item in items if item["type"] != "value_error"] or items
    first = items[0]
    name, where = subject(path, raw), locate(path)
    if first["type"] == "extra_forbidden":
        key, parent = str(path[-1]), path[:-1]
        place = f" in {subject(parent, raw)}" if parent else ""
        hint = said_here(key) or did_you_mean(key, known_keys(model, parent, raw)) or _SCHEMA_HINT
        return Problem(
            reference=f"{kind}.unknown-key", what=f"unknown key {shown(key, quote=True)}{place}", where=where, hint=hint
        )
    if first["type"] == "missing":
        return Problem(
            reference=f"{kind}.missing-key", what=f"{name} is missing", where=where, hint=_about(model, path, raw)
        )
    if first["type"] == "value_error":
        return Problem(
            reference=f"{kind}.value", what=f"{name}: {first['ctx']['error']}", where=where, hint=_SCHEMA_HINT
        )
    says = dict.fromkeys(_sentence(item) for item in items)
    sentence = " or ".join(says)
    reference = f"{kind}.type" if all("type" in item["type"] for item in items) else f"{kind}.value"
    return Problem(
        reference=reference, what=f"{name} must be {sentence}, not {shown(first['input'])}", where=where,
        hint=_hint(items, path, model, raw),
    )  # fmt: skip


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "string_type": lambda ctx: "text",
    "string_unicode": lambda ctx: "text in UTF-8",
    "int_type": lambda ctx: "a whole number",
    "float_type": lambda ctx: "a number",
    "bool_type": lambda ctx: "true or false",
    "tuple_type": lambda ctx: "a list",
    "dict_type": lambda ctx: "a table",
    "model_type": lambda ctx: "a table",
    "model_attributes_type": lambda ctx: "a table",
    "finite_number": lambda ctx: "a finite number",
    "greater_than": lambda ctx: f"greater than {_number(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"at least {_number(ctx['ge'])}",
    "less_than": lambda ctx: f"less than {_number(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"at most {_number(ctx['le'])}",
    "literal_error": lambda ctx: _one_of(ctx["expected"]),
    "union_tag_invalid": lambda ctx: _one_of(ctx["expected_tags"]),
    "union_tag_not_found": lambda ctx: f"a table with the key {ctx['discriminator'].strip(chr(39))}",
    "too_short": lambda ctx: f"a list of at least {ctx['min_length']}" if ctx["field_type"] == "Tuple"
    else f"a table of at least {ctx['min_length']}",
    "too_long": lambda ctx: f"a list of at most {ctx['max_length']}",
    "string_too_short": lambda ctx: "text that is not empty",
    "string_too_long": lambda ctx: f"text of at most {ctx['max_length']} characters",
    "string_pattern_mismatch": lambda ctx: "made of letters from a to z, digits, `.`, `_` and `-`, the first no sign",
}  # fmt: skip


def _sentence(item: Mapping[str, Any]) -> str:
    make = _SENTENCES.get(item["type"])
    if make is None:
        return str(item["msg"]).removeprefix("Input should be ")
    return make(item.get("ctx") or {})


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) or value != int(value) else f"{int(value):,}"


def _one_of(expected: str) -> str:
    return expected.replace("'", '"')


def _hint(items: list[dict[str, Any]], path: KeyPath, model: type[BaseModel], raw: Any) -> str:
    """The nearest allowed word, how to write a number as text, or what the key is for."""
    value = items[0]["input"]
    for item in items:
        expected = (item.get("ctx") or {}).get("expected") or (item.get("ctx") or {}).get("expected_tags")
        if expected:
            known = re.findall(r"'([^']*)'", expected)
            close = difflib.get_close_matches(str(value).lower(), known, n=1, cutoff=0.5)
            return f"did you mean {close[0]!r}?" if close else _about(model, path, raw)
        if item["type"] == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
            return f'write it as text: "{shown(value)}"'
        if item["type"] in {"int_type", "float_type"} and isinstance(value, str) and _NUMBER.fullmatch(value):
            return f"write it without quotes: {value}"
    return _about(model, path, raw)


def known_keys(model: type[BaseModel], path: KeyPath, raw: Any) -> list[str]:
    """The keys that the types allow in the table at `path`."""
    return sorted({name for found in _models_at(model, path, raw) for name in found.model_fields})


def _about(model: type[BaseModel], path: KeyPath, raw: Any) -> str:
    """What the nearest documented field along `path` is for, on one line."""
    for end in range(len(path), 0, -1):
        key = path[end - 1]
        for found in _models_at(model, path[: end - 1], raw):
            field = found.model_fields.get(str(key))
            if field is not None and field.description:
                return f"{key}: " + " ".join(field.description.split())
    return _SCHEMA_HINT


def _models_at(model: type[BaseModel], path: KeyPath, raw: Any) -> list[type[BaseModel]]:
    """The types that may stand at `path`; where `kind` tells them apart and `raw` gives it, only that one."""
    annotations: list[Any] = [model]
    for part in path:
        annotations = [inner for annotation in annotations for inner in _step(annotation, part)]
    models = [found for annotation in annotations for found in _branches(annotation)]
    found = [item for item in models if isinstance(item, type) and issubclass(item, BaseModel)]
    here = value_at(raw, path)
    tag = here.get("kind") if isinstance(here, Mapping) else None
    return [item for item in found if tag in _tags(item)] or found


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    """What the field `kind` can be; empty where there is no such field."""
    return get_args(model.model_fields["kind"].annotation) if "kind" in model.model_fields else ()


def _step(annotation: Any, part: str | int) -> Iterator[Any]:
    """The annotations one key or index further in."""
    for branch in _branches(annotation):
        origin = get_origin(branch)
        if isinstance(branch, type) and issubclass(branch, BaseModel):
            if part in branch.model_fields:
                yield branch.model_fields[str(part)].annotation
        elif origin is dict:
            yield get_args(branch)[1]
        elif origin is tuple:
            yield get_args(branch)[0]


def _branches(annotation: Any) -> Iterator[Any]:
    """The members of unions and annotated types, flat."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _branches(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _branches(member)
    else:
        yield annotation
