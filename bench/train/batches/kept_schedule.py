"""A schedule in a file, for the other processes that train or time by it.

Contract: what is read equals what was kept, to the last token, or is not read at all: the file begins with the hash of
the rest. Batches stay on disk. Only a schedule of up to `LARGEST_BYTES` is kept: rows that take long to render take a
training far longer.
"""

import hashlib
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from bench.spec import Spec
from bench.train.batches.disk_batches import SpooledBatches
from bench.train.batches.planned_files import keep
from bench.train.batches.schedule import Schedule

LARGEST_BYTES = 16 << 20
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRows:
    """Rows in batches, and what a report says about how they were rendered."""

    schedule: Schedule
    template: str
    """Name of the template of the rows; `none` of plain text."""
    template_note: str | None


class _Heading(Spec):
    """One line of JSON behind the hash."""

    batches: int
    accumulation: int
    available_rows: int
    dropped_rows: int
    refused_rows: int
    template: str
    template_note: str | None


def keep_schedule(file: Path, planned: PlannedRows) -> None:
    """Keeps a whole schedule that `bench.train.batches.schedule.plan_schedule` made, unless it is large."""
    schedule, batches = planned.schedule, planned.schedule.batches
    assert isinstance(batches, SpooledBatches), "as it was planned"
    if batches.stored_bytes > LARGEST_BYTES:
        return
    heading = _Heading(
        batches=len(batches),
        accumulation=schedule.accumulation,
        available_rows=schedule.available_rows,
        dropped_rows=schedule.dropped_rows,
        refused_rows=schedule.refused_rows,
        template=planned.template,
        template_note=planned.template_note,
    )

    def write(opened: IO[bytes]) -> None:
        content, line = hashlib.sha256(), f"{heading.model_dump_json()}\n"
        opened.seek(_HASH_BYTES)
        for part in chain([line.encode()], batches.stored()):
            content.update(part)
            opened.write(part)
        opened.seek(0)
        opened.write(content.digest())

    keep(file, write)


def kept_schedule(file: Path) -> PlannedRows | None:
    """The schedule of a file; `None` where there is none, or another than was written."""
    try:
        with file.open("rb") as opened:
            expected = opened.read(_HASH_BYTES)
            if hashlib.file_digest(opened, "sha256").digest() != expected:
                return None
            opened.seek(_HASH_BYTES)
            heading = _Heading.model_validate_json(opened.readline())
            batches = SpooledBatches.reading(opened, heading.batches)
    except (OSError, ValidationError):
        return None
    schedule = Schedule(
        batches, heading.accumulation, heading.available_rows, heading.dropped_rows, heading.refused_rows
    )
    return PlannedRows(schedule=schedule, template=heading.template, template_note=heading.template_note)
