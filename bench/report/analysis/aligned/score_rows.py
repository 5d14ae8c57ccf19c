"""All per-example scores of a run, read from its files.

Contract: imports no statistics, for a process that reads a share of the files starts with what is imported here.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeAlias

from bench.processes import each
from bench.record.record import EvaluationRecord, Record, ScoredStep
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.results.evals.score_table import ScoreTable

ScoreRows: TypeAlias = Mapping[tuple[str, str], Sequence[ScoreRow]]
ScoreTables: TypeAlias = Mapping[tuple[str, str], ScoreTable]
_Named: TypeAlias = tuple[str, EvaluationRecord | ScoredStep]
"""What scored something, with the name that its examples have."""
_FILES = 10
"""Files of scores that are read in one piece."""


class Run(Protocol):
    """What the report needs of `bench.record.rundir.RunDirectory`."""

    @property
    def path(self) -> Path: ...

    def load(self) -> Record: ...

    def scores(self, evaluation: EvaluationRecord | ScoredStep) -> Sequence[ScoreRow]: ...


def read_rows(run: Run, record: Record) -> ScoreTables:
    """All per-example scores of a run, by (eval, subject); subjects without a result have no entry. Of a training's
    steps on dev examples by (`EVAL@dev`, `SUBJECT@STEP`)."""
    evaluations = [evaluation for evaluation in record.evaluations if evaluation.result and evaluation.scores]
    steps = [step for trajectory in record.trajectories for step in trajectory.steps]
    named: list[_Named] = [
        *((evaluation.eval, evaluation) for evaluation in evaluations),
        *((step.dev_eval, step) for step in steps),
    ]
    pieces = [(run, named[begin : begin + _FILES]) for begin in range(0, len(named), _FILES)]
    rows = sum(measure.n for scored in evaluations if scored.result for measure in scored.result.measures[:1])
    first: dict[str, ScoreTable] = {}
    read = chain.from_iterable(each(_read, pieces, rows=rows))
    return {
        (name, scored.subject): table.like(first.setdefault(name, table))
        for (name, scored), table in zip(named, read, strict=True)
    }


def _read(piece: tuple[Run, Sequence[_Named]]) -> list[ScoreTable]:
    """Tables of some evaluations; those of one eval share what is equal."""
    run, named = piece
    first: dict[str, ScoreTable] = {}
    tables: list[ScoreTable] = []
    for name, scored in named:
        table = ScoreTable.of(run.scores(scored))
        tables.append(table.like(first.setdefault(name, table)))
    return tables
