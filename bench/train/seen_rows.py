"""The first rows that a training saw, for its report: text with its mask.

Contract: read off the batches that are trained on, not rendered again.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.seen_row import SeenRow
from bench.train.batches.encoded_row import IGNORED, EncodedRow
from bench.train.batches.segments import segments
from bench.train.batches.validation_rows import split_rows
from bench.train.training_data import TrainingData

SHOWN = 3
MOST_TOKENS = 1_000
"""Tokens of a row whose text is kept."""


def seen_rows(job: TrainJob, data: TrainingData) -> tuple[SeenRow, ...]:
    """The first `SHOWN` rows of the schedule."""
    rows: Sequence[Row] = load_rows(Path(job.data.path))
    if job.recipe.validation is not None:
        rows, _ = split_rows(rows, job.recipe.validation, job.seed)
    return tuple(_seen(row, rows, data) for row in islice(data.schedule.examples(), SHOWN))


def _seen(row: EncodedRow, rows: Sequence[Row], data: TrainingData) -> SeenRow:
    ids, labels = row.ids[:MOST_TOKENS].tolist(), row.labels[:MOST_TOKENS].tolist()
    return SeenRow(
        origin=", ".join(rows[index].origin for index in row.rows) or "…",
        tokens=row.tokens,
        supervised_tokens=row.supervised_tokens,
        segments=tuple(segments(data.tokenizer, ids, [label != IGNORED for label in labels])),
    )
