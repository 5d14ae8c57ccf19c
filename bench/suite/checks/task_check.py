"""Task files without lm-eval: missing data files, templates with fields that no row has, and code.

Contract: reads a task file, what it includes and the first rows of its local JSON and CSV files; runs no code. What
needs lm-eval (filters, rows on the hub) is left to the rehearsal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.errors import Problem, did_you_mean
from bench.places import shipped
from bench.suite.catalog.task_code import code_in, code_problem, with_included
from bench.suite.catalog.tasks import local_tasks, read_task_file
from bench.suite.checks.first_rows import column_names
from bench.suite.tables.suite import Suite

_FORMATS = frozenset({"json", "csv", "parquet", "text", "arrow"})
_TEMPLATES = ("doc_to_text", "doc_to_choice", "doc_to_target", "doc_to_decontamination_query")


def task_problems(file: Path, where: str) -> Iterator[Problem]:
    """All that a task file of a suite says of its rows and that does not hold. Raises `InputError` for broken YAML."""
    config = _with_includes(file)
    files = list(_data_files(config, file.parent))
    missing = [path for path in files if not path.is_file()]
    for path in missing:
        names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        what = f"task file {file.name}: there is no data file {path.name}"
        yield Problem(reference="eval.task-rows", what=what, where=where, hint=did_you_mean(path.name, names))
    if not missing and "process_docs" not in config and (fields := _fields(files)):
        yield from _field_problems(file, config, fields, where)


def code_problems(suite: Suite, base: Path) -> list[Problem]:
    """What would run code in the task files that a suite's evals ask for, members of groups included, each once.

    A metric that is not lm-eval's is such code. This program's own task files are trusted. Raises `InputError` for
    files that cannot be read.
    """
    shipped_suites = shipped("suites").resolve()
    problems: dict[Problem, None] = {}
    for spec in suite.eval:
        if spec.kind == "lm_eval" and spec.include is not None:
            tasks = local_tasks(base / Path(spec.include).expanduser())
            files = {file for name in spec.tasks for file in _files_of(name, tasks)}
            for file in sorted(file for file in files if not file.resolve().is_relative_to(shipped_suites)):
                problems |= {code_problem(file, what): None for what in code_in(file, read_task_file(file))}
    return list(problems)


def _files_of(name: str, tasks: Mapping[str, Path], depth: int = 8) -> Iterator[Path]:
    """The files of a task with those that it includes, and of the members of a group."""
    if name not in tasks:
        return
    yield from with_included(tasks[name])
    members = read_task_file(tasks[name]).get("task")
    for member in members if isinstance(members, list) and depth else []:
        if isinstance(member, str) and member != name:
            yield from _files_of(member, tasks, depth - 1)


def _with_includes(file: Path, depth: int = 8) -> dict[str, Any]:
    """The file's keys over those of the files that it includes."""
    content = read_task_file(file)
    listed = content.get("include")
    parts = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
    merged: dict[str, Any] = {}
    for name in parts:
        part = file.parent / str(name)
        if depth and part.is_file():
            merged |= _with_includes(part, depth - 1)
    return {**merged, **content}


def _data_files(config: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Local data files that the task names; none where its rows are elsewhere, or named by a pattern."""
    arguments = config.get("dataset_kwargs")
    named = arguments.get("data_files") if isinstance(arguments, dict) else None
    if config.get("dataset_path") not in _FORMATS or not named:
        return
    for listed in named.values() if isinstance(named, dict) else [named]:
        for name in [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []:
            if isinstance(name, str) and "://" not in name and "*" not in name:
                yield folder / name


def _fields(files: list[Path]) -> frozenset[str]:
    """Fields of the first rows of all files; none where those of one are unknown."""
    names = [column_names(file) for file in files]
    return frozenset() if None in names else frozenset(name for fields in names for name in fields or ())


def _field_problems(file: Path, config: Mapping[str, Any], fields: frozenset[str], where: str) -> Iterator[Problem]:
    for key in _TEMPLATES:
        text = config.get(key)
        for name in sorted(_names(text) - fields) if isinstance(text, str) else ():
            what = f"task file {file.name}: {key} names the field {name!r}, which no row has"
            yield Problem(reference="eval.task-field", what=what, where=where, hint=did_you_mean(name, fields))


def _names(template: str) -> set[str]:
    """Fields that a template needs: names that it neither sets nor tests for, and that Jinja does not have itself."""
    from jinja2 import TemplateSyntaxError, meta
    from jinja2.defaults import DEFAULT_NAMESPACE
    from jinja2.sandbox import SandboxedEnvironment

    if " is defined" in template or "default(" in template:
        return set()
    try:
        return meta.find_undeclared_variables(SandboxedEnvironment().parse(template)) - DEFAULT_NAMESPACE.keys()
    except TemplateSyntaxError:
        return set()  # reported by the rehearsal, with lm-eval's own filters at hand
