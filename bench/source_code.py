"""What one Python file says, for the digest of a job's code: its syntax without docstrings and comments, its imports
from this package, the files it reads.
"""

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.digest import digest_file


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a file takes from the package."""

    scope: str
    """Functions and classes around the import; empty at the top."""
    module: str
    name: str | None
    """`None`: the module itself."""
    local: str
    """What the file calls it."""


@dataclass(frozen=True, slots=True)
class SourceCode:
    """One file, as far as it counts."""

    form: str | None
    """Hash of its statements without imports from the package; `None` where it has none."""
    imports: tuple[Import, ...] = ()
    resources: tuple[tuple[int, str], ...] = ()
    """Files and folders that it reads: how many folders up, and the path from there."""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """The source from its fields, as JSON keeps them."""
        imports = tuple(Import(**imported) for imported in fields["imports"])
        return cls(fields["form"], imports, tuple((up, name) for up, name in fields["resources"]))


def parse_source(file: Path, package: str) -> SourceCode:
    if file.suffix != ".py":
        return SourceCode(form=digest_file(file))
    reading = _Reading(package)
    reading.visit(ast.parse(file.read_bytes()), ())
    form = digest_of(reading.form) if reading.statements else None
    return SourceCode(form=form, imports=tuple(reading.imports), resources=tuple(reading.resources))


class _Reading:
    """One pass over a file's syntax tree."""

    def __init__(self, package: str) -> None:
        self.form: list[str] = []
        self.statements = 0
        self.imports: list[Import] = []
        self.resources: list[tuple[int, str]] = []
        self._package = package

    def visit(self, node: object, scope: tuple[str, ...]) -> None:
        """Add what counts of `node` and of all below it."""
        if isinstance(node, list):
            self.form.append("[")
            for item in node:
                self.visit(item, scope)
            self.form.append("]")
        elif not isinstance(node, ast.AST):
            self.form.append(repr(node))
        elif not isinstance(node, ast.stmt):
            self._add(node, scope)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            for statement in node.orelse:
                self.visit(statement, scope)
        elif not _is_text(node) and not self._is_own_import(node, scope):
            self.statements += not _is_future(node)
            self._add(node, (*scope, node.name) if isinstance(node, _SCOPES) else scope)

    def _add(self, node: ast.AST, scope: tuple[str, ...]) -> None:
        if isinstance(node, _PATHS) and (resource := _resource(node)) is not None:
            self.resources.append(resource)
        self.form.append(type(node).__name__)
        for field in node._fields:
            self.visit(getattr(node, field, None), scope)

    def _is_own_import(self, node: ast.AST, scope: tuple[str, ...]) -> bool:
        """Whether `node` imports from the package only; what it takes is kept apart from the statements."""
        if not isinstance(node, _IMPORTS):
            return False
        place = ".".join(scope)
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError("relative imports are not followed")
            module = node.module or ""
            if not self._is_own(module):
                return False
            self.imports += [Import(place, module, alias.name, alias.asname or alias.name) for alias in node.names]
            return True
        imported = [alias for alias in node.names if self._is_own(alias.name)]
        self.imports += [Import(place, alias.name, None, alias.asname or "") for alias in imported]
        return len(imported) == len(node.names)

    def _is_own(self, module: str) -> bool:
        return module.partition(".")[0] == self._package


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_PATHS = (ast.BinOp, ast.Call)
"""Expressions that may name a file beside the code."""


def _is_text(node: ast.stmt) -> bool:
    """A docstring, or a text below an attribute."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _resource(node: ast.AST) -> tuple[int, str] | None:
    """What an expression such as `Path(__file__).parent / "templates"` names: folders up, path from there."""
    match node:
        case ast.BinOp(left=folder, op=ast.Div(), right=ast.Constant(value=str() as name)):
            up = _folders_up(folder)
            return None if up is None else (up, name)
        case ast.Call(func=ast.Attribute(value=file, attr="with_name"), args=[ast.Constant(value=str() as name)]):
            return (0, name) if _is_file(file) else None
    return None


def _folders_up(node: ast.expr) -> int | None:
    match node:
        case ast.Attribute(value=file, attr="parent") if _is_file(file):
            return 0
        case ast.Subscript(value=ast.Attribute(value=file, attr="parents"), slice=ast.Constant(value=int() as up)):
            return up if _is_file(file) else None
    return None


def _is_file(node: ast.expr) -> bool:
    """Whether `node` is `Path(__file__)`, resolved or not."""
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="resolve")):
            return _is_file(inner)
        case ast.Call(func=ast.Name(id="Path"), args=[ast.Name(id="__file__")]):
            return True
    return False


def digest_of(value: object) -> str:
    """SHA-256 (hex) of a value's `repr`."""
    return hashlib.sha256(repr(value).encode()).hexdigest()
