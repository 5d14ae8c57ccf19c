"""lm-eval tasks by name: from a folder of task files, and from lm-eval's own collection.

Contract: `load_tasks` gives the leaf tasks of the asked tasks, groups and tags, and the groups. lm-eval's index of all
its tasks, which takes ten seconds to build, is never made. Task files from outside this program and lm-eval cannot run
code unless the caller trusts them: a file that references a Python function, or anything else that would load code, is
refused; templates run in a sandbox always.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lm_eval.tasks
from lm_eval.api.group import Group
from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager

from bench import places
from bench.data.sources.hub_errors import passing
from bench.data.sources.hub_offline import offline_where_unreachable
from bench.errors import InputError, Problem, did_you_mean
from bench.evals.lm_eval.lm_eval_private import PACKAGED_READERS, Entry, Kind, load_yaml, sandbox_templates
from bench.evals.lm_eval.tasks.local_rows import with_local_rows, with_rows_of
from bench.evals.lm_eval.tasks.task_index import installed_entries
from bench.suite.catalog.task_code import code_in, code_problem, tables_in
from bench.suite.catalog.tasks import installed_task_names
from bench.suite.checks.task_files.data_files import FORMATS
from bench.suite.resolved import UNREACHABLE

_BUILT_IN = Path(lm_eval.tasks.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was asked for, with its rows."""

    tasks: Mapping[str, Task]
    """Leaf tasks by name."""
    groups: Mapping[str, Group]
    """Groups by name, those inside groups included; tags are none."""
    manager: TaskManager


def load_tasks(
    names: Sequence[str], folder: Path | None, *, trust_code: bool = False, rows: Path | None = None
) -> Loaded:
    """Leaf tasks and groups by name, and the manager that knows them. `rows`: folder with each leaf task's rows.

    Raises `InputError` for an unknown name, code in a file that is not trusted, or rows that cannot be read.
    """
    sandbox_templates()
    manager = _manager(names, folder)
    index = manager.task_index
    unknown = [name for name in names if name not in index]
    if unknown:
        raise InputError(
            Problem(
                reference="tasks.unknown",
                what=f"no task, group or tag is called {name!r}",
                where=str(folder or "lm-eval"),
                hint=did_you_mean(name, {*index, *installed_task_names()}),
            )
            for name in unknown
        )
    entries, _ = _reached(names, index)
    if not trust_code:
        _refuse_code(entries)
    for entry in entries:
        if entry.kind is Kind.TASK and entry.yaml_path is not None:
            config = load_yaml(entry.yaml_path)
            if rows is None:
                config = with_local_rows(config, entry.yaml_path.parent)
            else:
                config = with_rows_of(config, entry.name, rows)
            index[entry.name] = replace(entry, yaml_path=None, cfg=config)
    elsewhere = [name for entry in entries for name in _hub_rows(index[entry.name])]
    with offline_where_unreachable() if elsewhere else nullcontext():
        return _load(manager, names, elsewhere)


def leaf_names(names: Sequence[str], folder: Path | None) -> list[str]:
    """Tasks that the asked tasks, groups and tags lead to, and names that nobody knows, each once and sorted."""
    entries, missing = _reached(names, _manager(names, folder).task_index)
    return sorted({*missing, *(entry.name for entry in entries if entry.kind in (Kind.TASK, Kind.PY_TASK))})


def load_config(config: Mapping[str, Any]) -> Loaded:
    """The task of a table such as a task file holds. It is this program's own, and trusted."""
    sandbox_templates()
    manager = TaskManager(include_defaults=False)
    loaded = manager.load([dict(config)])
    return Loaded(tasks=dict(loaded["tasks"]), groups={}, manager=manager)


def _hub_rows(entry: Entry) -> Iterator[str]:
    """The data set that an entry, as it is to be loaded, takes from the hub; code may take any."""
    config = entry.cfg or {}
    named = config.get("dataset_path")
    if entry.kind is Kind.PY_TASK:
        yield entry.name
    elif entry.kind is Kind.TASK and "custom_dataset" not in config and named not in PACKAGED_READERS:
        yield str(named)


def _load(manager: TaskManager, names: Sequence[str], elsewhere: Iterable[str]) -> Loaded:
    """lm-eval's task objects with their rows, of which some are `elsewhere`: on the hub. What can go wrong is in the
    task file, its rows or the way to the hub."""
    try:
        loaded = manager.load(list(names))
    except InputError:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        if (reason := passing(error)) is not None:
            rows = ", ".join(dict.fromkeys(elsewhere)) or "its rows"
            why = f"{rows} cannot be had: not on this machine, and the hub cannot be reached ({reason})"
        raise InputError(
            Problem(
                reference="tasks.load" if reason is None else UNREACHABLE,
                what=f"{', '.join(names)} cannot be loaded: {why}",
                where="eval.tasks",
                hint="fix the task file; rows on the hub need a connection or a filled cache",
            )
        ) from error
    return Loaded(tasks=dict(loaded["tasks"]), groups=dict(loaded.get("groups", {})), manager=manager)


def _manager(names: Sequence[str], folder: Path | None) -> TaskManager:
    """The smallest index that knows all of `names` and their members, as far as anyone knows them."""
    folders: list[str | Path] = [] if folder is None else [folder]
    for paths in (folders, [*_likely_folders(names), *folders]):
        manager = TaskManager(include_defaults=False, include_path=paths)
        if _complete(names, manager.task_index):
            return manager
    manager = TaskManager(include_defaults=False, include_path=folders)
    task_index = dict(manager.task_index)
    installed = installed_entries(lambda index: _all_reached(names, {**index, **task_index}))
    manager.task_index.update({**installed, **task_index})
    return manager


def _likely_folders(names: Iterable[str]) -> Iterator[Path]:
    """lm-eval's folders whose name begins a task's name, such as `arc` for `arc_easy`."""
    for path in sorted(_BUILT_IN.iterdir()):
        if any(re.match(rf"{re.escape(path.name)}(?![a-z])", name) for name in names) and path.is_dir():
            yield path


def _complete(names: Iterable[str], index: dict[str, Entry]) -> bool:
    """Whether `index` knows `names` and the members of the groups among them.

    A built-in tag that is asked for by name may have members anywhere; one inside a group is in the group's folder.
    """
    return not _reached(names, index)[1] and not any(
        index[name].kind is Kind.TAG and any(_is_built_in(index[member]) for member in index[name].tags)
        for name in names
    )


def _is_built_in(entry: Entry) -> bool:
    return entry.yaml_path is not None and entry.yaml_path.is_relative_to(_BUILT_IN)


def _reached(names: Iterable[str], index: dict[str, Entry]) -> tuple[list[Entry], list[str]]:
    """Entries of `names` and of all their members, each once; and members that are not indexed."""
    reached: dict[str, Entry] = {}
    missing: list[str] = []
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in index:
            missing.append(name)
        elif name not in reached:
            reached[name] = entry = index[name]
            waiting += entry.tags if entry.kind is Kind.TAG else _members((entry.cfg or {}).get("task"))
    return list(reached.values()), missing


def _all_reached(names: Iterable[str], index: dict[str, Entry]) -> set[str]:
    entries, missing = _reached(names, index)
    return {*missing, *(entry.name for entry in entries)}


def _members(listed: Any) -> Iterator[str]:
    """Names in a group's `task` list: plain, with overrides, or inside a group that is defined in place."""
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict) and isinstance(item.get("task"), str):
            yield item["task"]
        elif isinstance(item, dict):
            yield from _members(item.get("task"))


def _refuse_code(entries: Iterable[Entry]) -> None:
    """Raises `InputError` for each file that is not this program's or lm-eval's and would run code."""
    problems: dict[str, Problem] = {}
    for entry in entries:
        for file in _sources(entry.yaml_path) if entry.yaml_path is not None else ():
            for what in () if _is_trusted(file) else _code_in(file):
                problems[f"{file}{what}"] = code_problem(file, what)
    if problems:
        raise InputError(problems.values())


def _sources(file: Path) -> Iterator[Path]:
    """A task file and all that it includes."""
    file = file.resolve()
    yield file
    included = load_yaml(file, resolve_func=False, recursive=False).get("include", [])
    for name in included if isinstance(included, list) else [included]:
        yield from _sources(file.parent / name)


def _is_trusted(file: Path) -> bool:
    return any(file.is_relative_to(root.resolve()) for root in (_BUILT_IN, places.shipped("suites")))


def _code_in(file: Path) -> Iterator[str]:
    """What in a task file would run code."""
    config = load_yaml(file, resolve_func=False, recursive=False)
    yield from code_in(file, config)
    for form in (table.get("dataset_path") for table in tables_in(config)):
        if form in PACKAGED_READERS and form not in FORMATS:
            yield f"reads rows with {form!r}"
