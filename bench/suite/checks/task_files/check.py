"""Task files that an eval asks for: all that is wrong with them, with what they include, and with members of groups."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem, did_you_mean
from bench.folder import names_in
from bench.places import shipped
from bench.suite.catalog.generation_settings import LENGTHS
from bench.suite.catalog.lm_eval_names import aggregate_keys, group_keys, task_keys
from bench.suite.catalog.task_code import code_in, code_problem
from bench.suite.catalog.tasks import (
    TaskFolder,
    included_files,
    installed_task_file,
    installed_task_names,
    merged_keys,
    read_task_file,
    read_task_folder,
    with_included,
)
from bench.suite.checks.task_files.data_files import ROW_FILES, file_faults, files_by_split, scored_rows, split_faults
from bench.suite.checks.task_files.fault import Fault
from bench.suite.checks.task_files.keys import key_faults
from bench.suite.checks.task_files.templates import field_faults, row_faults, syntax_faults
from bench.suite.reading.paths import beside, is_folder
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.suite import Suite

_DEEPEST = 8
"""Groups in groups."""


def task_problems(name: str, folder: TaskFolder, where: str) -> Iterator[Problem]:
    """All that is wrong with what one name of an eval's `tasks` leads to, each file once."""
    for member in _reached(name, folder):
        if member.missing_in is not None:
            what = f"task file {member.missing_in.name}: the group has the member {member.name!r}, which is no task"
            hint = did_you_mean(member.name, folder.names - {name})
            yield Problem(reference="eval.task-member", what=what, where=where, hint=hint)
        elif member.file is not None:
            for fault in _faults(member.file):
                what = f"task file {member.file.name}: {fault.what}"
                yield Problem(reference=f"eval.task-{fault.about}", what=what, where=where, hint=fault.hint)


def own_row_problems(task: str, file: Path, folder: Path, where: str) -> Iterator[Problem]:
    """All that is wrong with the suite's own rows for a task of lm-eval, whose file is `file`. Members of a group are
    left to the rehearsal."""
    config = merged_keys(file)
    found = [folder / f"{task}{suffix}" for suffix in ROW_FILES if (folder / f"{task}{suffix}").is_file()]
    if "group" in config or len(found) > 1:
        return
    if not found:
        hint = did_you_mean(f"{task}.jsonl", [path.name for path in folder.iterdir()], none="name it after the task")
        what = f"the rows of task {task!r} are not there: no {task}.jsonl in {folder.name}"
        yield Problem(reference="eval.task-rows", what=what, where=where, hint=hint)
        return
    [rows] = found
    local = {"dataset_path": ROW_FILES[rows.suffix], "dataset_kwargs": {"data_files": {"test": rows.name}}}
    for fault in _data_faults({**config, **local, "test_split": "test"}, {"test": [rows]}, printable=True):
        what = f"task {task!r} on {rows.name}: {fault.what}"
        yield Problem(reference=f"eval.task-{fault.about}", what=what, where=where, hint=fault.hint)


def longest_task_answer(spec: LmEvalSpec, base: Path) -> int | None:
    """Tokens of the longest answer that a task file of the eval asks for; `None` where none says so. Members of groups
    are looked at in the suite's own task files; of lm-eval's own, tasks whose file is called after them."""
    own = TaskFolder(files={}, tags={}, problems=(), malformed=False)
    if spec.include is not None and is_folder(base, spec.include):
        own = read_task_folder(beside(base, spec.include, "include"))
    files = {member.file for name in spec.tasks for member in _reached(name, own) if member.file is not None}
    files |= {file for name in {*spec.tasks} - {*own.files} if (file := installed_task_file(name)) is not None}
    return max((tokens for file in files if (tokens := _answer_tokens(_keys_of(file))) is not None), default=None)


def _answer_tokens(config: Mapping[str, Any]) -> int | None:
    """The greatest length in a task's `generation_kwargs`, under the first of its names."""
    settings = config.get("generation_kwargs")
    if not isinstance(settings, dict) or config.get("output_type") != "generate_until":
        return None
    return next((settings[key] for key in LENGTHS if isinstance(settings.get(key), int)), None)


def code_problems(suite: Suite, base: Path) -> list[Problem]:
    """What would run code in the task files that a suite's evals ask for, members of groups included, each once.

    A metric that is not lm-eval's is such code. This program's own task files are trusted. A folder or file that cannot
    be read has its own problem.
    """
    shipped_suites = shipped("suites").resolve()
    problems: dict[Problem, None] = {}
    for spec in suite.eval:
        if spec.kind != "lm_eval" or spec.include is None or not is_folder(base, spec.include):
            continue
        folder = read_task_folder(beside(base, spec.include, "include"))
        members = [member for name in spec.tasks for member in _reached(name, folder) if member.file is not None]
        # An unknown metric of a task is a fault of its keys; those of tasks inside a group are seen here alone.
        files = {
            part: "group" in _keys_of(member.file)
            for member in members
            if member.file is not None
            for part in _sound(member.file)
        }
        for file in sorted(file for file in files if not file.resolve().is_relative_to(shipped_suites)):
            found = code_in(file, read_task_file(file), unknown=files[file])
            problems |= {code_problem(file, what): None for what in found}
    return list(problems)


def _sound(file: Path) -> list[Path]:
    """The file and what it includes; nothing where that cannot be read."""
    try:
        return list(with_included(file))
    except InputError:
        return []


class _Member:
    """A task or group that a name leads to."""

    __slots__ = ("file", "missing_in", "name")

    def __init__(self, name: str, file: Path | None, missing_in: Path | None = None) -> None:
        self.name, self.file = name, file
        """`None`: lm-eval's own."""
        self.missing_in = missing_in
        """The group's file, where nobody has such a task."""


def _reached(name: str, folder: TaskFolder) -> Iterator[_Member]:
    """What a name leads to, each once: tasks and groups of the folder, and members that are not there."""
    seen: set[str] = set()
    waiting: list[tuple[str, Path | None]] = [(name, None)]
    while waiting:
        asked, group = waiting.pop(0)
        if asked in seen:
            continue
        seen.add(asked)
        if asked in folder.files:
            yield _Member(asked, file := folder.files[asked])
            waiting += [(member, file) for member in _members(_keys_of(file))]
        elif asked in folder.tags:
            waiting += [(member, group) for member in folder.tags[asked]]
        elif group is not None and installed_task_file(asked) is None and asked not in installed_task_names():
            yield _Member(asked, None, missing_in=group)


def _keys_of(file: Path) -> Mapping[str, Any]:
    try:
        return merged_keys(file)
    except InputError:
        return {}


def _members(config: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Names in a group's list; a task that the group defines in place is none."""
    listed = config.get("task")
    for item in listed if isinstance(listed, list) and depth < _DEEPEST else ():
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict) and "group" in item:
            yield from _members(item, depth + 1)
        elif isinstance(item, dict) and isinstance(item.get("task"), str) and "dataset_path" not in item:
            yield item["task"]


def _faults(file: Path) -> Iterator[Fault]:
    try:
        missing = [part for path in with_included(file) for part in included_files(path, read_task_file(path))]
        config = merged_keys(file)
    except InputError as error:
        yield from (Fault(what=problem.what, hint=problem.hint) for problem in error.problems)
        return
    for part in dict.fromkeys(missing):
        if not part.is_file():
            hint = did_you_mean(part.name, names_in(part.parent))
            yield Fault(what=f"it includes {part.name}, which is not there", hint=hint)
    if _includes_itself(file):
        yield Fault(what="it includes itself", hint="remove that include")
    yield from _group_faults(config) if "group" in config and "class" not in config else _task_faults(config, file)


def _includes_itself(file: Path) -> bool:
    parts = [part for path in with_included(file) for part in included_files(path, read_task_file(path))]
    return file.resolve() in {part.resolve() for part in parts}


def _group_faults(config: Mapping[str, Any]) -> Iterator[Fault]:
    known = group_keys() | task_keys() | {"include", "tag", "task_list"}
    for key in config if task_keys() else ():
        if key not in known:
            yield Fault(what=f"lm-eval has no key {key!r} of a group", hint=did_you_mean(str(key), group_keys()))
    if not isinstance(config.get("task"), list):
        yield Fault(what="the group's task is no list, so that it has no members", hint="write task: [first, second]")
    listed = config.get("aggregate_metric_list")
    for index, item in enumerate(listed if isinstance(listed, list) else [] if listed is None else [listed]):
        place = f"aggregate_metric_list[{index}]"
        if not isinstance(item, dict) or "metric" not in item:
            yield Fault(what=f"{place} names no metric", hint="write - metric: NAME")
            continue
        for key in item if aggregate_keys() else ():
            if key not in aggregate_keys():
                yield Fault(what=f"{place} has no key {key!r}", hint=did_you_mean(str(key), aggregate_keys()))
        if isinstance(item.get("aggregation"), str) and item["aggregation"] != "mean":
            what = f"{place}.aggregation is {item['aggregation']!r}"
            yield Fault(what=what, hint="lm-eval knows mean alone")


def _task_faults(config: Mapping[str, Any], file: Path) -> Iterator[Fault]:
    yield from key_faults(config)
    by_split = files_by_split(config, file.parent)
    yield from split_faults(config, by_split)
    broken = list(syntax_faults(config))
    yield from broken
    if by_split is not None:
        yield from _data_faults(config, by_split, printable=not broken)


def _data_faults(config: Mapping[str, Any], by_split: Mapping[str, list[Path]], *, printable: bool) -> Iterator[Fault]:
    """What is wrong with local rows; `printable`: whether the templates can be tried on them."""
    absent = list(file_faults(by_split))
    yield from absent
    if absent:
        return
    try:
        rows = scored_rows(config, by_split)
    except (ValueError, OSError) as error:
        yield Fault(what=f"its rows cannot be read: {error}", hint="fix the data file", about="rows")
        return
    if rows is None:
        return
    if not rows:
        yield Fault(what="its data files have no rows", hint="give a file with rows", about="rows")
    elif "process_docs" not in config and printable:
        fields = frozenset(name for _, row in rows for name in row)
        unknown = list(field_faults(config, fields))
        yield from unknown or row_faults(config, rows, fields)
