"""Pins everything that a suite names, before any work: model files, rows, task folders. All problems at once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from bench.data.resolve import hub_data, resolve_data
from bench.data.select.dev_split import split_dev, use_dev
from bench.digest import digest_file, digest_files, digest_json
from bench.errors import InputError, Problem, attempted
from bench.run.process.payloads import FetchRequest
from bench.run.process.server import ChildServer
from bench.run.resolve.data_specs import data_specs, eval_slices, sweep_data, sweeps
from bench.run.resolve.given_weights import resolve_given
from bench.run.resolve.judges import resolve_judges
from bench.run.resolve.models import resolve_model
from bench.run.resolve.offline import offline_hint
from bench.run.resolve.precision import choose_precisions
from bench.run.resolve.programs import resolve_programs
from bench.run.resolve.unavailable import Advise, one_problem_per_source, pinned, reason, refuse_unavailable
from bench.suite.catalog.tasks import task_folder_files
from bench.suite.checks.task_files.check import longest_task_answer
from bench.suite.load import LoadedSuite
from bench.suite.resolved import ResolvedData, Unavailable
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.data import DataSpec
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.sweep import DEV

T = TypeVar("T")


def resolve(
    loaded: LoadedSuite, *, home: Path, server: ChildServer | None = None, partial: bool = False
) -> ResolvedSuite:
    """Pins of `loaded`. Downloads what is on the hub; `server` starts the child that does so for data, and the one
    that looks at a model which brings code. `partial`: a model or rows that the hub does not give this time are marked
    `unavailable`, and what depends on them; without it they are problems like all others.

    Raises `InputError` carrying every problem of model, data and task folders.
    """
    base, server = loaded.path.parent, server or ChildServer()
    problems: list[Problem] = []
    find = functools.partial(
        resolve_model, base=base, home=home, trust_remote_code=loaded.trust_remote_code, server=server
    )
    advise = functools.partial(offline_hint, loaded)
    pin = functools.partial(pinned, pin=find, home=home, advise=advise)
    bases = {
        name: attempted(problems, lambda spec=spec: pin(spec))  # type: ignore[misc]  # bound now
        for name, spec in loaded.suite.bases().items()
    }
    specs = data_specs(loaded.suite)
    fetched = attempted(problems, lambda: _fetch(specs, base=base, home=home, server=server, advise=advise))
    data = None
    if fetched is not None:
        files, away = fetched
        slices = eval_slices(loaded.suite)
        data = attempted(
            problems, lambda: resolve_data(specs, base=base, home=home, fetched=files, away=away, slices=slices)
        )
    tasks = attempted(problems, lambda: _task_folders(loaded.suite, base))
    judges = attempted(problems, lambda: resolve_judges(loaded.suite, base=base, pin=pin))
    given = attempted(problems, lambda: resolve_given(loaded.suite, base=base, home=home))
    programs = resolve_programs(loaded.suite, base=base)
    models = {name: model for name, model in bases.items() if model is not None}
    if len(models) < len(bases) or data is None or tasks is None or judges is None or given is None:
        away = {} if fetched is None else fetched[1]
        gone = [model.unavailable for model in models.values()] + list(away.values())
        raise InputError([*problems, *one_problem_per_source(gone)])
    resolved = ResolvedSuite(
        suite=loaded.suite,
        profile=loaded.profile,
        overrides=loaded.overrides,
        model=next(iter(models.values())),
        models={name: model for name, model in models.items() if name is not None},
        data={**data, **_dev_data(loaded.suite, data, home)},
        tasks_sha256={name: _hash_files(folder) for name, folder in tasks.items()},
        tasks_path={name: str(folder) for name, folder in tasks.items()},
        task_answers=_task_answers(loaded.suite, base),
        given=given,
        programs=programs,
        judges=judges,
        precisions=choose_precisions(loaded.suite, models, home=home, server=server),
    )
    if not partial:
        refuse_unavailable(resolved)
    return resolved


def _dev_data(suite: Suite, data: Mapping[str, ResolvedData], home: Path) -> dict[str, ResolvedData]:
    """For each data × sweep of the suite: the training part and the dev rows, none of which an eval reads."""
    evals = [part_data for name, part_data in data.items() if name.startswith("eval:")]
    parts_by_name: dict[str, ResolvedData] = {}
    problems: list[Problem] = []
    for name, on in dict.fromkeys(sweeps(suite)):
        whole = data[name]
        parts = sweep_data(name, on)
        gone = next(
            (
                part_data
                for part_data in (whole, data.get(on), *evals)
                if part_data is not None and part_data.unavailable
            ),
            None,
        )
        if gone is not None:
            parts_by_name.update({part: whole.model_copy(update={"name": part, **_gone(gone, part)}) for part in parts})
            continue
        split = attempted(
            problems,
            lambda whole=whole, on=on: (
                split_dev(whole, evals, home=home)  # type: ignore[misc]  # bound now
                if on == DEV
                else use_dev(whole, data[on], evals, home=home)
            ),
        )
        if split is not None:
            parts_by_name.update(zip(parts, (split.part, split.dev), strict=True))
    if problems:
        raise InputError(problems)
    return parts_by_name


def _gone(of: ResolvedData, name: str) -> dict[str, object]:
    """What marks a part of rows that are not there."""
    return {
        "rows": 0,
        "sha256": digest_json({"absent": name, "of": of.sha256}),
        "path": "",
        "unavailable": of.unavailable,
    }


def _fetch(
    specs: Mapping[str, DataSpec], *, base: Path, home: Path, server: ChildServer, advise: Advise
) -> tuple[dict[str, Path], dict[str, Unavailable]]:
    """Local files of the hub data, each distinct source fetched once by a child that has the heavy library; and why
    there are none, where that may pass."""
    wanted = hub_data(specs, base=base)
    problems: list[Problem] = []
    by_source: dict[DataSpec, Path | Unavailable | None] = {}
    for spec in wanted.values():
        key = _source_of(spec)
        if key not in by_source:
            fetch = functools.partial(_fetch_one, key, home=home, server=server, advise=advise)
            by_source[key] = attempted(problems, fetch)
    if problems:
        raise InputError(
            [
                *problems,
                *one_problem_per_source(source for source in by_source.values() if isinstance(source, Unavailable)),
            ]
        )
    by_name = {name: by_source[_source_of(spec)] for name, spec in wanted.items()}
    files = {name: fetched for name, fetched in by_name.items() if isinstance(fetched, Path)}
    return files, {name: fetched for name, fetched in by_name.items() if isinstance(fetched, Unavailable)}


def _source_of(spec: DataSpec) -> DataSpec:
    """What of a spec says which rows are downloaded; columns and selection come later."""
    return DataSpec(source=spec.source, config=spec.config, split=spec.split, revision=spec.revision)


def _fetch_one(spec: DataSpec, *, home: Path, server: ChildServer, advise: Advise) -> Path | Unavailable:
    log = home / "logs" / f"fetch-{digest_json(spec.model_dump(mode='json'))[:16]}.txt"
    log.unlink(missing_ok=True)  # what is told is of this attempt
    try:
        return Path(server.call("fetch", FetchRequest(spec=spec, home=str(home)), folder=home, log=log))
    except InputError as error:
        return reason(error, log, advise)


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
