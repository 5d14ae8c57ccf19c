"""Data specs to stored selections: every data set of a suite at once.

Contract: `resolve_data` reads each distinct source once, keeps held-out rows out of all that trains, selects, stores
and counts; everything that is wrong comes in one `TableError`. A repeated call with the same files, specs and code only
hashes the files. Names that begin with `eval:` are the evals' own data.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.code_digest import own_code
from bench.data import micro
from bench.data.formats.conversation import Rules
from bench.data.select.order import in_order, key_of
from bench.data.sources.faulty_tables import TableError
from bench.data.sources.files import MICRO, files_of, kind_of, local_path
from bench.data.sources.source import Source
from bench.data.sources.unavailable import absent, absent_rows
from bench.data.store import atomic, is_whole, writable
from bench.digest import digest_file, digest_json
from bench.errors import InputError, Problem, collected, did_you_mean
from bench.suite.resolved import ResolvedData, Unavailable
from bench.suite.tables.data import DataSpec


def resolve_data(
    specs: Mapping[str, DataSpec],
    *,
    base: Path,
    home: Path,
    fetched: Mapping[str, Path] | None = None,
    away: Mapping[str, Unavailable] | None = None,
    slices: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, ResolvedData]:
    """Select and store the rows of every spec.

    `base` is the folder that paths in the specs are relative to, `home` where selections are kept (under `data/`), and
    `fetched` holds per name what `bench.data.sources.hub.fetch` returned for data on the hub, `away` why it could
    not; the tables that then cannot be made are marked `unavailable`, the others are what they would be anyway.
    `slices`: per name the columns whose values stay with the rows. Raises `TableError`.
    """
    folder = home / "data"
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    away = away or {}
    gone = absent(in_order(specs), specs, away)
    here = {name: spec for name, spec in specs.items() if name not in away}
    sources = _locate(here, base, fetched or {}, slices or {})
    marked = {name: absent_rows(name, specs[name], why) for name, why in gone.items()}
    memo = folder / "resolved" / f"{_memo_key(specs, sources, home)}.json"
    if (recalled := _recall(memo, folder)) is not None:
        return {name: (recalled | marked)[name] for name in specs}
    from bench.data.selected import selected  # numpy and what reads rows are imported where rows are read

    resolved = selected(specs, sources, folder, gone)
    _remember(memo, resolved)
    return {name: (resolved | marked)[name] for name in specs}


def select_local(
    specs: Mapping[str, DataSpec], *, base: Path, folder: Path, slices: Mapping[str, tuple[str, ...]]
) -> dict[str, ResolvedData]:
    """The selections of local specs as `resolve_data` makes them, stored in `folder` and not remembered.

    Raises `TableError` with everything that is wrong with them.
    """
    from bench.data.selected import selected

    return selected(specs, _locate(specs, base, {}, slices), folder, {})


def hub_data(specs: Mapping[str, DataSpec], *, base: Path) -> dict[str, DataSpec]:
    """Specs that must be fetched from the hub before `resolve_data`."""
    return {name: spec for name, spec in specs.items() if kind_of(spec, base) == "hub"}


def _locate(
    specs: Mapping[str, DataSpec], base: Path, fetched: Mapping[str, Path], slices: Mapping[str, tuple[str, ...]]
) -> dict[str, Source]:
    located: dict[str, Source] = {}
    problems: list[Problem] = []
    hashes: dict[tuple[Path, ...], str] = {}
    sourced = {name: spec for name, spec in specs.items() if spec.source is not None}  # of a mix its parts are located
    for name, spec in sourced.items():
        with collected(problems):
            source = _source(name, spec, base, fetched.get(name), hashes)
            located[name] = replace(source, rules=replace(source.rules, slices=slices.get(name, ())))
    if problems:
        raise TableError(problems, names=sourced.keys() - located.keys())
    return located


def _source(name: str, spec: DataSpec, base: Path, fetched: Path | None, hashes: dict[tuple[Path, ...], str]) -> Source:
    assert spec.source is not None, "no mix"
    where, named, origin, revision = key_of(name, "source"), spec.source, spec.source, None
    files: tuple[Path, ...] = ()
    folder: Path | None = None
    match kind_of(spec, base):
        case "micro":
            _check_micro(named, where)
        case "file":
            path = local_path(named, base)
            files = files_of(path, source=named, where=where, split=spec.split)
            folder = path if path.is_dir() else None
            origin = Path(named).name
        case "hub":
            if fetched is None:
                raise InputError(
                    Problem(
                        reference="data.not-fetched",
                        what=f"{named} is no file here and was not fetched from the hub",
                        where=where,
                        hint="check the path, or run where the hub can be reached",
                    )
                )
            files = files_of(fetched, source=named, where=where)
            revision = revision_of(fetched)
    if files not in hashes:
        hashes[files] = digest_json([_hash(file, named, where) for file in files])
    return Source(
        label=named,
        origin=origin,
        files=files,
        folder=folder,
        columns=spec.columns,
        revision=revision,
        sha256=hashes[files],
        rules=Rules(
            answered=spec.needs_answers,
            keep_empty=spec.empty_answers == "keep",
            merge=spec.odd_rows == "repair",
            reasoning=spec.reasoning,
            ignore=frozenset(spec.ignore),
            leave_out=frozenset(spec.leave_out),
            score=spec.select.column,
            split=spec.split if "split" in spec.model_fields_set and files == (local_path(named, base),) else None,
        ),
        faulty=spec.odd_rows,
    )


def revision_of(fetched: Path) -> str | None:
    """The hub commit of a fetched file, from the note that `bench.data.sources.hub.fetch` wrote beside it."""
    note = fetched.with_suffix(".note.json")
    revision = json.loads(note.read_text(encoding="utf-8")).get("revision") if note.is_file() else None
    return str(revision) if revision else None


def _check_micro(source: str, where: str) -> None:
    name = source.removeprefix(MICRO)
    if name not in micro.ROW_SETS:
        raise InputError(
            Problem(
                reference="data.unknown-micro",
                what=f"the micro world has no rows {name!r}",
                where=where,
                hint=did_you_mean(source, [MICRO + row_set for row_set in micro.ROW_SETS]),
            )
        )


def _hash(file: Path, source: str, where: str) -> str:
    try:
        return digest_file(file)
    except OSError as error:
        what = f"{source} cannot be read: {error.strerror or error}"
        raise InputError(Problem(reference="data.unreadable", what=what, where=where)) from error


def _memo_key(specs: Mapping[str, DataSpec], sources: Mapping[str, Source], home: Path) -> str:
    return digest_json(
        {
            "code": own_code(home).digest(__name__),
            "specs": {name: spec.model_dump(mode="json") for name, spec in specs.items()},
            "sources": {
                name: [source.sha256, source.revision, source.rules.answered, source.rules.slices]
                for name, source in sources.items()
            },
        }
    )


def _recall(memo: Path, folder: Path) -> dict[str, ResolvedData] | None:
    """What an earlier call found, if all of its selections are still there and whole."""
    try:
        stored = json.loads(memo.read_bytes())
        paths = {name: folder / item["path"] for name, item in stored.items()}
        if not all(is_whole(path) for path in set(paths.values())):
            return None
        return {name: ResolvedData.model_validate({**item, "path": str(paths[name])}) for name, item in stored.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # missing, or not ours: read the sources again


def _remember(memo: Path, resolved: Mapping[str, ResolvedData]) -> None:
    items = {name: {**data.model_dump(mode="json"), "path": Path(data.path).name} for name, data in resolved.items()}
    with atomic(memo.parent) as (file, finish):
        file.write(json.dumps(items, ensure_ascii=False).encode())
        finish(memo.name)
