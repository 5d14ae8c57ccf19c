"""Which lm-eval tasks there are, found without importing lm-eval: names and metrics out of its YAML files.

Contract: reading a task file never runs code. Building lm-eval's own index takes seconds and needs the library; here a
task is looked for by its file's name first, and all 14,000 files are read only for a name that was not found so.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
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


class _TolerantLoader(yaml.SafeLoader):
    """Reads `!function` and any other tag as text: a check has no business calling them."""


def _as_text(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_TolerantLoader.add_multi_constructor("!", _as_text)


def task_folder_files(folder: Path) -> list[Path]:
    """All files in and below a folder of task files, sorted. Raises `InputError` for what is clearly something else."""
    return files_below(folder, where=f"include = {str(folder)!r}", most_bytes=_MOST_BYTES)


def local_tasks(folder: Path) -> dict[str, Path]:
    """Names that the task files of `folder` define, with their files.

    Raises `InputError` with all malformed ones, or for a folder that cannot be one of task files.
    """
    tasks: dict[str, Path] = {}
    problems: list[Problem] = []
    for path in (path for path in task_folder_files(folder) if path.suffix in {".yaml", ".yml"}):
        try:
            tasks.update(dict.fromkeys(_names(read_task_file(path)), path))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return tasks


def read_task_file(path: Path) -> dict[str, Any]:
    """One task file's keys, `!function` values as text. Raises `InputError` where it is not YAML or not a mapping."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_TolerantLoader)  # noqa: S506  # a SafeLoader
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(path, f"cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise _malformed(path, f"not YAML: {getattr(error, 'problem', None) or error}", place) from None
    if not isinstance(content, dict):
        raise _malformed(path, "not a table of keys")
    return content


def task_metrics(path: Path) -> tuple[str, ...] | None:
    """Metrics that a task file lists, its `include` followed; `None` where it leaves them to lm-eval."""
    for _ in range(8):  # includes include
        content = read_task_file(path)
        listed = content.get("metric_list")
        if isinstance(listed, list):
            return tuple(str(item["metric"]) for item in listed if isinstance(item, dict) and "metric" in item)
        parent = content.get("include")
        if not isinstance(parent, str) or not (path.parent / parent).is_file():
            return None
        path = path.parent / parent
    return None


@cache
def installed_task_file(name: str) -> Path | None:
    """The YAML file of lm-eval's own task `name`, where the file is called after it and defines it."""
    called_so = (path for path in installed_files() if path.stem == name)
    return next((path for path in called_so if name.encode() in names_in(path.read_bytes())), None)


@cache
def installed_task_names() -> frozenset[str]:
    """Tasks, groups and tags of the installed lm-eval, by reading all its files (1 to 2 s); empty without lm-eval."""
    return frozenset(name.decode() for path in installed_files() for name in names_in(path.read_bytes()))


def _names(content: Mapping[str, Any]) -> Iterator[str]:
    for key in ("task", "group"):
        if isinstance(content.get(key), str):
            yield content[key]


def names_in(raw: bytes) -> Iterator[bytes]:
    """Words of a task file beside `task:`, `group:` and `tag:`, and list items of one word; these may be more names
    than there are."""
    for key, item in _NAMING.findall(raw):
        yield from [item] if item else _WORD.findall(key)


@cache
def installed_files() -> tuple[Path, ...]:
    """Task files of the installed lm-eval and what they include; none without lm-eval."""
    spec = importlib.util.find_spec("lm_eval")  # finds, does not import
    roots = spec.submodule_search_locations if spec is not None else None
    top = Path(next(iter(roots))) / "tasks" if roots else None
    if top is None:
        return ()
    return tuple(
        Path(folder) / name
        for folder, _, names in os.walk(top)
        for name in names
        if name.endswith((".yaml", ".yml")) or "." not in name  # some shared parts have no ending
    )


def _malformed(path: Path, what: str, where: str | None = None) -> InputError:
    what = f"task file {path.name}: {what}"
    hint = "a task file is YAML as lm-eval reads it, with the key `task`"
    return InputError(Problem(reference="eval.task-file", what=what, where=where or str(path), hint=hint))
