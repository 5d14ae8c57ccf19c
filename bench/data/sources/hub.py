"""Data sets of the hub: downloaded once, pinned to a commit, kept as one Parquet file.

Contract: `fetch` returns a file that `bench.data.resolve` reads as any other, with a note of its commit beside it. It
imports `datasets` and belongs in a child process. Offline, what was fetched before is used again. Access tokens come
from the environment and go to the hub's own library; none is read or recorded here.
"""

import json
from pathlib import Path
from typing import Any

from bench.data.sources.hub_errors import patiently
from bench.data.sources.hub_problems import HubRequest, failed, is_commit, line_of, refusal, unreachable
from bench.data.store import atomic
from bench.digest import digest_json
from bench.errors import InputError, Problem
from bench.suite.resolved import UNREACHABLE
from bench.suite.tables.data import DataSpec

_CONVERTED = "refs/convert/parquet"
"""Where the hub keeps its own Parquet copy of data sets that are loaded by a script, which is never run here."""


def fetch(spec: DataSpec, *, home: Path) -> Path:
    """The rows of `spec.source` (its config, split and revision) as a Parquet file under `home`.

    Raises `InputError`: `hub.unreachable` (it may pass by itself), `hub.unknown`, `hub.gated`, `hub.revision`,
    `hub.split`, `hub.config`, `hub.not-data`, `hub.failed`.
    """
    assert spec.source is not None, "a mix has no rows of its own to fetch"
    fields = {"source": spec.source, "config": spec.config, "split": spec.split, "revision": spec.revision}
    folder, name = home / "data" / "hub", digest_json(fields)[:24]
    file, note = folder / f"{name}.parquet", folder / f"{name}.note.json"
    kept_note = json.loads(note.read_text(encoding="utf-8")) if file.is_file() and note.is_file() else None
    if kept_note is not None and is_commit(spec.revision):
        return file
    try:
        commit = _commit(spec, spec.revision)
    except InputError as error:
        if kept_note is not None and error.problems[0].reference == UNREACHABLE:
            return file
        raise
    if kept_note is None or kept_note["revision"] != commit:
        data, commit = _load(spec, commit, cache=home / "hub")
        # The file first: a note without its file, or with an older one, would name the wrong commit.
        note.unlink(missing_ok=True)
        with atomic(folder) as (stream, finish):
            data.to_parquet(stream)
            finish(file.name)
        with atomic(folder) as (stream, finish):
            stream.write(json.dumps({**fields, "revision": commit}).encode())
            finish(note.name)
    return file


def _commit(spec: DataSpec, revision: str | None) -> str:
    from huggingface_hub import HfApi

    try:
        commit = patiently(lambda: HfApi().dataset_info(str(spec.source), revision=revision).sha)
    except Exception as error:  # the library's own, of its HTTP client and of the socket
        raise InputError(_problem(spec, error)) from error
    if commit is None:
        raise InputError(unreachable(_asked(spec), "it names no commit"))
    return commit


def _load(spec: DataSpec, commit: str, *, cache: Path) -> tuple[Any, str]:
    """The data set and the commit that it is of."""
    import datasets

    datasets.disable_progress_bars()
    try:
        data = datasets.load_dataset(
            spec.source, name=spec.config, split=spec.split, revision=commit, cache_dir=str(cache)
        )
    except RuntimeError as error:
        if "scripts are no longer supported" not in str(error) or spec.revision == _CONVERTED:
            raise InputError(_problem(spec, error)) from error
        try:
            converted = _commit(spec, _CONVERTED)
        except InputError:
            raise InputError(_problem(spec, error)) from error
        return _load(spec.model_copy(update={"revision": _CONVERTED}), converted, cache=cache)
    except Exception as error:  # as in `_commit`, and what a builder raises for a config or split that is not there
        raise InputError(_problem(spec, error)) from error
    return data, commit


def _problem(spec: DataSpec, error: BaseException) -> Problem:
    """What a failed request means to the user."""
    from datasets.exceptions import DatasetsError

    request, where, repo = _asked(spec), f"source = {spec.source!r}", spec.source
    problem = refusal(request, error)
    if problem is not None:
        return problem
    if isinstance(error, ValueError) and "split" in str(error).lower():
        return Problem(reference="hub.split", what=f"{repo}: {line_of(error)}", where=where, hint="set split")
    if isinstance(error, ValueError) and "config" in str(error).lower():
        return Problem(reference="hub.config", what=f"{repo}: {line_of(error)}", where=where, hint="set config")
    if isinstance(error, DatasetsError | FileNotFoundError | RuntimeError):
        what = f"{repo} cannot be read as a table: {line_of(error.__cause__ or error)}"
        hint = "only data files are read, never a script; name config, split or revision, or give a local file"
        return Problem(reference="hub.not-data", what=what, where=where, hint=hint)
    return failed(request, error)


def _asked(spec: DataSpec) -> HubRequest:
    return HubRequest(
        repo=str(spec.source),
        kind="data set",
        revision=spec.revision,
        where=f"source = {spec.source!r}",
        local="for a local file: --set data.NAME.source=FILE",
    )
