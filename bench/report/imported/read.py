"""Per-example scores of one model from the files of lm-eval (`samples_TASK_DATE.jsonl`) or Inspect (logs)."""

import json
import os
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.digest import digest_json
from bench.errors import InputError, Problem
from bench.report.imported.metrics import ExampleScore, lm_eval_score, metric_name, number, weight_of

_SAMPLES = "samples_*.jsonl"
_OWN = "sft-bench/"
"""How this program's models begin in the logs that it exports, whose samples have weights."""
_DATE = re.compile(r"_\d{4}-\d{2}-\d{2}T[\d:.-]+$")
_ZSTANDARD = 93
"""Number of the method in a zip archive (APPNOTE.TXT 4.4.5)."""
_LENGTHS_AT = 26
"""Place of two lengths in the header before a file's content (APPNOTE.TXT 4.3.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSubject:
    """One model's scores.

    scores: by (task, metric), then by example: a hash of its content, and which of equal ones it is."""

    name: str
    scores: Mapping[tuple[str, str], Mapping[tuple[str, int], ExampleScore]]


def read_subject(path: Path) -> ImportedSubject:
    """The subject at `path`: a folder of lm-eval's samples or of Inspect's logs, or one such file.

    Raises `InputError` where there is none, or one cannot be read."""
    files = [path] if path.is_file() else sorted(path.rglob(_SAMPLES))
    if path.is_dir() and not files:
        files = [file for file in sorted(path.rglob("*")) if file.suffix in (".eval", ".json")]
    if not files:
        raise InputError(_unread(path, "no samples of lm-eval and no log of Inspect are here"))
    scores: _TaskScores = {}
    names: list[str] = []
    for file in files:
        name, rows = _lm_eval(file) if file.suffix == ".jsonl" else _inspect(file)
        names.append(name)
        for key, values in rows.items():
            scores.setdefault(key, {}).update(values)
    different = list(dict.fromkeys(names))
    if len(different) > 1:
        raise InputError(_unread(path, f"the files are of several models: {', '.join(different)}"))
    return ImportedSubject(name=different[0], scores=scores)


def with_own_names(subjects: Sequence[tuple[Path, ImportedSubject]]) -> list[ImportedSubject]:
    """The subjects of these paths; models of one name, such as two versions of one, are told apart by the path."""
    counts = Counter(subject.name for _, subject in subjects)
    return [
        replace(subject, name=f"{subject.name} ({path})") if counts[subject.name] > 1 else subject
        for path, subject in subjects
    ]


_TaskScores = dict[tuple[str, str], dict[tuple[str, int], ExampleScore]]


def _lm_eval(file: Path) -> tuple[str, _TaskScores]:
    """Name: of the folder, which lm-eval names by the model."""
    task = _DATE.sub("", file.stem.removeprefix("samples_"))
    rows: _TaskScores = {}
    for suffix, group in _by_filter(_lines(file)).items():
        seen: Counter[str] = Counter()
        for sample in group:
            example = digest_json([sample.get("doc"), str(sample.get("target"))])
            for metric in sample.get("metrics", ()):
                score = lm_eval_score(metric, sample.get(metric), weight_of(sample))
                rows.setdefault((task, f"{metric_name(metric)}{suffix}"), {})[example, seen[example]] = score
            seen[example] += 1
    return file.parent.name, rows


def _by_filter(samples: Iterator[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Samples by the filter that made their answers: lm-eval has one line for each."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for sample in samples:
        name = sample.get("filter", "none")
        groups.setdefault("" if name == "none" else f",{name}", []).append(sample)
    return groups


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            sample = json.loads(line)
            if not isinstance(sample, dict):
                raise InputError(_unread(file, "a line is no object"))
            yield sample
    except (OSError, ValueError) as error:
        raise InputError(_unread(file, "it is no JSON-lines file")) from error


def _inspect(file: Path) -> tuple[str, _TaskScores]:
    log = _log(file)
    header, samples = log.get("eval"), log.get("samples")
    if not isinstance(header, dict) or not isinstance(samples, list):
        raise InputError(_unread(file, "it is no log of Inspect with samples"))
    task = str(header.get("task"))
    epochs: dict[tuple[str, str], dict[tuple[str, int], list[float | None]]] = {}
    weights: dict[tuple[str, int], float] = {}
    seen: Counter[tuple[str, int]] = Counter()
    for sample in samples:
        content, epoch = digest_json([sample.get("input"), sample.get("target")]), int(sample.get("epoch", 1))
        example = content, seen[content, epoch]
        seen[content, epoch] += 1
        weights[example] = weight_of(sample.get("metadata")) if str(header.get("model")).startswith(_OWN) else 1.0
        for metric, score in (sample.get("scores") or {}).items():
            epochs.setdefault((task, metric), {}).setdefault(example, []).append(number(score.get("value")))
    examples = sorted({(content, place) for (content, _), count in seen.items() for place in range(count)})
    rows = {
        key: {
            example: ExampleScore(value=_mean(by_example.get(example, [])), weight=weights.get(example, 1.0))
            for example in examples
        }
        for key, by_example in epochs.items()
    }
    return str(header.get("model")), rows


def _log(file: Path) -> dict[str, Any]:
    try:
        if file.suffix == ".eval":
            with zipfile.ZipFile(file) as archive:
                header = json.loads(_member(archive, "header.json"))
                names = sorted(name for name in archive.namelist() if name.startswith("samples/"))
                return {**header, "samples": [json.loads(_member(archive, name)) for name in names]}
        log = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, struct.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(_unread(file, "it cannot be read as a log of Inspect")) from error
    return log if isinstance(log, dict) else {}


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Content of a file in the archive, also by Zstandard, which Inspect takes and Python's own zipfile cannot read."""
    info = archive.getinfo(name)
    if info.compress_type != _ZSTANDARD or archive.fp is None:
        return archive.read(info)
    import pyarrow  # its codec: slow to import, and no other result needs it

    archive.fp.seek(info.header_offset + _LENGTHS_AT)
    archive.fp.seek(sum(struct.unpack("<HH", archive.fp.read(4))), os.SEEK_CUR)  # the name, and what is said beside it
    packed = archive.fp.read(info.compress_size)
    content: bytes = pyarrow.decompress(packed, info.file_size, codec="zstd", asbytes=True)
    return content


def _mean(values: list[float | None]) -> float | None:
    """Mean over epochs; `None` where one of them lacks a score."""
    numbers = [value for value in values if value is not None]
    return fmean(numbers) if numbers and len(numbers) == len(values) else None


def _unread(path: Path, what: str) -> Problem:
    hint = "lm-eval: --output_path FOLDER --log_samples; Inspect: a folder of its logs, or one log"
    return Problem(reference="import.unread", what=what, where=str(path), hint=hint)
