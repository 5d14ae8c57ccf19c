"""Which lm-eval tasks there are, found without importing lm-eval: names and metrics out of its YAML files.

Contract: reading a task file never runs code. Building lm-eval's own index takes seconds and needs the library; here a
task is looked for by its file's name first, and all 14,000 files are read only for a name that was not found so.
"""

import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from bench.errors import InputError, Problem
from bench.suite.catalog.folder_files import files_below

_NAMING = re.compile(
    rb"""^[ \t]*(?:-[ \t]+)?["']?(?:task|group|tag)["']?[ \t]*:[ \t]*(.*?)[ \t]*(?:#.*)?\r?$"""
    rb"""|^[ \t]*-[ \t]+["']?([\w./()-]+)["']?[ \t]*(?:[ \t]\#.*)?\r?$""",
    re.MULTILINE,
)
_WORD = re.compile(rb"[\w./()-]+")


_MOST_BYTES = 4 << 30
"""Bytes in a folder of task files: all of them are hashed."""


class FunctionName(str):
    """What a task file names by `!function`, or by any other tag: known by name, and never called."""

    __slots__ = ()


class _TolerantLoader(yaml.SafeLoader):
    """Reads `!function` and any other tag as a name: a check has no business calling them."""


def _as_text(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    return FunctionName(loader.construct_scalar(node)) if isinstance(node, yaml.ScalarNode) else None


_TolerantLoader.add_multi_constructor("!", _as_text)


def task_folder_files(folder: Path) -> list[Path]:
    """All files in and below a folder of task files, sorted. Raises `InputError` for what is clearly something else."""
    return files_below(folder, where=f"include = {str(folder)!r}", most_bytes=_MOST_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFolder:
    """What a folder of task files defines."""

    files: Mapping[str, Path]
    """Tasks and groups by name, with their files."""
    tags: Mapping[str, tuple[str, ...]]
    """Tags, with the tasks that have them."""
    problems: tuple[Problem, ...]
    """Files that are malformed, that lm-eval does not read, or that define a name again."""
    malformed: bool
    """Whether a file could not be read, so that a name may be missing for that alone."""

    @property
    def names(self) -> frozenset[str]:
        """All that an eval can ask for."""
        return frozenset(self.files) | frozenset(self.tags)


def read_task_folder(folder: Path) -> TaskFolder:
    """All task files in and below `folder`. Raises `InputError` for a folder that cannot be one of task files."""
    files: dict[str, Path] = {}
    tags: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    malformed = False
    for path in (path for path in task_folder_files(folder) if path.suffix in {".yaml", ".yml"}):
        try:
            content = read_task_file(path)
        except InputError as error:
            problems.extend(error.problems)
            malformed = True
            continue
        for name in _names(content):
            problems.extend(_unread(name, path, files.get(name)))
            files.setdefault(name, path)
            for tag in _listed(content.get("tag")):
                tags[tag] = (*tags.get(tag, ()), name)
    return TaskFolder(files=files, tags=tags, problems=tuple(problems), malformed=malformed)


def local_tasks(folder: Path) -> dict[str, Path]:
    """Names that the task files of `folder` define, with their files.

    Raises `InputError` with all that is wrong with them, or for a folder that cannot be one of task files.
    """
    read = read_task_folder(folder)
    if read.problems:
        raise InputError(read.problems)
    return dict(read.files)


def _unread(name: str, path: Path, earlier: Path | None) -> Iterator[Problem]:
    """Why lm-eval would not take the task `name` from this file."""
    if path.suffix == ".yml":
        what = f"task file {path.name}: lm-eval reads files that end in .yaml only"
        hint = f"rename it: {path.stem}.yaml"
        yield Problem(reference="eval.task-file", what=what, where=str(path), hint=hint)
    elif earlier is not None:
        what = f"task file {path.name}: {name!r} is defined in {earlier.name} already, and lm-eval takes the first"
        yield Problem(reference="eval.task-file", what=what, where=str(path), hint="rename one, or remove one file")


def _listed(value: object) -> tuple[str, ...]:
    """One text, or a list of texts."""
    found = value if isinstance(value, list) else [value]
    return tuple(item for item in found if isinstance(item, str))


def read_task_file(path: Path) -> dict[str, Any]:
    """One task file's keys, `!function` values as text. Raises `InputError` where it is not YAML or not a mapping."""
    try:
        found = _parsed(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        found = _malformed(path, f"cannot be read: {error}")
    if isinstance(found, Problem):
        raise InputError(found)
    return dict(found)


@lru_cache(maxsize=256)
def _parsed(path: Path, text: str) -> dict[str, Any] | Problem:
    """Keys in a file with this text, or what is wrong with it. Remembered: the checks of one suite read a file many
    times, and PyYAML is slow."""
    try:
        content = yaml.load(text, Loader=_TolerantLoader)  # noqa: S506  # a SafeLoader
    except RecursionError as error:
        return _malformed(path, f"cannot be read: {error}")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        return _malformed(path, f"not YAML: {getattr(error, 'problem', None) or error}", place)
    return content if isinstance(content, dict) else _malformed(path, "not a table of keys")


def included_files(path: Path, content: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files that a task file with these keys includes, whether or not they are there."""
    return tuple(path.parent / name for name in _listed(content.get("include")))


def with_included(path: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """A task file and the files that it includes, which may include others. Missing files are left out."""
    if path.is_file() and path.resolve() not in above:
        yield path
        for part in included_files(path, read_task_file(path)):
            yield from with_included(part, (*above, path.resolve()))


def merged_keys(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A task file's keys over those of the files that it includes, missing files left out."""
    content = read_task_file(path)
    merged: dict[str, Any] = {}
    for part in included_files(path, content):
        if part.is_file() and part.resolve() not in (*above, path.resolve()):
            merged |= merged_keys(part, (*above, path.resolve()))
    content.pop("include", None)
    return {**merged, **content}


def task_metrics(path: Path) -> tuple[str, ...] | None:
    """Metrics that a task file lists, its includes followed; `None` where it leaves them to lm-eval."""
    listed = merged_keys(path).get("metric_list")
    if not isinstance(listed, list):
        return None
    return tuple(str(item["metric"]) for item in listed if isinstance(item, dict) and "metric" in item)


@cache
def installed_task_file(name: str) -> Path | None:
    """The YAML file of lm-eval's own task `name`, where the file is called after it and defines it."""
    endings = (f"/{name}.yaml", f"/{name}.yml", f"/{name}")
    called_so = (Path(path) for path in _installed_paths() if path.endswith(endings))
    return next((path for path in called_so if name.encode() in names_in(path.read_bytes())), None)


@cache
def installed_definition(name: str) -> Path | None:
    """The file that defines lm-eval's own task, group or tag `name` (of a tag, a task that has it), whatever it is
    called; `None` without one. Reads all files (1 to 2 s) for a name that no file is called after."""
    if (named := installed_task_file(name)) is not None:
        return named
    tagged = None
    for path in (path for path in installed_files() if path.suffix in {".yaml", ".yml"}):
        if (raw := path.read_bytes()).find(name.encode()) < 0 or name.encode() not in names_in(raw):
            continue
        content = read_task_file(path)
        if name in _names(content):
            return path
        tagged = tagged or (path if name in _listed(content.get("tag")) else None)
    return tagged


@cache
def installed_task_names() -> frozenset[str]:
    """Tasks, groups and tags of the installed lm-eval, by reading all its files (1 to 2 s); empty without lm-eval."""
    return frozenset(name.decode() for path in installed_files() for name in names_in(path.read_bytes()))


def _names(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The group that a file defines, else the task."""
    return _listed(content["group"] if "group" in content else content.get("task"))[:1]


def names_in(raw: bytes) -> Iterator[bytes]:
    """Words of a task file beside `task:`, `group:` and `tag:`, and list items of one word; these may be more names
    than there are."""
    for key, item in _NAMING.findall(raw):
        yield from [item] if item else _WORD.findall(key)


@cache
def installed_files() -> tuple[Path, ...]:
    """Task files of the installed lm-eval and what they include; none without lm-eval."""
    return tuple(map(Path, _installed_paths()))


@cache
def _installed_paths() -> tuple[str, ...]:
    """Paths of `installed_files` as text: there are 14,000, and objects for all of them take ten times as long."""
    spec = importlib.util.find_spec("lm_eval")  # finds, does not import
    roots = spec.submodule_search_locations if spec is not None else None
    if not roots:
        return ()
    return tuple(
        f"{folder}/{name}"
        for folder, _, names in os.walk(f"{next(iter(roots))}/tasks")
        for name in names
        if name.endswith((".yaml", ".yml")) or "." not in name  # some shared parts have no ending
    )


def _malformed(path: Path, what: str, where: str | None = None) -> Problem:
    what = f"task file {path.name}: {what}"
    hint = "a task file is YAML as lm-eval reads it, with the key `task`"
    return Problem(reference="eval.task-file", what=what, where=where or str(path), hint=hint)
