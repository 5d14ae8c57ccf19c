"""The docstrings of a table's keys, read from the source of its type when somebody asks.

pydantic can read them as a type is made (`use_attribute_docstrings`): a quarter of the time that a command took to
start, for what only hints and the schema print.
"""

import ast
import inspect
from functools import cache
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel


@cache
def key_docs(model: type[BaseModel]) -> dict[str, str]:
    """The docstring below the field of each key, inherited ones included; a key without one is left out."""
    docs: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            own = _own_docs(base)
            docs = {name: text for name, text in docs.items() if name not in base.__annotations__} | own
    return {field.alias or name: docs[name] for name, field in model.model_fields.items() if name in docs}


def _own_docs(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings below the fields that a type itself declares."""
    file = inspect.getsourcefile(model)
    body = [] if file is None else _classes(file).get(model.__qualname__, [])
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@cache
def _classes(file: str) -> dict[str, list[ast.stmt]]:
    """The statements of each class at the top of a file."""
    tree = ast.parse(Path(file).read_bytes())
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
