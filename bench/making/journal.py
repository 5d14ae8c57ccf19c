"""The file of made rows: JSON Lines that only grow, and a note beside it that says what they are.

Contract: a row is a whole line, written at once, or not there; a line that a kill has torn is taken away before the
next is written. `NAME.jsonl` belongs to the specification that the note `NAME.make.json` states; another one is refused
with the keys that differ.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.atomic import write_text
from bench.errors import InputError, Problem

FORMAT = 1
JournalLine = Mapping[str, Any]


class Journal:
    """Open on one file; a context manager."""

    def __init__(self, path: Path, identity: Mapping[str, object]) -> None:
        """Opens `path` and reads its rows.

        Raises `InputError` where they are another specification's, or the path is unusable.
        """
        self.path = path
        self.note = path.with_suffix(".make.json")
        self.identity = json.loads(json.dumps(identity))
        self.rows: dict[str, JournalLine] = {}
        """By `provenance.id`, in the file's order."""
        self._check_name()
        self._check_owner()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+")
            self._take_up()
            self.write_note({})
        except OSError as error:
            what = f"cannot write {path.name}: {error.strerror or error}"
            hint = "choose another --out"
            raise InputError(Problem(reference="make.out", what=what, where=str(path), hint=hint)) from error

    def add(self, id_: str, row: JournalLine) -> None:
        """Append a row that is not there yet."""
        line = json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
        self._file.write(line.encode())
        self._file.flush()
        self.rows[id_] = row

    def write_note(self, summary: Mapping[str, object]) -> None:
        """Say what the rows are, and how far this is."""
        note = {"format": FORMAT, "make": self.identity, "summary": summary}
        write_text(self.note, json.dumps(note, ensure_ascii=False, indent=1) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def _check_name(self) -> None:
        if self.path.suffix != ".jsonl" or self.path.is_dir():
            what, hint = f"{self.path.name} is no name for a JSON Lines file", "such as --out data/made.jsonl"
            raise InputError(Problem(reference="make.out", what=what, where="--out", hint=hint))

    def _check_owner(self) -> None:
        try:
            empty = self.path.stat().st_size == 0
        except OSError:
            return
        if empty:
            return
        hint = "choose another --out; replies that were kept are used again at no cost"
        try:
            theirs = json.loads(self.note.read_bytes())["make"]
        except (OSError, ValueError, KeyError, TypeError):
            what = f"{self.path.name} is there already and was not written by this command"
            raise InputError(Problem(reference="make.out-taken", what=what, where="--out", hint=hint)) from None
        if theirs != self.identity:
            keys = ", ".join(_differing(self.identity, theirs))
            what = f"{self.path.name} holds rows of another specification; it differs in: {keys}"
            raise InputError(Problem(reference="make.out-taken", what=what, where="--out", hint=hint))

    def _take_up(self) -> None:
        self._file.seek(0)
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            try:
                row = json.loads(line)
                self.rows[row["provenance"]["id"]] = row
            except (ValueError, KeyError, TypeError):
                continue  # a line that this program did not write; it stays
        self._file.truncate(whole)


def _differing(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Key paths at which two tables differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            path
            for key in sorted(ours.keys() | theirs.keys())
            for path in _differing(ours.get(key), theirs.get(key), f"{at}.{key}" if at else str(key))
        ]
    return [] if ours == theirs else [at]
