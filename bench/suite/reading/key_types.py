"""The types behind the keys of a file: what is allowed at a path, and what it is for."""

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from bench.suite.reading.key_docs import key_docs

KeyPath = tuple[str | int, ...]

SCHEMA_HINT = "`bench schema` prints every key, its type and its meaning"


def value_at(raw: Any, path: KeyPath) -> Any:
    """Value at `path`; `None` without one."""
    node = raw
    for part in path:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def known_keys(model: type[BaseModel], path: KeyPath, raw: Any) -> list[str]:
    """The keys that the types allow in the table at `path`."""
    return sorted({name for allowed in models_at(model, path, raw) for name in allowed.model_fields})


def about(model: type[BaseModel], path: KeyPath, raw: Any) -> str:
    """The documentation of the nearest documented field along `path`, on one line."""
    for end in range(len(path), 0, -1):
        key = path[end - 1]
        for allowed in models_at(model, path[: end - 1], raw):
            if text := key_docs(allowed).get(str(key)):
                return f"{key}: " + " ".join(text.split())
    return SCHEMA_HINT


def choices(model: type[BaseModel], path: KeyPath, raw: Any) -> list[str]:
    """The words of which the key at `path` is one, over all tables that are allowed there; empty where it is free."""
    fields = [table.model_fields.get(str(path[-1])) for table in models_at(model, path[:-1], raw)]
    given = [branch for field in fields if field is not None for branch in branches(field.annotation)]
    literal = [branch for branch in given if get_origin(branch) is Literal]
    words = [word for branch in literal for word in get_args(branch) if isinstance(word, str)]
    return [*dict.fromkeys(words)] if len(literal) == len(given) else []


def models_at(model: type[BaseModel], path: KeyPath, raw: Any) -> list[type[BaseModel]]:
    """Types that are allowed at `path`; only that of the `kind` that `raw` gives, where types differ by it."""
    annotations: list[Any] = [model]
    for part in path:
        annotations = [inner for annotation in annotations for inner in step(annotation, part)]
    models = [branch for annotation in annotations for branch in branches(annotation)]
    tables = [item for item in models if isinstance(item, type) and issubclass(item, BaseModel)]
    here = value_at(raw, path)
    tag = here.get("kind") if isinstance(here, Mapping) else None
    return [item for item in tables if tag in tags(item)] or tables


def tags(model: type[BaseModel]) -> tuple[Any, ...]:
    """What the field `kind` can be; empty where there is no such field."""
    return get_args(model.model_fields["kind"].annotation) if "kind" in model.model_fields else ()


def step(annotation: Any, part: str | int) -> Iterator[Any]:
    """The annotations one key or index further in."""
    for branch in branches(annotation):
        origin = get_origin(branch)
        if isinstance(branch, type) and issubclass(branch, BaseModel):
            if part in branch.model_fields:
                yield branch.model_fields[str(part)].annotation
        elif origin is dict:
            yield get_args(branch)[1]
        elif origin is tuple:
            yield get_args(branch)[0]


def branches(annotation: Any) -> Iterator[Any]:
    """The members of unions and annotated types, flat."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from branches(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from branches(member)
    else:
        yield annotation
