"""Pins everything that a suite names, before any work: model files, rows, task folders. All problems at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from bench.data.resolve import hub_data, resolve_data
from bench.digest import digest_files
from bench.errors import InputError, Problem
from bench.run.child import ChildServer
from bench.run.models import resolve_model
from bench.suite.data import DataSpec
from bench.suite.evals import LmEvalSpec, LossSpec
from bench.suite.load import LoadedSuite
from bench.suite.resolved import ResolvedSuite
from bench.suite.suite import Suite

T = TypeVar("T")


def resolve(loaded: LoadedSuite, *, home: Path, server: ChildServer | None = None) -> ResolvedSuite:
    """Pins of `loaded`. Downloads what is on the hub; `server` starts the child that does so for data.

    Raises `InputError` carrying every problem of model, data and task folders.
    """
    base = loaded.path.parent
    problems: list[Problem] = []
    model = _collect(problems, lambda: resolve_model(loaded.suite.model, base=base, home=home))
    specs = data_specs(loaded.suite)
    fetched = _collect(problems, lambda: _fetch(specs, base=base, home=home, server=server or ChildServer()))
    data = None
    if fetched is not None:
        data = _collect(problems, lambda: resolve_data(specs, base=base, home=home, fetched=fetched))
    tasks = _collect(problems, lambda: _task_folders(loaded.suite, base))
    if model is None or data is None or tasks is None:
        raise InputError(problems)
    return ResolvedSuite(
        suite=loaded.suite,
        profile=loaded.profile,
        overrides=loaded.overrides,
        model=model,
        data=data,
        tasks_sha256={name: _hash_folder(folder) for name, folder in tasks.items()},
        tasks_path={name: str(folder) for name, folder in tasks.items()},
    )


def data_specs(suite: Suite) -> dict[str, DataSpec]:
    """The data that the arms train on, and each loss eval's own as `eval:NAME`."""
    used = {arm.data for arm in suite.arms.expand()}
    specs = {name: spec for name, spec in suite.data.items() if name in used}
    evals = {f"eval:{spec.name}": spec.data for spec in suite.eval if isinstance(spec, LossSpec)}
    return {**specs, **evals}


def _collect(problems: list[Problem], step: Callable[[], T]) -> T | None:
    try:
        return step()
    except InputError as error:
        problems.extend(error.problems)
        return None


def _fetch(specs: Mapping[str, DataSpec], *, base: Path, home: Path, server: ChildServer) -> dict[str, Path]:
    """Local files of the hub data, each distinct source fetched once by a child that has the heavy library."""
    wanted = hub_data(specs, base=base)
    problems: list[Problem] = []
    by_source: dict[DataSpec, Path | None] = {}
    for spec in wanted.values():
        key = _source_of(spec)
        if key not in by_source:
            by_source[key] = _collect(problems, lambda spec=key: _fetch_one(spec, home=home, server=server))  # type: ignore[misc]  # bound now
    if problems:
        raise InputError(problems)
    found = {name: by_source[_source_of(spec)] for name, spec in wanted.items()}
    return {name: path for name, path in found.items() if path is not None}


def _source_of(spec: DataSpec) -> DataSpec:
    """What of a spec says which rows are downloaded; columns and selection come later."""
    return DataSpec(source=spec.source, config=spec.config, split=spec.split, revision=spec.revision)


def _fetch_one(spec: DataSpec, *, home: Path, server: ChildServer) -> Path:
    payload = {"spec": spec.model_dump(mode="json"), "home": str(home)}
    log = home / "logs" / "fetch.txt"
    return Path(server.call("fetch", payload, folder=home, log=log))


def _task_folders(suite: Suite, base: Path) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    problems: list[Problem] = []
    for spec in suite.eval:
        if not isinstance(spec, LmEvalSpec) or spec.include is None:
            continue
        folder = (base / Path(spec.include).expanduser()).resolve()
        if folder.is_dir():
            folders[spec.name] = folder
        else:
            problems.append(
                Problem(
                    reference="eval.no-task-folder",
                    what="there is no such folder of task files",
                    where=f"eval.{spec.name}.include = {spec.include!r}",
                    hint="paths are relative to the suite file",
                )
            )
    if problems:
        raise InputError(problems)
    return folders


def _hash_folder(folder: Path) -> str:
    files = [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return digest_files(folder, files)
