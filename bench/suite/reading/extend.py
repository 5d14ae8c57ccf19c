"""`extends = "other.toml"`: one suite file laid over another, key by key, its profiles over the other's profiles.

Contract: reading gives one table without `extends`, as if it had been written in one file. Paths in the extended file
mean that file's folder, wherever the extending file is.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem
from bench.suite.reading.overlay import localise, merge
from bench.suite.reading.paths import beside
from bench.suite.reading.pydantic_errors import shown
from bench.suite.reading.toml import TomlTable, read_toml

Find = Callable[[str], Path]
"""The file of a shipped suite's name or of a path; raises `InputError` where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSuite:
    """A suite file with what it extends under it."""

    table: TomlTable
    sha256: str
    """Hash of the file's bytes; with an extended file, of both hashes."""


def read_extended(path: Path, find: Find, seen: tuple[Path, ...] = ()) -> RawSuite:
    """The table of `path`. Raises `InputError` for a file that is missing, malformed, or extends itself by any way."""
    table, raw = read_toml(path, kind="suite")
    sha256 = hashlib.sha256(raw).hexdigest()
    wanted = table.pop("extends", None)
    if wanted is None:
        return RawSuite(table=table, sha256=sha256)
    here = path.resolve()
    other = _other(wanted, path, find)
    _refuse_circle((*seen, here), other)
    under = read_extended(other, find, (*seen, here))
    base = under.table
    if other.resolve().parent != here.parent:
        base = _localised(base, other.resolve().parent)
    digest = hashlib.sha256(f"{under.sha256}{sha256}".encode()).hexdigest()
    return RawSuite(table=_laid_over(base, table), sha256=digest)


def _other(wanted: object, path: Path, find: Find) -> Path:
    if not isinstance(wanted, str) or not wanted or "\0" in wanted:
        what = f"extends must be the path of a suite file or the name of a shipped suite, not {shown(wanted)}"
        raise InputError(Problem(reference="suite.type", what=what, where="extends", hint='extends = "other.toml"'))
    if os.path.lexists(file := beside(path.parent, wanted, "extends")):
        return file
    try:
        return find(wanted)
    except InputError as error:
        problem = error.problems[0]
        hint = f"{problem.hint}; a path is relative to the suite file"
        raise InputError(
            Problem(reference="suite.extends", what=problem.what, where=f"extends, in {path.name}", hint=hint)
        ) from None


def _refuse_circle(seen: tuple[Path, ...], other: Path) -> None:
    if other.resolve() in seen:
        circle = [*seen[seen.index(other.resolve()) :], other.resolve()]
        what = "these suites extend each other in a circle: " + " → ".join(file.name for file in circle)
        hint = "take extends out of one of them"
        raise InputError(Problem(reference="suite.extends", what=what, where="extends", hint=hint))


def _laid_over(base: TomlTable, over: TomlTable) -> TomlTable:
    """Profiles apart, because what their keys mean begins anew in each."""
    merged = merge({**base, "profile": None}, {**over, "profile": None})
    profiles, others = base.get("profile", {}), over.get("profile", {})
    if not isinstance(profiles, dict) or not isinstance(others, dict):
        return {**merged, "profile": others or profiles}  # told as malformed by the reader
    laid: dict[str, Any] = dict(profiles)
    for name, table in others.items():
        old = laid.get(name)
        laid[name] = merge(old, table) if isinstance(old, dict) and isinstance(table, dict) else table
    return {**merged, "profile": laid}


def _localised(table: TomlTable, folder: Path) -> TomlTable:
    local = {key: localise((key,), value, folder) for key, value in table.items() if key != "profile"}
    profiles = table.get("profile", {})
    if isinstance(profiles, dict):
        profiles = {
            name: {key: localise((key,), value, folder) for key, value in profile.items()}
            if isinstance(profile, dict) else profile
            for name, profile in profiles.items()
        }  # fmt: skip
    return {**local, "profile": profiles}
