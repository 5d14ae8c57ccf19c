"""The record of a finished suite, left as it is where a new one would say the same.

Contract: what a record is made of is compared by content (suite, jobs, their manifests, looks, labels, overlaps, the
code that writes records), its files in the run's folder by size and time of change. Any difference, and a job without a
result, has the record written anew.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.digest import digest_json
from bench.folder import files_below, state_of
from bench.record.contamination import ContaminationRecord
from bench.record.labels import EvalLabels
from bench.record.look import Look
from bench.record.rundir import RunDirectory
from bench.run.checks.check_given import given_records
from bench.run.plan.types import Plan
from bench.run.recording.portable import portable

_REPORTED = (".html", ".md", ".svg", "view.jsonl", "flips.jsonl", "look.json")
"""Ends of the names of what a report adds to the folder."""


def recording_code(home: Path) -> str:
    """Digest of the code that writes records. What it parses is kept in the home: whoever asks again is fast."""
    return own_code(home).digest("bench.run.recording.recorder")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSources:
    """What the record of a run without work is made of."""

    plan: Plan
    directory: RunDirectory
    home: Path
    contamination: tuple[ContaminationRecord, ...]
    looks: tuple[Look, ...]
    labels: tuple[EvalLabels, ...]

    def is_kept(self) -> bool:
        """Whether the record and what was copied beside it are those that were written from the same."""
        try:
            return bool(json.loads(self._file.read_bytes()) == self._state())
        except (OSError, ValueError):
            return False

    def keep(self) -> None:
        """Remember that the record was just written from these."""
        if all(planned.cached is not None for planned in self.plan.jobs):
            write_text(self._file, json.dumps(self._state()))

    @property
    def _file(self) -> Path:
        return self.home / "recorded" / f"{digest_json(str(self.directory.path.resolve()))}.json"

    def _state(self) -> dict[str, object]:
        files = files_below(self.directory.path)
        return {
            "sources": self._digest(),
            "files": {name: list(state_of(entry)) for name, entry in files if not name.endswith(_REPORTED)},
        }

    def _digest(self) -> str:
        made_of = (*self.contamination, *self.looks, *self.labels, *given_records(self.plan.resolved, self.home))
        results = ((planned.job.id, planned.cached) for planned in self.plan.jobs)
        return digest_json(
            {
                "code": recording_code(self.home),
                "resolved": portable(self.plan.resolved, Path.cwd()).model_dump_json(),
                "plan": self.plan.digest,
                "jobs": [[id_, manifest and manifest.model_dump_json()] for id_, manifest in results],
                "made of": [part.model_dump_json() for part in made_of],
            }
        )
