"""Arms by name or pattern, as `--only` takes them."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that are `pattern`, or that it matches as a shell pattern (`*`, `?`, `[…]`; `*` also matches `/`)."""
    return [name for name in names if name == pattern or fnmatchcase(name, pattern)]
