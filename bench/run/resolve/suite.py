"""Pins everything that a suite names, before any work: model files, rows, task folders. All problems at once."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from bench.data.resolve import hub_data, resolve_data
from bench.data.select.dev_split import split_dev, use_dev
from bench.data.sources.faulty_tables import of_sound_tables
from bench.data.sources.unavailable import absent_rows
from bench.digest import digest_file, digest_files, digest_json
from bench.errors import InputError, Problem, attempted, collected
from bench.run.process.payloads import FetchRequest
from bench.run.process.server import ChildServer
from bench.run.resolve.data_specs import data_specs, eval_slices, sweep_data, sweeps
from bench.run.resolve.judges import resolve_judges
from bench.run.resolve.models import resolve_model
from bench.run.resolve.offline import offline_hint
from bench.run.resolve.pin_given import resolve_given
from bench.run.resolve.precision import choose_precisions
from bench.run.resolve.programs import resolve_programs
from bench.run.resolve.unavailable import (
    Advise,
    is_wrong,
    one_problem_per_source,
    pinned,
    reason,
    refuse_unavailable,
)
from bench.suite.catalog.tasks import task_folder_files
from bench.suite.checks.task_files.check import longest_task_answer
from bench.suite.load import LoadedSuite
from bench.suite.resolved import ResolvedData, ResolvedModel, Unavailable
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.data import DataSpec
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.sweep import DEV

T = TypeVar("T")


def resolve(
    loaded: LoadedSuite,
    *,
    home: Path,
    server: ChildServer | None = None,
    partial: bool = False,
    problems: list[Problem] | None = None,
) -> ResolvedSuite:
    """Pins of `loaded`. Downloads what is on the hub; `server` starts the child that does so for data, and the one
    that looks at a model which brings code. `partial`: a model or rows that the hub does not give this time are marked
    `unavailable`, and what depends on them; without it they are problems like all others.

    Raises `InputError` carrying every problem of model, data and task folders. `problems`: takes those of models and
    data instead, which are marked as wrong, so that all that does without them can be planned and checked.
    """
    base, server, found = loaded.path.parent, server or ChildServer(), list[Problem]()
    find = functools.partial(
        resolve_model, base=base, home=home, trust_remote_code=loaded.trust_remote_code, server=server
    )
    advise = functools.partial(offline_hint, loaded)
    pin = functools.partial(pinned, pin=find, home=home, advise=advise, problems=found)
    models = {name: pin(spec) for name, spec in loaded.suite.bases().items()}
    data = _data(loaded.suite, base=base, home=home, server=server, advise=advise, problems=found)
    tasks = attempted(found, lambda: _task_folders(loaded.suite, base))
    judges = attempted(found, lambda: resolve_judges(loaded.suite, base=base, pin=pin))
    given = attempted(found, lambda: resolve_given(loaded.suite, base=base, home=home))
    sweep_parts = _dev_data(loaded.suite, data, home, found)
    found += _unavailable(models.values(), data.values()) if found else ()
    if tasks is None or judges is None or given is None or (found and problems is None):
        raise InputError([*(problems or ()), *found])
    resolved = ResolvedSuite(
        suite=loaded.suite,
        profile=loaded.profile,
        overrides=loaded.overrides,
        model=next(iter(models.values())),
        models={name: model for name, model in models.items() if name is not None},
        data={**data, **sweep_parts},
        tasks_sha256={name: _hash_files(folder) for name, folder in tasks.items()},
        tasks_path={name: str(folder) for name, folder in tasks.items()},
        task_answers=_task_answers(loaded.suite, base),
        given=given,
        programs=resolve_programs(loaded.suite, base=base),
        judges=judges,
        precisions=choose_precisions(loaded.suite, models, home=home, server=server),
    )
    if not partial:
        refuse_unavailable(resolved)
    if problems is not None:
        problems += found
    return resolved


def _unavailable(models: Iterable[ResolvedModel], data: Iterable[ResolvedData]) -> list[Problem]:
    """One problem for each source that the hub does not give today."""
    reasons = [*(model.unavailable for model in models), *(rows.unavailable for rows in data)]
    return one_problem_per_source(reasons)


def _data(
    suite: Suite, *, base: Path, home: Path, server: ChildServer, advise: Advise, problems: list[Problem]
) -> dict[str, ResolvedData]:
    """The rows of every table; tables that are wrong, as `problems` then say, and those that need them are marked."""
    specs, slices = data_specs(suite), eval_slices(suite)
    files, away = _fetch(specs, base=base, home=home, server=server, advise=advise, problems=problems)
    wrong = {name: why for name, why in away.items() if why.is_wrong}

    def take(sound: Mapping[str, DataSpec]) -> dict[str, ResolvedData]:
        return resolve_data(sound, base=base, home=home, fetched=files, away=away, slices=slices)

    data = of_sound_tables(specs, take, problems, but=wrong)
    return {
        name: data.get(name) or absent_rows(name, spec, wrong.get(name) or is_wrong(problems[0]))
        for name, spec in specs.items()
    }


def _dev_data(
    suite: Suite, data: Mapping[str, ResolvedData], home: Path, problems: list[Problem]
) -> dict[str, ResolvedData]:
    """For each data × sweep of the suite: the training part and the dev rows, none of which an eval reads."""
    evals = [part_data for name, part_data in data.items() if name.startswith("eval:")]
    parts_by_name: dict[str, ResolvedData] = {}
    for name, on in dict.fromkeys(sweeps(suite)):
        whole, parts = data[name], sweep_data(name, on)
        gone = next((each for each in (whole, data.get(on), *evals) if each is not None and each.unavailable), None)
        before = len(problems)
        if gone is None:
            with collected(problems):
                split = split_dev(whole, evals, home=home) if on == DEV else use_dev(whole, data[on], evals, home=home)
                parts_by_name.update(zip(parts, (split.part, split.dev), strict=True))
                continue
        why = is_wrong(problems[before]) if gone is None else gone.unavailable
        for part in parts:
            absent = digest_json({"absent": part, "of": (gone or whole).sha256})
            gap = {"name": part, "rows": 0, "sha256": absent, "path": "", "unavailable": why}
            parts_by_name[part] = whole.model_copy(update=gap)
    return parts_by_name


def _fetch(
    specs: Mapping[str, DataSpec],
    *,
    base: Path,
    home: Path,
    server: ChildServer,
    advise: Advise,
    problems: list[Problem],
) -> tuple[dict[str, Path], dict[str, Unavailable]]:
    """Local files of the hub data, each distinct source fetched once by a child that has the heavy library; and why
    there are none, where that may pass or is wrong."""
    wanted = hub_data(specs, base=base)
    by_source: dict[DataSpec, Path | Unavailable] = {}
    for spec in wanted.values():
        key = _source_of(spec)
        if key not in by_source:
            by_source[key] = _fetch_one(key, home=home, server=server, advise=advise, problems=problems)
    by_name = {name: by_source[_source_of(spec)] for name, spec in wanted.items()}
    files = {name: fetched for name, fetched in by_name.items() if isinstance(fetched, Path)}
    return files, {name: fetched for name, fetched in by_name.items() if isinstance(fetched, Unavailable)}


def _source_of(spec: DataSpec) -> DataSpec:
    """What of a spec says which rows are downloaded; columns and selection come later."""
    return DataSpec(source=spec.source, config=spec.config, split=spec.split, revision=spec.revision)


def _fetch_one(
    spec: DataSpec, *, home: Path, server: ChildServer, advise: Advise, problems: list[Problem]
) -> Path | Unavailable:
    log = home / "logs" / f"fetch-{digest_json(spec.model_dump(mode='json'))[:16]}.txt"
    log.unlink(missing_ok=True)  # what is told is of this attempt
    try:
        return Path(server.call("fetch", FetchRequest(spec=spec, home=str(home)), folder=home, log=log))
    except InputError as error:
        return reason(error, log, advise, problems)


def _task_folders(suite: Suite, base: Path) -> dict[str, Path]:
    """Folders of task files or of tasks' rows, and files of `choice` evals, by eval."""
    folders: dict[str, Path] = {}
    problems: list[Problem] = []
    for spec in suite.eval:
        if isinstance(spec, ChoiceSpec):
            folders[spec.name] = (base / Path(spec.source).expanduser()).resolve()
        named = (spec.include or spec.rows) if isinstance(spec, LmEvalSpec) else None
        if named is None:
            continue
        folder = (base / Path(named).expanduser()).resolve()
        if folder.is_dir():
            folders[spec.name] = folder
        else:
            problems.append(
                Problem(
                    reference="eval.no-task-folder",
                    what="there is no such folder",
                    where=f"eval.{spec.name} = {named!r}",
                    hint="paths are relative to the suite file",
                )
            )
    if problems:
        raise InputError(problems)
    return folders


def _task_answers(suite: Suite, base: Path) -> dict[str, int]:
    specs = [spec for spec in suite.eval if isinstance(spec, LmEvalSpec)]
    return {spec.name: tokens for spec in specs if (tokens := longest_task_answer(spec, base)) is not None}


def _hash_files(folder: Path) -> str:
    if folder.is_file():
        return digest_file(folder)
    files = [file for file in task_folder_files(folder) if "__pycache__" not in file.parts]
    return digest_files(folder, files)
