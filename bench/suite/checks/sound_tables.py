"""Faults of the tables that are sound, where another table of the suite has a wrong key or type.

Contract: only what a table shows by itself, and names that the other tables have: nothing that could follow from the
faulty table, which is left out or stripped of its wrong keys.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import Problem, collected
from bench.suite.checks.check import check
from bench.suite.checks.data.data_references import resolve_references
from bench.suite.reading.key_types import KeyPath, value_at
from bench.suite.reading.pydantic_errors import fault_paths, spell
from bench.suite.tables.suite import Suite

_BY_NAME = ("data", "recipe", "models", "eval", "claim")
"""Keys whose tables have names or numbers."""
_OF_ONE_TABLE = frozenset({"choice", "data", "eval", "given", "metric", "model", "recipe", "template"})
_OF_SEVERAL = frozenset({"model.context-length", "recipe.max-length"})
_NAMES = frozenset({"suite.unknown-name", "suite.reference"})
_PLACE = re.compile(r"(eval|claim)\[(\d+)\]")
_STAND_INS: Mapping[str, Any] = {
    "name": "suite",
    "question": "?",
    "model": {"card": "micro"},
    "data": {"d": {"source": "micro:curated"}},
    "recipe": {"r": {"method": "full", "learning_rate": 1e-5}},
    "budget": {"unit": "steps", "amount": 1},
    "arms": {"data": ("d",), "recipe": ("r",)},
}
"""Tables without fault, for those that a suite must have and that are missing or left out."""


def other_problems(raw: Mapping[str, Any], error: ValidationError, base: Path) -> Iterator[Problem]:
    """Problems of the suite `raw` beside those of `error`: without its faulty keys, or else without their tables; none
    where neither is enough. `base`: the suite file's folder."""
    faulty = {path for path in fault_paths(error, raw) if path}
    tables = {path[: 2 if path[0] in _BY_NAME else 1] for path in faulty}
    for left_out in (faulty, tables):
        sound = _without(raw, left_out)
        missing = {key: table for key, table in _STAND_INS.items() if not sound.get(key)}
        if sound.get("models"):
            missing.pop("model", None)
        try:
            suite = Suite.model_validate({**sound, **missing}, strict=True)
        except ValidationError:
            continue
        whole = not missing and not any(_holds_names(raw, path, tables) for path in left_out)
        for problem in _checked(suite, base):
            placed = _placed(problem, left_out)
            kind = placed.reference.partition(".")[0]
            own = kind in _OF_ONE_TABLE and placed.reference not in _OF_SEVERAL
            named = whole and placed.reference in _NAMES
            if (own or named) and not any(_is_in(placed.where, spell(table)) for table in tables):
                yield placed
        return


def _holds_names(raw: Mapping[str, Any], path: KeyPath, tables: set[KeyPath]) -> bool:
    """Whether other tables may name what was left out: it is a table, or is where one with a name belongs."""
    return isinstance(value_at(raw, path), Mapping | tuple) or (path in tables and path[0] in _BY_NAME)


def _checked(suite: Suite, base: Path) -> list[Problem]:
    problems: list[Problem] = []
    with collected(problems):
        problems += check(resolve_references(suite), base)
    return problems


def _without(node: Any, paths: set[KeyPath]) -> Any:
    ends = {path[0] for path in paths if len(path) == 1}
    if not paths or not isinstance(node, Mapping | tuple):
        return node
    items = node.items() if isinstance(node, Mapping) else enumerate(node)
    kept = {
        key: _without(item, {path[1:] for path in paths if path[0] == key}) for key, item in items if key not in ends
    }
    return kept if isinstance(node, Mapping) else tuple(kept.values())


def _placed(problem: Problem, left_out: set[KeyPath]) -> Problem:
    """The problem at the number that its table has in the file, where tables before it were left out."""
    match = _PLACE.match(problem.where or "")
    if match is None:
        return problem
    index = int(match[2])
    for number in sorted(int(path[1]) for path in left_out if len(path) == 2 and path[0] == match[1]):
        index += number <= index
    return replace(problem, where=f"{match[1]}[{index}]{(problem.where or '')[match.end() :]}")


def _is_in(where: str | None, table: str) -> bool:
    return where is not None and where.startswith(table) and where[len(table) :][:1] in ("", ".", "[")
