"""Checks a suite against its surroundings: cards, model folders, templates, data files, task files.

Contract: `check` reads no weights and no rows, needs no network, and finds all problems in one pass, before any work.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.errors import Problem, collected, did_you_mean
from bench.suite.catalog.judge_prompt import load_judge_prompt
from bench.suite.catalog.metrics import Ends, scales_of
from bench.suite.catalog.tasks import (
    TaskFolder,
    installed_task_file,
    installed_task_names,
    read_task_folder,
    task_metrics,
)
from bench.suite.checks.data.choice_rows import read_choices
from bench.suite.checks.data.data_tables import NO_COLUMN, data_problems, file_problems, kept_column_problems
from bench.suite.checks.endpoints import endpoint_problems
from bench.suite.checks.models.command_files import command_file_problems, program_budget_problems
from bench.suite.checks.models.model_tables import given_arm_problems, length_problems, model_problems, model_tables
from bench.suite.checks.names.claim_names import margin_problems
from bench.suite.checks.names.evaluated_steps import target_problems
from bench.suite.checks.names.suite_names import data_tables, name_problems
from bench.suite.checks.task_files.check import own_row_problems, task_problems
from bench.suite.reading.paths import PATHS, beside, is_folder
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.eval_spec import cluster_column, data_of, slices_of
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.suite import Suite


def check(suite: Suite, base: Path) -> list[Problem]:
    """Everything that is wrong with `suite`, whose file is in the folder `base`; an empty list where nothing is."""
    problems = list(name_problems(suite))
    for place, model in model_tables(suite):
        problems += _found(model_problems(model, base, place))
        problems += _found(length_problems(suite, model, base, place))
    for name, arm in suite.arms.given.items():
        problems += _found(given_arm_problems(arm, base, f"arms.given.{name}"))
    problems += command_file_problems(suite, base)
    problems += program_budget_problems(suite)
    for where, spec in data_tables(suite):
        problems += _found(data_problems(spec, where, base))
    for index, task_eval in enumerate(suite.eval):
        if task_eval.kind == "lm_eval":
            problems += _found(_task_problems(task_eval, f"eval[{index}]", base))
        if task_eval.kind == "choice":
            problems += _found(_choice_problems(task_eval, f"eval[{index}]", base))
        if (data := data_of(task_eval)) is not None:
            columns = {f"slices[{i}]": name for i, name in enumerate(slices_of(task_eval))}
            columns |= {} if (cluster := cluster_column(task_eval)) is None else {"cluster": cluster}
            problems += _found(kept_column_problems(data, columns, f"eval[{index}]", base))
        if task_eval.kind == "judge":
            problems += _found(_judge_problems(task_eval, f"eval[{index}]", base))
    problems += _found(_claimed_task_problems(suite, base))
    problems += _found(_wide_margin_problems(suite, base))
    problems += _found(_target_scale_problems(suite, base))
    problems += _found(endpoint_problems(suite, base))
    return _each_once(problems)


def _each_once(problems: list[Problem]) -> list[Problem]:
    """Without repetitions; a column that a file lacks is one problem, however many tables refer to the file."""
    first = {(problem.what if problem.reference == NO_COLUMN else problem): problem for problem in reversed(problems)}
    return [problem for problem in dict.fromkeys(problems) if problem in first.values()]


def _found(look: Iterator[Problem]) -> list[Problem]:
    """What one check yields; what it raises counts too."""
    problems: list[Problem] = []
    with collected(problems):
        problems.extend(look)
    return problems


def _judge_problems(spec: JudgeSpec, where: str, base: Path) -> Iterator[Problem]:
    """Its prompt, and its model where that is on this machine."""
    load_judge_prompt(spec.prompt, base, where=f"{where}.prompt")
    if spec.labels is not None and not beside(base, spec.labels, f"{where}.labels").is_file():
        hint = f"write it, or remove labels; {PATHS}"
        what = f"there is no file {base / spec.labels}"
        yield Problem(reference="eval.labels", what=what, where=f"{where}.labels", hint=hint)
    if spec.judge.local is not None:
        yield from model_problems(spec.judge.local, base, f"{where}.judge.local")


def _task_problems(spec: LmEvalSpec, where: str, base: Path) -> Iterator[Problem]:
    """Unknown tasks and metrics, in the installed lm-eval or in the eval's own folder; there also faulty task files."""
    folder: TaskFolder | None = None
    rows: Path | None = None
    if spec.include is not None:
        path = beside(base, spec.include, f"{where}.include")
        if not path.is_dir():
            what = f'eval "{spec.name}": there is no folder {spec.include}'
            yield Problem(reference="eval.missing-folder", what=what, where=f"{where}.include", hint=PATHS)
            return
        folder = read_task_folder(path)
        yield from folder.problems
        files: Mapping[str, Path | None] = folder.files
        place, tasks = f"in {spec.include}", folder.names
    else:
        rows = None if spec.rows is None else beside(base, spec.rows, f"{where}.rows")
        if rows is not None and not rows.is_dir():
            what = f'eval "{spec.name}": there is no folder {spec.rows}'
            yield Problem(reference="eval.missing-folder", what=what, where=f"{where}.rows", hint=PATHS)
        files = {task: installed_task_file(task) for task in spec.tasks}
        all_found = all(file is not None for file in files.values())
        place, tasks = "of lm-eval", frozenset(files) if all_found else installed_task_names()
    for index, task in enumerate(spec.tasks):
        if task not in tasks and (tasks or spec.include is not None):
            what = f'eval "{spec.name}": there is no task {task!r} {place}'
            hint = did_you_mean(task, tasks, none="the folder holds no task file (*.yaml)")
            if folder is not None and folder.malformed and not hint.startswith("did you mean"):
                continue  # the file that could not be read may have it
            yield Problem(reference="eval.unknown-task", what=what, where=f"{where}.tasks[{index}]", hint=hint)
            continue
        if folder is not None:
            yield from task_problems(task, folder, f"{where}.tasks[{index}]")
        elif rows is not None and rows.is_dir() and (file := files.get(task)) is not None:
            yield from own_row_problems(task, file, rows, f"{where}.rows")
        if spec.metric is not None:
            yield from _metric_problems(spec, task, files.get(task), f"{where}.metric")


def _choice_problems(spec: ChoiceSpec, where: str, base: Path) -> Iterator[Problem]:
    path = beside(base, spec.source, f"{where}.source")
    problems = list(file_problems(path, spec.source, f"{where}.source"))
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


def _wide_margin_problems(suite: Suite, base: Path) -> Iterator[Problem]:
    """Margins that span the scale of every measure that the claimed tasks' files list."""
    evals = {spec.name: spec for spec in suite.eval if spec.kind == "lm_eval" and spec.metric is None}
    for index, claim in enumerate(suite.claim):
        if (spec := evals.get(claim.eval or "")) is not None:
            tasks = spec.tasks if claim.task is None else (claim.task,)
            yield from margin_problems(claim, _widest_scale(spec, tasks, base), f"claim[{index}]")


def _target_scale_problems(suite: Suite, base: Path) -> Iterator[Problem]:
    """A target beyond the scale of every measure that the tasks' files list."""
    target = None if suite.evaluate_at is None else suite.evaluate_at.target
    for spec in suite.eval:
        if target is not None and spec.kind == "lm_eval" and spec.metric is None and spec.name == target.eval:
            yield from target_problems(target, _widest_scale(spec, spec.tasks, base))


def _widest_scale(spec: LmEvalSpec, tasks: Sequence[str], base: Path) -> Ends | None:
    """The widest scale of all measures that tasks list; `None` where a file, its list or a scale is not known."""
    own: Mapping[str, Path | None] = {}
    if spec.include is not None and is_folder(base, spec.include):
        own = read_task_folder(base / spec.include).files
    scales: list[Ends] = []
    for task in tasks:
        file = own.get(task) if spec.include is not None else installed_task_file(task)
        for metric in (None if file is None else task_metrics(file)) or (None,):
            if metric is None or not (known := scales_of(metric)):
                return None
            scales.append(known[-1])
    return max(scales, key=lambda ends: ends[1] - ends[0], default=None)


def _known_tasks(spec: LmEvalSpec, base: Path) -> frozenset[str]:
    """Tasks that a claim may name; none where the eval's folder is not there, which is a problem of its own."""
    if spec.include is None:
        return installed_task_names()
    return read_task_folder(base / spec.include).names if is_folder(base, spec.include) else frozenset()


def _metric_problems(spec: LmEvalSpec, task: str, file: Path | None, where: str) -> Iterator[Problem]:
    metrics = None if file is None else task_metrics(file)
    if metrics is not None and spec.metric not in metrics:
        what = f'eval "{spec.name}": task {task!r} has no metric {spec.metric!r}'
        yield Problem(
            reference="eval.unknown-metric", what=what, where=where, hint=did_you_mean(spec.metric or "", metrics)
        )
