"""From a TOML file to a checked `Suite`: read, merge a profile, apply `--set`, validate, refer, check.

Contract: `load_suite` gives a suite in which every name is known and every file is there, or one `InputError` with all
that is wrong. Nothing is written and nothing heavy is imported.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import InputError, Problem, collected, did_you_mean
from bench.places import shipped
from bench.suite.checks.check import check
from bench.suite.checks.data.data_references import resolve_references
from bench.suite.checks.endpoints import scores_text
from bench.suite.checks.metric_code import metric_code_problems
from bench.suite.checks.models.distribution import distribution_problems, inline_deepspeed
from bench.suite.checks.sound_tables import other_problems
from bench.suite.checks.task_files.check import code_problems
from bench.suite.reading.checkpoints import with_checkpoints
from bench.suite.reading.deployed_claims import with_deployed_claims
from bench.suite.reading.extend import read_extended
from bench.suite.reading.key_types import KeyPath, value_at
from bench.suite.reading.overlay import Override, apply_overrides, merge
from bench.suite.reading.pydantic_errors import explain, freeze, shown, spell
from bench.suite.reading.toml import TomlTable
from bench.suite.tables.suite import Suite

_CONCLUSIONS = ("claim[", "control", "decision", "gate", "deploy")
"""Tables that decide nothing of which rows are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSuite:
    """A checked suite and where it came from."""

    suite: Suite
    profile: str | None
    """The profile that was laid over it, named on the command line or by `default_profile`."""
    overrides: tuple[str, ...]
    """`--set` arguments as given."""
    path: Path
    """The suite file, absolute. Its folder is what relative paths in it mean."""
    sha256: str
    """Hash of the file's bytes, and of the bytes of the file that it extends."""
    trust_remote_code: bool = False
    """Whether models may run code that they bring. No key of a suite says so: only the command line does."""
    trust_commands: bool = False
    """Whether recipes may run the programs that they name; the same."""


LoadWith = Callable[[Sequence[str]], LoadedSuite]
"""A suite, loaded with further `--set` arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFile:
    """A suite file before a profile is chosen."""

    path: Path
    sha256: str
    table: TomlTable
    """Without the two keys below."""
    profiles: Mapping[str, TomlTable]
    default_profile: str | None


def load_suite(
    source: str | Path,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    trust_remote_code: bool = False,
    trust_commands: bool = False,
    refuse_task_code: bool = False,
    also: Callable[[Suite], Iterable[Problem]] = lambda suite: (),
    rows: Callable[[LoadedSuite], Iterable[Problem]] = lambda loaded: (),
) -> LoadedSuite:
    """The suite at `source` (a path, or the bare name of a shipped suite) under `profile`, else its default one.

    `trust_remote_code`, `trust_commands`: as the command line says. `refuse_task_code`: code in task files is a
    problem, as it is to `bench run` without `--trust-task-code`. `also`: one more check; `rows`: one of suites whose
    names say which rows they read. Raises `InputError` with all problems: of the file's syntax alone, else of keys and
    types with those of the other tables' files, else of names, files, `rows` and `also`.
    """
    built = _build(read_suite_file(source), profile, overrides)
    loaded = _check(built, refuse_task_code=refuse_task_code, also=also, rows=rows)
    return dataclasses.replace(loaded, trust_remote_code=trust_remote_code, trust_commands=trust_commands)


def validate_all_profiles(
    source: str | Path,
    *,
    refuse_task_code: bool = False,
    rows: Callable[[LoadedSuite], Iterable[Problem]] = lambda loaded: (),
) -> dict[str, LoadedSuite]:
    """Every profile of a suite, checked, by name; the suite without a profile under the empty name, where it can run.

    `refuse_task_code`, `rows`: as for `load_suite`. Raises `InputError` with the problems of all profiles, each once.
    """
    file = read_suite_file(source)
    checked: dict[str, LoadedSuite] = {}
    problems: list[Problem] = []
    for name in _runnable(file):
        with collected(problems):
            checked[name] = _check(_build(file, name or None, ()), refuse_task_code=refuse_task_code, rows=rows)
    if problems:
        raise InputError(dict.fromkeys(problems))
    return checked


def build_all_profiles(source: str | Path) -> dict[str, Suite]:
    """Like `validate_all_profiles`, of well-formed profiles, without looking at the files that they name."""
    file = read_suite_file(source)
    return {name: _build(file, name or None, ()).suite for name in _runnable(file)}


def _runnable(file: SuiteFile) -> tuple[str, ...]:
    """All that `--profile` can mean: without a default profile also the plain suite, named by the empty text."""
    return (*(() if file.default_profile else ("",)), *file.profiles)


def read_suite_file(source: str | Path) -> SuiteFile:
    """Finds and reads a suite file, laid over the one that it extends, and takes its profiles apart."""
    path = find_suite(source)
    raw = read_extended(path, find_suite)
    table = raw.table
    profiles = table.pop("profile", {})
    default = table.pop("default_profile", None)
    problems = list(_profile_problems(profiles, default))
    if problems:
        raise InputError(problems)
    return SuiteFile(
        path=Path(os.path.abspath(path)), sha256=raw.sha256, table=table,  # noqa: PTH100  # a link stays a link
        profiles=profiles, default_profile=default,
    )  # fmt: skip


def find_suite(source: str | Path) -> Path:
    """The file that `source` means. Raises `InputError` where there is none."""
    text = str(source)
    if os.path.lexists(text) if "\0" not in text else False:
        return Path(text)
    names = suite_names()
    if text in names:
        return shipped("suites") / f"{text}.toml"
    hint = did_you_mean(Path(text).stem[:100], names)
    what = f"there is no suite {shown(text, quote=True)}"
    raise InputError(Problem(reference="suite.missing", what=what, where=text, hint=hint))


def suite_names() -> tuple[str, ...]:
    """Names of the shipped suites, sorted; those in a folder as `tutorials/NAME`."""
    folder = shipped("suites")
    files = [*folder.glob("*.toml"), *folder.glob("tutorials/*.toml")]
    return tuple(sorted(file.relative_to(folder).with_suffix("").as_posix() for file in files))


def _profile_problems(profiles: object, default: object) -> list[Problem]:
    if not isinstance(profiles, dict):
        what = f"profile must be a table of profiles, not {shown(profiles)}"
        return [Problem(reference="suite.type", what=what, where="profile", hint="write [profile.NAME]")]
    problems = [
        Problem(
            reference="suite.type", what=f"profile.{shown(name, quote=True)} must be a table, not {shown(table)}",
            where=spell(("profile", name)), hint=f"write [profile.{spell((name,))}]",
        )
        for name, table in profiles.items()
        if not isinstance(table, dict)
    ]  # fmt: skip
    problems += [
        Problem(
            reference="suite.profile-name", where=spell(("profile", name)),
            what=f"{shown(name, quote=True)} is no name for a profile",
            hint="letters, digits, `.`, `_` and `-`, beginning with a letter or digit: it names a folder of the run",
        )
        for name in profiles
        if not _is_name(name)
    ]  # fmt: skip
    if default is not None and not isinstance(default, str):
        what = f"default_profile must be text, not {shown(default)}"
        hint = did_you_mean("", profiles, none="this suite has no profiles")
        problems.append(Problem(reference="suite.type", what=what, where="default_profile", hint=hint))
    elif default is not None and default not in profiles:
        problems.append(_unknown_profile(default, profiles, "default_profile"))
    return problems


def _is_name(name: str) -> bool:
    return name.isascii() and name[:1].isalnum() and len(name) <= 64 and all(c.isalnum() or c in "._-" for c in name)


def _unknown_profile(name: str, profiles: Mapping[str, TomlTable], where: str) -> Problem:
    hint = did_you_mean(name, profiles, none="this suite has no profiles")
    what = f"there is no profile {shown(name, quote=True)}"
    return Problem(reference="suite.unknown-profile", what=what, where=where, hint=hint)


def _build(file: SuiteFile, profile: str | None, overrides: Sequence[str]) -> LoadedSuite:
    """The typed suite of one profile, references followed, nothing around it looked at."""
    name = profile if profile is not None else file.default_profile
    if name is not None and name not in file.profiles:
        raise InputError(_unknown_profile(name, file.profiles, "--profile"))
    overlay = {} if name is None else file.profiles[name]
    before = merge(file.table, overlay)
    table, applied = apply_overrides(before, overrides, folder=Path.cwd())
    raw = freeze(table)

    def locate(path: KeyPath) -> str:
        return _origin(path, applied, name, overlay, before)

    try:
        suite = Suite.model_validate(raw, strict=True)
    except ValidationError as error:
        named = [*explain(error, raw, Suite, kind="suite", locate=locate), *_no_model(error, raw)]
        raise InputError([*named, *other_problems(raw, error, file.path.parent)]) from None
    folder = file.path.parent
    suite = with_checkpoints(resolve_references(suite), folder)
    suite = with_deployed_claims(suite, lambda spec: scores_text(spec, folder))
    return LoadedSuite(suite=suite, profile=name, overrides=tuple(overrides), path=file.path, sha256=file.sha256)


def _no_model(error: ValidationError, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Problem of a suite without a base: the types report it only once every key is right."""
    if not raw.keys() & {"model", "models"} and all(item["loc"] for item in error.errors(include_url=False)):
        hint = '[model] with card = "micro", repo = "OWNER/NAME" or path = "FOLDER"'
        yield Problem(reference="suite.missing-key", what="model is missing", where="model", hint=hint)


def _origin(
    path: KeyPath, applied: Sequence[Override], profile: str | None, overlay: Mapping[str, Any], before: TomlTable
) -> str:
    """Where the reader finds the key: an argument, the profile that gave it, or the suite's own tables."""
    for override in reversed(applied):
        inside = override.path == path[: len(override.path)]
        creates = path == override.path[: len(path)] and value_at(before, path) is None
        if inside or creates:
            return f"{spell(path)}, by --set {shown(override.text, quote=True)[1:-1]}"
    in_profile = profile is not None and path and value_at(overlay, path) is not None
    return spell(("profile", str(profile), *path)) if in_profile else spell(path)


def _hides_rows(problem: Problem) -> bool:
    """Whether it may be unknown which rows the suite reads: a wrong name, but for those in what is concluded."""
    return problem.reference.startswith("suite.") and not (problem.where or "").startswith(_CONCLUSIONS)


def _check(
    loaded: LoadedSuite,
    *,
    refuse_task_code: bool,
    also: Callable[[Suite], Iterable[Problem]] = lambda suite: (),
    rows: Callable[[LoadedSuite], Iterable[Problem]],
) -> LoadedSuite:
    base = loaded.path.parent
    problems = [*check(loaded.suite, base), *distribution_problems(loaded.suite, base)]
    if refuse_task_code:
        problems += [*code_problems(loaded.suite, base), *metric_code_problems(loaded.suite.eval)]
    if not any(map(_hides_rows, problems)):
        reported = {problem.what for problem in problems}
        problems += [problem for problem in rows(loaded) if problem.what not in reported]
    problems += also(loaded.suite)
    if problems:
        raise InputError(problems)
    return dataclasses.replace(loaded, suite=inline_deepspeed(loaded.suite, base))
