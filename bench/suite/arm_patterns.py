"""Arms by name or pattern, as `--only` takes them."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from bench.errors import Problem, did_you_mean


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that are `pattern`, or that it matches as a shell pattern (`*`, `?`, `[…]`; `*` also matches `/`)."""
    return [name for name in names if name == pattern or fnmatchcase(name, pattern)]


def unknown_arms(names: Sequence[str], only: Iterable[str]) -> list[Problem]:
    """One problem for each pattern of `--only` that no arm of these names has."""
    return [
        Problem(
            reference="run.unknown-arm",
            what=f"the suite has no arm {pattern!r}",
            where=f"--only {pattern}",
            hint=did_you_mean(pattern, names),
        )
        for pattern in only
        if not matching(pattern, names)
    ]
