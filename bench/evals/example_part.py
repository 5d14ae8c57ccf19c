"""Which examples of an eval are dev examples, and which are left for its scores.

Contract: an example's part depends on its own content and the share alone, so that equal examples are in one part, and
none changes sides where an eval grows. Both parts of two different examples have one at least.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.evals.outcome import cluster_of_row, row_content
from bench.record.jobs.eval_job import EvalJob, ExamplePart
from bench.suite.tables.evals.eval_spec import cluster_column

_SALT = "bench dev examples"
_SIZE = 2**64


def in_part(part: ExamplePart, contents: Sequence[str]) -> list[bool]:
    """Whether each example, by its content, is in the part."""
    places = [_place(content) for content in contents]
    if not places:
        return []
    dev = {place for place in places if place < part.dev_share} or {min(places)}
    if dev == set(places) and len(dev) > 1:
        dev.discard(max(places))
    return [(place in dev) is (part.which == "dev") for place in places]


def rows_of(job: EvalJob) -> Sequence[Row]:
    """The eval's own rows, in order, or those of the part that the job scores; no cluster is in both parts."""
    assert job.data is not None, "an eval with rows"
    rows: Sequence[Row] = load_rows(Path(job.data.path))
    if job.part is None:
        return rows
    column = cluster_column(job.eval)
    inside = in_part(job.part, [cluster_of_row(row, column) or row_content(row) for row in rows])
    return [row for row, chosen in zip(rows, inside, strict=True) if chosen]


def _place(content: str) -> float:
    """A number from 0 to 1 that the content alone decides."""
    digest = hashlib.sha256(f"{_SALT}\n{content}".encode()).digest()
    return int.from_bytes(digest[:8]) / _SIZE
