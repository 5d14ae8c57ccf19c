"""Checks a suite against its surroundings: cards, model folders, templates, data files, task files.

Contract: `check` reads no weights and no rows, needs no network, and finds all problems in one pass, before any work.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.errors import InputError, Problem, did_you_mean
from bench.suite.catalog.card import card_folder, card_names, load_card
from bench.suite.catalog.judge_prompt import load_judge_prompt
from bench.suite.catalog.tasks import (
    TaskFolder,
    installed_task_file,
    installed_task_names,
    read_task_folder,
    task_metrics,
)
from bench.suite.catalog.template import TOKENIZER, load_template
from bench.suite.checks.check_names import data_tables, name_problems
from bench.suite.checks.choice_rows import read_choices
from bench.suite.checks.first_rows import column_names
from bench.suite.checks.model_folder import context_length, context_problem, given_problems, model_folder_problems
from bench.suite.checks.task_files.check import task_problems
from bench.suite.checks.template_tokens import token_problems
from bench.suite.tables.data import HUB_ID, MICRO_SCORE, DataSpec
from bench.suite.tables.evals import ChoiceSpec, JudgeSpec, LmEvalSpec
from bench.suite.tables.given import GivenArm
from bench.suite.tables.model import ModelSpec
from bench.suite.tables.suite import Suite

_NO_COLUMN = "data.unknown-column"
_PATHS = "paths are relative to the suite file, those of --set to the current folder"


def check(suite: Suite, base: Path) -> list[Problem]:
    """Everything that is wrong with `suite`, whose file is in the folder `base`; an empty list where nothing is."""
    problems = list(name_problems(suite))
    for place, model in _models(suite):
        problems += _found(_model_problems(model, base, place))
        problems += _found(_length_problems(suite, model, base, place))
    for name, arm in suite.arms.given.items():
        problems += _found(_given_problems(arm, base, f"arms.given.{name}"))
    for where, spec in data_tables(suite):
        problems += _found(_data_problems(spec, where, base))
    for index, task_eval in enumerate(suite.eval):
        if task_eval.kind == "lm_eval":
            problems += _found(_task_problems(task_eval, f"eval[{index}]", base))
        if task_eval.kind == "choice":
            problems += _found(_choice_problems(task_eval, f"eval[{index}]", base))
        if task_eval.kind in ("loss", "generation"):
            problems += _found(_slice_problems(task_eval.data, task_eval.slices, f"eval[{index}]", base))
        if task_eval.kind == "judge":
            problems += _found(_judge_problems(task_eval, f"eval[{index}]", base))
    problems += _found(_claimed_task_problems(suite, base))
    return _each_once(problems)


def _each_once(problems: list[Problem]) -> list[Problem]:
    """Without repetitions; a column that a file lacks is one problem, however many tables refer to the file."""
    first = {(problem.what if problem.reference == _NO_COLUMN else problem): problem for problem in reversed(problems)}
    return [problem for problem in dict.fromkeys(problems) if problem in first.values()]


def _found(look: Iterator[Problem]) -> list[Problem]:
    """What one check yields; what it raises counts too."""
    problems: list[Problem] = []
    try:
        problems.extend(look)
    except InputError as error:
        problems.extend(error.problems)
    return problems


def _models(suite: Suite) -> Iterator[tuple[str, ModelSpec]]:
    """Every base with its key path."""
    if suite.model is not None:
        yield "model", suite.model
    yield from ((f"models.{name}", model) for name, model in suite.models.items())


def _model_problems(model: ModelSpec, base: Path, place: str) -> Iterator[Problem]:
    if model.template is not None and model.template != TOKENIZER:
        yield from _template_problems(model.template, base, place)
    if model.revision is not None and not _has_revisions(model):
        what = f"{place}.revision means a hub model; this one is a local folder"
        yield Problem(reference="model.revision", what=what, where=f"{place}.revision", hint="leave it out")
    if model.repo is not None and not HUB_ID.fullmatch(model.repo):
        hint = f'a hub id is OWNER/NAME; a local folder is path = "{model.repo}"'
        yield Problem(reference="model.repo", what=f"{model.repo!r} is not a hub id", where=f"{place}.repo", hint=hint)
    if model.path is not None:
        folder = _beside(base, model.path, f"{place}.path")
        if not folder.exists() and HUB_ID.fullmatch(model.path):
            hint = f'name a folder that holds config.json; a model of the hub is repo = "{model.path}"'
            what = f"there is no folder {folder}"
            yield Problem(reference="model.missing", what=what, where=f"{place}.path", hint=hint)
            return
        yield from model_folder_problems(folder, f"{place}.path")
        yield from _token_problems(model, folder, base, place)
    if model.card is not None:
        if model.card not in card_names():
            what, suggestion = f"there is no model card {model.card!r}", did_you_mean(model.card, card_names())
            if "/" in model.card:
                key = "repo" if HUB_ID.fullmatch(model.card) else "path"
                suggestion = f'{suggestion}; without a card: {key} = "{model.card}"'
            yield Problem(reference="model.unknown-card", what=what, where=f"{place}.card", hint=suggestion)
            return
        card_model = card_folder(load_card(model.card))
        if card_model is not None:
            yield from model_folder_problems(card_model, f"{place}.card")


def _given_problems(arm: GivenArm, base: Path, place: str) -> Iterator[Problem]:
    """Folders of weights; what is on the hub is looked at when it is here."""
    for source in arm.sources:
        folder = _beside(base, source, f"{place}.{arm.form}")
        if folder.exists() or not HUB_ID.fullmatch(source):
            yield from given_problems(folder, arm.form, f"{place}.{arm.form} = {source!r}")


def _token_problems(model: ModelSpec, folder: Path, base: Path, place: str) -> Iterator[Problem]:
    """Tokens of the template without an embedding; a template that cannot be read has its own problem."""
    named = model.template not in (None, TOKENIZER)
    try:
        text = load_template(model.template or "", base).text if named else None
    except InputError:
        return
    yield from token_problems(folder, text, f"{place}.template")


def _judge_problems(spec: JudgeSpec, where: str, base: Path) -> Iterator[Problem]:
    """Its prompt, and its model where that is on this machine."""
    load_judge_prompt(spec.prompt, base, where=f"{where}.prompt")
    if spec.labels is not None and not (base / spec.labels).is_file():
        hint = f"write it, or remove labels; {_PATHS}"
        what = f"there is no file {base / spec.labels}"
        yield Problem(reference="eval.labels", what=what, where=f"{where}.labels", hint=hint)
    if spec.judge.local is not None:
        yield from _model_problems(spec.judge.local, base, f"{where}.judge.local")


def _template_problems(template: str, base: Path, place: str) -> Iterator[Problem]:
    try:
        load_template(template, base)
    except InputError as error:
        for problem in error.problems:
            yield Problem(
                reference=problem.reference, what=problem.what, where=problem.where or f"{place}.template",
                hint=problem.hint,
            )  # fmt: skip


def _has_revisions(model: ModelSpec) -> bool:
    if model.card is not None and model.card in card_names():
        return load_card(model.card).repo is not None
    return model.path is None


def _length_problems(suite: Suite, model: ModelSpec, base: Path, place: str) -> Iterator[Problem]:
    """Lengths that the suite asks for, against the positions that the model has, where these can be known now."""
    positions = _positions(model, base, place)
    if positions is None and model.path is not None and model.context_length is None:
        unstated = _beside(base, model.path, f"{place}.path")
        if not model_folder_problems(unstated, place):
            yield context_problem(unstated, place)
    length = model.context_length
    if positions is not None and length is not None and length > positions:
        what, hint = (
            f"{place}.context_length is {length:,}, the model has {positions:,} positions",
            f"at most {positions}",
        )
        yield Problem(reference="model.context-length", what=what, where=f"{place}.context_length", hint=hint)
    most = min((value for value in (length, positions) if value is not None), default=None)
    for name, recipe in suite.recipe.items():
        if most is not None and recipe.max_length is not None and recipe.max_length > most:
            what = f"recipe.{name}.max_length is {recipe.max_length:,}, the model has {most:,} positions"
            hint = f"at most {most}, or remove it to use all of the model's positions"
            yield Problem(reference="recipe.max-length", what=what, where=f"recipe.{name}.max_length", hint=hint)


def _positions(model: ModelSpec, base: Path, place: str) -> int | None:
    """Positions that the model's card or config states; `None` where that is not known yet, or it states none."""
    if model.card is not None:
        return load_card(model.card).context_length if model.card in card_names() else None
    return None if model.path is None else context_length(_beside(base, model.path, f"{place}.path"))


def _data_problems(spec: DataSpec, where: str, base: Path) -> Iterator[Problem]:
    kind, source = spec.source_kind, spec.source or ""
    path = None if kind in ("micro", "mix") else _beside(base, source, f"{where}.source")
    is_hub = path is not None and kind == "hub" and not path.exists()
    if path is not None and not is_hub:
        yield from _file_problems(path, source, f"{where}.source")
        yield from _column_problems(spec, path, where)
    meaningless = set() if is_hub else {"config", "revision", "split"} & spec.model_fields_set
    if path is not None and path.is_dir():
        meaningless -= {"split"}
    for key in sorted(meaningless):
        what = f"{where}.{key} means a hub dataset; {spec.label!r} is none"
        yield Problem(reference="data.hub-key", what=what, where=f"{where}.{key}", hint="leave it out")
    if kind in ("micro", "mix") and spec.columns is not None:
        what = (
            f"{where}.columns has nothing to map: {'embedded data' if kind == 'micro' else 'a mix'} has its own shape"
        )
        yield Problem(reference="data.columns", what=what, where=f"{where}.columns", hint="leave it out")
    if kind == "micro" and spec.select.column not in (None, MICRO_SCORE):
        what = f"{where}.select.column: embedded data has no scores in {spec.select.column!r}"
        hint = f"use its column of scores: {MICRO_SCORE!r}"
        yield Problem(reference="data.columns", what=what, where=f"{where}.select.column", hint=hint)


def _slice_problems(spec: DataSpec, slices: tuple[str, ...], where: str, base: Path) -> Iterator[Problem]:
    """Columns that an eval slices by and its local file does not have."""
    if not slices or spec.source_kind != "file":
        return
    path = _beside(base, spec.source or "", f"{where}.data.source")
    yield from _lacking({f"slices[{i}]": name for i, name in enumerate(slices)}, spec.label, path, where)


def _column_problems(spec: DataSpec, path: Path, where: str) -> Iterator[Problem]:
    """Columns that the suite names and none of the file's first rows has."""
    columns = {} if spec.columns is None else spec.columns.model_dump(exclude_none=True)
    named = {f"columns.{key}": name for key, name in columns.items() if isinstance(name, str)}
    if spec.select.column is not None:
        named["select.column"] = spec.select.column
    yield from _lacking(named, spec.label, path, where)


def _lacking(named: Mapping[str, str], label: str, path: Path, where: str) -> Iterator[Problem]:
    """A problem for each key whose column no row of the file has."""
    columns_of_file = column_names(path) if named and path.exists() else None
    for key, name in named.items():
        if columns_of_file is not None and name not in columns_of_file:
            what = f"{label} has no column {name!r}"
            hint = did_you_mean(name, columns_of_file)
            yield Problem(reference=_NO_COLUMN, what=what, where=f"{where}.{key}", hint=hint)


def _file_problems(path: Path, source: str, where: str) -> Iterator[Problem]:
    if not path.exists():
        names = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, names) if _similar(path.name, names) else (
            _PATHS
        )  # fmt: skip
        yield Problem(reference="data.missing-file", what=f"there is no file {source}", where=where, hint=hint)
    elif path.is_file() and path.stat().st_size == 0:
        yield Problem(reference="data.empty", what=f"{source} is empty", where=where, hint="give a file with rows")
    elif not os.access(path, os.R_OK):
        hint = "check its owner and permissions"
        yield Problem(reference="data.unreadable", what=f"{source} may not be read", where=where, hint=hint)


def _similar(name: str, names: list[str]) -> bool:
    return (did_you_mean(name, names) or "").startswith("did you mean")


def _task_problems(spec: LmEvalSpec, where: str, base: Path) -> Iterator[Problem]:
    """Unknown tasks and metrics, in the installed lm-eval or in the eval's own folder; there also faulty task files."""
    folder: TaskFolder | None = None
    if spec.include is not None:
        path = _beside(base, spec.include, f"{where}.include")
        if not path.is_dir():
            what = f'eval "{spec.name}": there is no folder {spec.include}'
            yield Problem(reference="eval.missing-folder", what=what, where=f"{where}.include", hint=_PATHS)
            return
        folder = read_task_folder(path)
        yield from folder.problems
        files: Mapping[str, Path | None] = folder.files
        place, tasks = f"in {spec.include}", folder.names
    else:
        if spec.rows is not None and not _beside(base, spec.rows, f"{where}.rows").is_dir():
            what = f'eval "{spec.name}": there is no folder {spec.rows}'
            yield Problem(reference="eval.missing-folder", what=what, where=f"{where}.rows", hint=_PATHS)
        files = {task: installed_task_file(task) for task in spec.tasks}
        all_found = all(file is not None for file in files.values())
        place, tasks = "of lm-eval", frozenset(files) if all_found else installed_task_names()
    for index, task in enumerate(spec.tasks):
        if task not in tasks and (tasks or spec.include is not None):
            what = f'eval "{spec.name}": there is no task {task!r} {place}'
            hint = did_you_mean(task, tasks) or "the folder holds no task file (*.yaml)"
            if folder is not None and folder.malformed and not hint.startswith("did you mean"):
                continue  # the file that could not be read may have it
            yield Problem(reference="eval.unknown-task", what=what, where=f"{where}.tasks[{index}]", hint=hint)
            continue
        if folder is not None:
            yield from task_problems(task, folder, f"{where}.tasks[{index}]")
        if spec.metric is not None:
            yield from _metric_problems(spec, task, files.get(task), f"{where}.metric")


def _choice_problems(spec: ChoiceSpec, where: str, base: Path) -> Iterator[Problem]:
    path = _beside(base, spec.source, f"{where}.source")
    problems = list(_file_problems(path, spec.source, f"{where}.source"))
    yield from problems
    if not problems:
        read_choices(spec, path, where=where)


def _claimed_task_problems(suite: Suite, base: Path) -> Iterator[Problem]:
    """Claims on a task that is neither listed by their eval nor known as a member of a group."""
    evals = {spec.name: spec for spec in suite.eval if spec.kind == "lm_eval"}
    for index, claim in enumerate(suite.claim):
        spec = evals.get(claim.eval or "")
        if spec is None or claim.task is None or claim.task in spec.tasks:
            continue
        tasks = _known_tasks(spec, base)
        if tasks and claim.task not in tasks:
            what = f"eval {spec.name!r} has no task {claim.task!r}"
            where, hint = f"claim[{index}].on", did_you_mean(claim.task, spec.tasks)
            yield Problem(reference="eval.unknown-task", what=what, where=where, hint=hint)


def _known_tasks(spec: LmEvalSpec, base: Path) -> frozenset[str]:
    """Tasks that a claim may name; none where the eval's folder is not there, which is a problem of its own."""
    if spec.include is None:
        return installed_task_names()
    return read_task_folder(base / spec.include).names if (base / spec.include).is_dir() else frozenset()


def _metric_problems(spec: LmEvalSpec, task: str, file: Path | None, where: str) -> Iterator[Problem]:
    metrics = None if file is None else task_metrics(file)
    if metrics is not None and spec.metric not in metrics:
        what = f'eval "{spec.name}": task {task!r} has no metric {spec.metric!r}'
        yield Problem(
            reference="eval.unknown-metric", what=what, where=where, hint=did_you_mean(spec.metric or "", metrics)
        )


def _beside(base: Path, text: str, where: str) -> Path:
    """`text` as a path relative to the suite's folder. Raises `InputError` where it can be no path."""
    try:
        path = base / Path(text).expanduser()
        path.stat()  # refuses what the system refuses: a name too long, a NUL
    except (FileNotFoundError, NotADirectoryError):
        pass  # told by whoever wanted a file there
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        what = f"{text[:60]!r} is not a usable path: {reason}"
        hint = _PATHS
        raise InputError(Problem(reference="suite.path", what=what, where=where, hint=hint)) from None
    return path
