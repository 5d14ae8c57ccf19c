"""The folder of one run: `REPORTS/<suite>/<profile>-<digest8>/`, with `latest` beside it pointing at the newest.

It holds `record.json`, `suite.json` (the resolved suite), `scores/<eval>/<subject>.jsonl`, `logs/<job>.txt`,
`tracking/<arm>/seed-<seed>/` (what TensorBoard reads, where the suite asks for it), and what
`bench.report` draws from them. Every file is whole or absent; nothing outside this folder is needed to read it.
"""

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from bench.atomic import replacing, write_text
from bench.errors import InputError, Problem, did_you_mean
from bench.record.record import FORMAT_VERSION, EvaluationRecord, Record, ScoredStep
from bench.record.results.evals.evaluation import ScoreRow

RECORD = "record.json"
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """One run's folder."""

    path: Path

    @classmethod
    def at(cls, reports: Path, *, suite: str, profile: str | None, digest: str) -> Self:
        """Where a run of this digest belongs; nothing is created."""
        return cls(reports / file_name(suite) / f"{file_name(profile or 'suite')}-{digest[:8]}")

    @classmethod
    def all_of(cls, reports: Path, *, suite: str, profile: str | None) -> list[Self]:
        """Every run of a suite's profile that has a record."""
        begin = re.escape(file_name(profile or "suite"))
        records = _records(reports / file_name(suite), "*")
        return [cls(path.parent) for path in records if re.fullmatch(rf"{begin}-[0-9a-f]{{8}}", path.parent.name)]

    @classmethod
    def find(cls, text: str, reports: Path) -> Self:
        """The run that `text` names: a run folder, a suite's name (its latest run), or `latest` (of all suites).

        Raises `InputError` if there is none.
        """
        for folder in (Path(text), reports / text):
            if (folder / RECORD).is_file():
                return cls(folder)
        if text == LATEST:
            candidates = _records(reports, "*/*")
        elif file_name(text) == text and (reports / text).is_dir():
            newest = (reports / text / LATEST).resolve()
            if newest.parent == (reports / text).resolve() and (newest / RECORD).is_file():
                return cls(reports / text / newest.name)  # the clock may have been set back since
            candidates = _records(reports / text, "*")
        else:
            candidates = []
        if not candidates:
            raise InputError(_not_found(text, reports))
        return cls(max(candidates, key=lambda record: record.stat().st_mtime_ns).parent)

    def load(self) -> Record:
        """The record. Raises `InputError` if it is missing, torn, or of another format version."""
        path = self.path / RECORD
        try:
            content = path.read_bytes()
            return Record.model_validate_json(content)
        except OSError as error:
            raise InputError(
                Problem(reference="run.no-record", what=f"the record cannot be read: {error.strerror}", where=str(path))
            ) from error
        except ValidationError as error:
            other = _other_version(content, path)
            if other is not None:
                raise InputError(other) from error
            raise InputError(
                Problem(
                    reference="run.bad-record",
                    what=f"this is not a whole record of format version {FORMAT_VERSION}",
                    where=f"{path}: {_first(error)}",
                    hint="run the same `bench run` again: finished jobs are reused and the record is written anew",
                )
            ) from error

    def scores(self, evaluation: EvaluationRecord | ScoredStep) -> Sequence[ScoreRow]:
        """Per-example scores of one evaluation, or of one step of a training, in order; empty if it has none.

        Raises `InputError` if the file is missing or torn, also where a row's texts are read from it later.
        """
        if evaluation.scores is None:
            return ()
        path = self.path / evaluation.scores
        refused = InputError(
            Problem(
                reference="run.bad-scores",
                what=f"the scores of {evaluation.subject} on {evaluation.eval} are missing or torn",
                where=str(path),
                hint="run the same `bench run` again: it copies them from the finished job",
            )
        )
        if not _is_inside(path, self.path):
            raise refused  # a record may come from anywhere
        from bench.record.results.evals.score_table import ScoreTable  # numpy is imported where scores are read

        return ScoreTable.read(path, refused)

    def write(self, record: Record) -> None:
        """Replace the record (and the resolved suite beside it) and point `latest` here."""
        write_text(self.path / "suite.json", record.resolved.model_dump_json(indent=1))
        write_text(self.path / RECORD, record.model_dump_json(indent=1))
        point_latest(self.path)

    def copy_in(self, source: Path, relative: str) -> None:
        """Copy a job's file here, unless the same bytes are here already."""
        target = self.path / relative
        if target.is_file() and _same(source, target):
            return
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)


def point_latest(folder: Path) -> None:
    """`latest` beside `folder`, as a relative link; left out on file systems without links."""
    temporary = folder.parent / f".{LATEST}.{os.getpid()}"
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(folder.name, target_is_directory=True)
        temporary.replace(folder.parent / LATEST)
    except OSError:
        temporary.unlink(missing_ok=True)


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether `path` is a file below `folder`, links followed; a NUL in a name is none of any folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve()) and path.is_file()
    except ValueError:
        return False


def file_name(name: str) -> str:
    """A name as one safe path component: `/` becomes `__`, `#` `--`, `:` `-`; what else is unsafe is coded."""
    plain = name.replace("/", "__").replace("#", "--").replace(":", "-")
    coded = re.sub(r"[^A-Za-z0-9._-]", lambda match: f"%{ord(match[0]):02x}", plain)
    return "%2e" + coded[1:] if coded.startswith(".") else coded or "%"


def scores_file(evaluation: str, subject: str) -> str:
    """Path of an evaluation's scores, relative to the run directory."""
    return f"scores/{file_name(evaluation)}/{file_name(subject)}.jsonl"


def log_file(job_id: str) -> str:
    """Path of a job's log, relative to the run directory."""
    return f"logs/{file_name(job_id)}.txt"


def tracking_folder(arm: str, seed: int) -> str:
    """Where TensorBoard's files of a training are, relative to the run directory; TensorBoard shows the arm's name."""
    return f"tracking/{'/'.join(file_name(part) for part in arm.split('/'))}/seed-{seed}"


def _records(folder: Path, pattern: str) -> list[Path]:
    return [path for path in folder.glob(f"{pattern}/{RECORD}") if not path.parent.is_symlink()]


def _same(source: Path, target: Path) -> bool:
    return source.stat().st_size == target.stat().st_size and source.read_bytes() == target.read_bytes()


def _other_version(content: bytes, path: Path) -> Problem | None:
    """What to do with a record that says it is of another version; `None` where it says nothing of the kind."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    version = value.get("format_version") if isinstance(value, dict) else None
    if not isinstance(version, int) or version == FORMAT_VERSION:
        return None
    newer = version > FORMAT_VERSION
    again = "run the same `bench run` again: a record of this version is written"
    return Problem(
        reference="run.record-version",
        what=f"this record has format version {version}; this program reads version {FORMAT_VERSION}",
        where=str(path),
        hint="upgrade this program to read it" if newer else again,
    )


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"


def _not_found(text: str, reports: Path) -> Problem:
    suites = sorted({record.parents[1].name for record in _records(reports, "*/*")})
    hint = did_you_mean(text, suites, none="there are no runs yet: `bench run SUITE` makes one")
    folder = "\0" not in text and Path(text).is_dir()
    what = f"the folder {text!r} holds no record.json" if folder else f"no run {text!r} under {reports}"
    return Problem(reference="run.not-found", what=what, where=text, hint=hint)
