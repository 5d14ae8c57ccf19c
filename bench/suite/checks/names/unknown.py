"""A name that nothing in the suite has."""

from collections.abc import Iterable

from bench.errors import Problem, did_you_mean


def unknown_name(kind: str, name: str, where: str, names: Iterable[str]) -> Problem:
    """The problem, with the nearest of `names`."""
    what = f"there is no {kind} {name!r} in this suite"
    return Problem(reference="suite.unknown-name", what=what, where=where, hint=did_you_mean(name, names))
