"""Data tables that are wrong: what can be taken of the others all the same."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from bench.errors import InputError, Problem
from bench.suite.checks.data.data_dependencies import closure
from bench.suite.tables.data import DataSpec

T = TypeVar("T")

_NOT_WRITABLE = "home.not-writable"
"""Reference of the problem of `bench.data.store.writable`."""


class TableError(InputError):
    """Raised where rows of some tables cannot be had. `names`: these tables."""

    def __init__(self, problems: Iterable[Problem], *, names: Collection[str]) -> None:
        super().__init__(problems)
        self.names = frozenset(names)


def of_sound_tables(
    specs: Mapping[str, DataSpec],
    take: Callable[[Mapping[str, DataSpec]], dict[str, T]],
    problems: list[Problem],
    *,
    but: Collection[str] = (),
) -> dict[str, T]:
    """What `take` gives of the tables that are not wrong and need none that is. What it raises of the others goes to
    `problems`: one table's fault hides no other's. `but`: tables that are known to be wrong. Raises `TableError` where
    rows cannot be stored, as nothing else could be then."""
    right = specs.keys() - set(but)
    while sound := {name: spec for name, spec in specs.items() if closure({name}, specs) <= right}:
        try:
            return take(sound)
        except TableError as error:
            if any(problem.reference == _NOT_WRITABLE for problem in error.problems):
                raise
            problems += error.problems
            right &= sound.keys() - error.names
    return {}
