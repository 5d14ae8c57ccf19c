"""The files of a source: what its name means, and which files of a folder are read, in which order.

Contract: of a folder whose files are named after splits, one split is read.
"""

import json
from pathlib import Path
from typing import Literal

from bench.data.sources.readers.readers import JSON_ENDINGS, READERS, format_of, known_formats
from bench.data.sources.splits import files_of_split
from bench.errors import InputError, Problem, did_you_mean
from bench.suite.catalog.folder_files import files_below
from bench.suite.tables.data import SAVED_SPLITS, DataSpec

SourceKind = Literal["micro", "file", "hub", "mix"]
MICRO = "micro:"
_NOTES = frozenset({"dataset_info.json", "dataset_infos.json", "state.json", SAVED_SPLITS})
"""JSON files that describe data and hold none."""


def kind_of(spec: DataSpec, base: Path) -> SourceKind:
    """What a spec's `source` names: rows of the micro world, a file or folder (relative to `base`), or a hub id; or
    that it is a mix of others.

    What looks like a hub id is a folder where there is one of that name.
    """
    kind = spec.source_kind
    if kind == "data":
        raise ValueError(f"{spec.source}: references are followed when a suite is loaded")
    return "file" if kind == "hub" and local_path(spec.source or "", base).exists() else kind


def local_path(source: str, base: Path) -> Path:
    """The file or folder that a `source` names."""
    return base / Path(source).expanduser()


def files_of(path: Path, *, source: str, where: str, split: str = "train") -> tuple[Path, ...]:
    """The files that hold a source's rows, in order. Raises `InputError` where there is none that can be read.

    Of a folder with several splits, `split` is taken: those that `datasets` saved, or those that the files' names tell.
    """
    if path.is_dir():
        return _files_in(path, source=source, where=where, split=split)
    if not path.is_file():
        raise InputError(
            Problem(reference="data.missing-file", what=f"no file {source}", where=where, hint=_sibling_hint(path))
        )
    if format_of(path) not in READERS:
        raise InputError(
            Problem(
                reference="data.format",
                what=f"{source} is of no known format",
                where=where,
                hint=f"known: {known_formats()}",
            )
        )
    if path.stat().st_size == 0:
        raise InputError(
            Problem(reference="data.empty", what=f"{source} is empty", where=where, hint="give a file with rows")
        )
    return (path,)


def _sibling_hint(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent.name!r} either; paths are relative to the suite file"
    names = [entry.name for entry in path.parent.iterdir() if format_of(entry) in READERS]
    return did_you_mean(path.name, names, none="paths are relative to the suite file")


def _files_in(folder: Path, *, source: str, where: str, split: str) -> tuple[Path, ...]:
    if (folder / SAVED_SPLITS).is_file():
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
        if split not in names:
            what = f"{source} has no split {split!r}"
            hint = did_you_mean(split, names)
            raise InputError(Problem(reference="data.split", what=what, where=where, hint=hint))
        folder, split = folder / split, "train"
    files = _arrow_files(folder) or _data_files(folder)
    if not files:
        what, hint = f"{source} is a folder without data files", f"known: {known_formats()}"
        raise InputError(Problem(reference="data.format", what=what, where=where, hint=hint))
    if not (folder / "state.json").is_file():
        files = files_of_split(files, folder, source=source, where=where, split=split)
    formats = sorted({format_of(file) for file in files})
    if len(formats) > 1 and not JSON_ENDINGS.issuperset(formats):
        what, hint = f"{source} holds files of several formats: {', '.join(formats)}", "name one file, or sort them"
        raise InputError(Problem(reference="data.format", what=what, where=where, hint=hint))
    return files


def _arrow_files(folder: Path) -> tuple[Path, ...]:
    """The Arrow files of a folder in the order that its state.json gives, else by name."""
    state = folder / "state.json"
    if state.is_file():
        try:
            listed = [folder / entry["filename"] for entry in json.loads(state.read_text())["_data_files"]]
        except (ValueError, KeyError, TypeError):
            listed = []
        if listed and all(file.is_file() for file in listed):
            return tuple(listed)
    return tuple(sorted(folder.glob("*.arrow")))


def _data_files(folder: Path) -> tuple[Path, ...]:
    """Files of known formats in a folder and those below it, by path; hidden ones and notes about data aside."""
    paths = (path for path in files_below(folder, where=f"source = {str(folder)!r}") if format_of(path) in READERS)
    shown = (path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    return tuple(sorted(path for path in shown if path.name not in _NOTES))
