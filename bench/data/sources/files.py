"""Where rows are read from: JSON, JSON Lines, CSV, TSV, Parquet, Arrow, and folders of such files.

Contract: text formats may be compressed with gzip. Of a folder whose files are named after splits, one split is read.
`records` streams `(row, record)` with rows counted from 1 (lines in JSON Lines, elements of a JSON list, rows
below a CSV header); a row that cannot be read comes as a `RowError` in place of its record, a file that cannot be read
raises `InputError`. No reader holds more than a block of the file in memory.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TextIO

from bench.data.formats.fields import RowError
from bench.errors import InputError, Problem, did_you_mean
from bench.suite.catalog.folder_files import files_below
from bench.suite.tables.data import SAVED_SPLITS, DataSpec

NumberedRecords = Iterator[tuple[int, Any]]
SourceKind = Literal["micro", "file", "hub", "mix"]

MICRO = "micro:"
_BLOCK = 1 << 20
"""Characters of a JSON list that are read at once."""
_NOTES = frozenset({"dataset_info.json", "dataset_infos.json", "state.json", SAVED_SPLITS})
"""JSON files that describe data and hold none."""
_COMPRESSED = ".gz"
_ROWS_HINT = "write its rows as a list of objects, or one object per line"
_WHOLE_JSON = 1 << 28
"""Bytes of a JSON file up to which it is parsed whole, to see whether it is one object."""
_SPLIT_OF = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""Words in a path that name a split, as `datasets` reads them."""


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
                hint=f"known: {_known_formats()}",
            )
        )
    if path.stat().st_size == 0:
        raise InputError(
            Problem(reference="data.empty", what=f"{source} is empty", where=where, hint="give a file with rows")
        )
    return (path,)


def records(path: Path, *, source: str) -> NumberedRecords:
    """All records of one file."""
    try:
        yield from READERS[format_of(path)](path)
    except UnicodeDecodeError as error:
        raise InputError(
            Problem(
                reference="data.encoding",
                what=f"not UTF-8 text: byte 0x{error.object[error.start]:02x}",
                where=source,
                hint="save the file as UTF-8",
            )
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(
            Problem(reference="data.unreadable", what=f"cannot be read: {reason}", where=source)
        ) from error


def format_of(path: Path) -> str:
    """The ending that says how a file is read: of a compressed one, that before `.gz`."""
    ending = path.suffix.lower()
    inner = path.with_suffix("").suffix.lower() if ending == _COMPRESSED else ending
    return ending if ending == _COMPRESSED and inner not in _TEXT_FORMATS else inner


def _open(path: Path, *, newline: str) -> TextIO:
    if path.suffix.lower() == _COMPRESSED:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
    return path.open(encoding="utf-8-sig", newline=newline)


def _known_formats() -> str:
    return f"{', '.join(READERS)}, and the text formats with {_COMPRESSED} behind"


def _sibling_hint(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent.name!r} either; paths are relative to the suite file"
    names = [entry.name for entry in path.parent.iterdir() if format_of(entry) in READERS]
    return did_you_mean(path.name, names) or "paths are relative to the suite file"


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
        what, hint = f"{source} is a folder without data files", f"known: {_known_formats()}"
        raise InputError(Problem(reference="data.format", what=what, where=where, hint=hint))
    if not (folder / "state.json").is_file():
        files = _of_split(files, folder, source=source, where=where, split=split)
    formats = sorted({format_of(file) for file in files})
    if len(formats) > 1 and formats != [".json", ".jsonl"]:
        what, hint = f"{source} holds files of several formats: {', '.join(formats)}", "name one file, or sort them"
        raise InputError(Problem(reference="data.format", what=what, where=where, hint=hint))
    return files


def _of_split(files: Sequence[Path], folder: Path, *, source: str, where: str, split: str) -> tuple[Path, ...]:
    """The files of one split; all of them where no name tells a split and `train` is asked for."""
    splits = {file: _split_of(file.relative_to(folder)) for file in files}
    names = sorted({name for name in splits.values() if name is not None})
    wanted = _SPLIT_OF.get(split, split)
    if not names and wanted == "train":
        return tuple(files)
    if wanted not in names:
        what = f"{source} has no split {split!r}" + (f", but {' and '.join(map(repr, names))}" if names else "")
        hint = (
            f'set split = "{names[-1]}"' if names else "no file of the folder is named after a split: leave split out"
        )
        raise InputError(Problem(reference="data.split", what=what, where=where, hint=hint))
    if (unnamed := [str(file.relative_to(folder)) for file, name in splits.items() if name is None]) != []:
        what = f"{source} holds files of splits ({', '.join(names)}), and {', '.join(unnamed[:3])}, which names none"
        hint = "name one file as source, or move the others"
        raise InputError(Problem(reference="data.split", what=what, where=where, hint=hint))
    return tuple(file for file, name in splits.items() if name == wanted)


def _split_of(path: Path) -> str | None:
    """The split that a path inside its folder names, the file's own name before its folders'."""
    for part in reversed(path.parts):
        for word in re.split(r"[-._ 0-9]+", part.lower()):
            if word in _SPLIT_OF:
                return _SPLIT_OF[word]
    return None


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


def _json(path: Path) -> NumberedRecords:
    """A list of records, or JSON Lines, told apart by the first character: both endings are in use for both."""
    with _open(path, newline="\n") as file:
        head = file.read(1)
        while head.isspace():
            head = file.read(1)
        if head == "[":
            yield from _elements(file)
            return
    if head == "{" and (record := _one_object(path)) is not None:
        yield 1, no_list(record)
        return
    with _open(path, newline="\n") as file:
        for row, line in enumerate(file, start=1):
            if not line.isspace():
                yield row, _parsed(line)


def no_list(record: Mapping[str, Any]) -> RowError:
    """The fault of a file that is one object."""
    kind = "one object of objects" if all(isinstance(value, dict) for value in record.values()) else "one object"
    return RowError("data.not-a-list", f"valid JSON, but {kind}, not a list of rows", _ROWS_HINT, ends_file=True)


def _one_object(path: Path) -> Mapping[str, Any] | None:
    """The object of a JSON file that is one over several lines. Above a quarter of a gigabyte it is taken for lines."""
    with _open(path, newline="\n") as file:
        first = next((line for line in file if not line.isspace()), "")
        if not isinstance(_parsed(first), RowError) or path.stat().st_size > _WHOLE_JSON:
            return None
        whole = _parsed(first + file.read())
    return whole if isinstance(whole, dict) else None


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return _not_json(error)


def _not_json(error: Exception, *, ends_file: bool = False) -> RowError:
    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    column = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    hint = "one JSON object per line, or one list of objects"
    return RowError("data.not-json", f"not JSON: {reason}{column}", hint, ends_file=ends_file)


def _elements(file: TextIO) -> NumberedRecords:
    """Elements of a JSON list whose opening bracket was read, a block at a time. Ends at the first that is not JSON."""
    decode = json.JSONDecoder().raw_decode
    text, position, row, block = file.read(_BLOCK), 0, 1, _BLOCK
    separator = re.compile(r"[\s,]*")
    while True:
        position = separator.match(text, position).end()  # type: ignore[union-attr]  # matches the empty string too
        if text[position : position + 1] == "]":
            return
        try:
            value, position = decode(text, position)
        except (ValueError, RecursionError) as error:
            # Cut off by the block's end, or broken: only more text can tell. Blocks grow, so that this stays linear.
            more = file.read(block)
            if not more:
                yield row, _not_json(error, ends_file=True)
                return
            text, position, block = text[position:] + more, 0, block * 2
            continue
        yield row, value
        row, block = row + 1, _BLOCK


def _csv(path: Path, delimiter: str = ",") -> NumberedRecords:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # answers may be longer than the default of 131,072 characters
    with _open(path, newline="") as file:
        reader = csv.DictReader(file, strict=True, delimiter=delimiter)
        row = 0
        while True:
            row += 1
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                hint = "quote cells that hold commas or line breaks"
                yield row, RowError("data.not-csv", f"not CSV: {error}", hint, ends_file=True)
                return
            if None in record:
                yield row, RowError("data.not-csv", "more cells than the header has columns", "quote cells with commas")
            else:
                yield row, record


def _parquet(path: Path) -> NumberedRecords:
    import pyarrow  # 0.3 s, only for those who need it
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            row = 0
            for batch in file.iter_batches(batch_size=1024):
                for record in batch.to_pylist():
                    row += 1
                    yield row, record
    except pyarrow.ArrowInvalid as error:
        raise _not_a(path, "Parquet", error) from error


def _arrow(path: Path) -> NumberedRecords:
    import pyarrow
    import pyarrow.ipc

    try:
        with pyarrow.OSFile(str(path)) as file:
            row = 0
            for batch in _batches(file):
                for start in range(0, batch.num_rows, 1024):
                    for record in batch.slice(start, 1024).to_pylist():
                        row += 1
                        yield row, record
    except pyarrow.ArrowInvalid as error:
        raise _not_a(path, "Arrow", error) from error


def _batches(file: Any) -> Iterator[Any]:
    """Record batches of either of Arrow's two layouts: the stream that `datasets` writes, or the file (Feather)."""
    import pyarrow.ipc

    magic = file.read(6)
    file.seek(0)
    if magic == b"ARROW1":
        reader = pyarrow.ipc.open_file(file)
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        yield from pyarrow.ipc.open_stream(file)


def _not_a(path: Path, name: str, error: Exception) -> InputError:
    reason = str(error).splitlines()[0][:200]
    return InputError(Problem(reference="data.format", what=f"not a {name} file: {reason}", where=path.name))


READERS: dict[str, Callable[[Path], NumberedRecords]] = {
    ".json": _json,
    ".jsonl": _json,
    ".csv": _csv,
    ".tsv": partial(_csv, delimiter="\t"),
    ".parquet": _parquet,
    ".arrow": _arrow,
}
"""By file ending."""
_TEXT_FORMATS = (".json", ".jsonl", ".csv", ".tsv")
"""Endings of files that may be compressed."""
