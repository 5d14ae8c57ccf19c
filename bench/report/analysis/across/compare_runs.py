"""`bench compare`: one run's arms against the same arms of another run, by the same statistics.

Contract: pure. Differences are second - first, paired by example; the seeds of the two runs are independent draws, even
where their numbers agree. Each eval that is no diagnostic is one family for Holm's adjustment. Runs whose scores do not
mean the same are refused, with every key that differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.errors import InputError, Problem
from bench.record.record import Record
from bench.record.results.evals.evaluation import ScoreRow
from bench.report.analysis.across.comparable import Difference, incomparable, other_differences
from bench.report.analysis.aligned.align import Aligned, align_one, draws_by_arm
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.aligned.measurand import Measurand, measurands_of
from bench.report.analysis.aligned.score_rows import Run, ScoreRows, read_rows
from bench.report.analysis.run_facts.run_info import run_info
from bench.report.analysis.run_facts.subjects import bases_of, planned_arms, subjects
from bench.report.analysis.scores.results import Reading, reading_of
from bench.report.analysis.training.costs.cost_kinds import COSTS, CostKind, figures
from bench.stats.conclusions.multiplicity import holm
from bench.stats.estimates.costs.ratio import Ratio, cost_ratio
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import REPLICATES
from bench.suite.tables.arms.arms import is_base

_FIRST, _SECOND = "@1", "@2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreShift:
    """One arm, or a base, on one measurand. reading: of the second run against the first. same_jobs: both runs took
    their scores from the very same jobs, so that no difference is possible."""

    arm: str
    measurand: Measurand
    delta: Delta
    p_adjusted: float | None
    reading: Reading
    same_jobs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CostChange:
    """What one arm's training costs in the second run, by what it costs in the first."""

    arm: str
    cost: CostKind
    ratio: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One of the two runs. all_done: every job has its result."""

    path: str
    suite: str
    digest: str
    created: str
    all_done: bool
    question: str
    simulation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Two runs of one suite."""

    runs: tuple[ComparedRun, ComparedRun]
    differences: tuple[Difference, ...]
    """In what else the runs differ."""
    only_first: tuple[str, ...]
    """Arms that the second run lacks."""
    only_second: tuple[str, ...]
    changes: tuple[ScoreShift, ...]
    costs: tuple[CostChange, ...]


def compare_runs(first: Run, second: Run, *, replicates: int = REPLICATES) -> RunComparison:
    """Everything that `bench compare FIRST SECOND` says.

    Raises `InputError` where a record cannot be read, where scores do not mean the same, or where no arm is in both.
    """
    records = first.load(), second.load()
    rows = read_rows(first, records[0]), read_rows(second, records[1])
    problems = incomparable(*records, rows)
    if problems:
        raise InputError(problems)
    arms = [[*bases_of(record), *(arm.name for arm in planned_arms(record))] for record in records]
    shared = [arm for arm in arms[0] if arm in arms[1]]
    if not shared:
        raise InputError(
            Problem(
                reference="compare.no-arm",
                what="the two runs have no arm in common",
                where=f"{first.path}, {second.path}",
                hint="`bench report RUN` shows the arms of a run",
            )
        )
    trained = [arm for arm in shared if not is_base(arm)]
    return RunComparison(
        runs=(_compared(first, records[0]), _compared(second, records[1])),
        differences=other_differences(*records),
        only_first=tuple(arm for arm in arms[0] if arm not in shared),
        only_second=tuple(arm for arm in arms[1] if arm not in shared),
        changes=_changes(records, rows, shared, replicates),
        costs=tuple(_costs(records, trained)),
    )


def _compared(run: Run, record: Record) -> ComparedRun:
    info = run_info(record)
    return ComparedRun(
        path=str(run.path),
        suite=info.suite,
        digest=info.digest,
        created=record.created,
        all_done=record.all_done,
        question=info.question,
        simulation=info.simulation,
    )


def _changes(
    records: tuple[Record, Record], rows: tuple[ScoreRows, ScoreRows], arms: list[str], replicates: int
) -> tuple[ScoreShift, ...]:
    deltas = Deltas(seed=int(records[0].digest[:8], 16), replicates=replicates)
    shifts: list[ScoreShift] = []
    for entry in _aligned(records, rows, arms):
        changes = [(arm, deltas.between(entry, arm + _SECOND, arm + _FIRST)) for arm in arms]
        diagnostic = entry.measurand.role == "diagnostic"
        same = {arm: same_jobs(records, arm, entry.measurand.eval) for arm in arms}
        family = [None if diagnostic or same[arm] else delta.tested_p for arm, delta in changes]
        shifts += [
            ScoreShift(
                arm=arm,
                measurand=entry.measurand,
                delta=delta,
                p_adjusted=p,
                reading=reading_of(delta, p, entry.measurand),
                same_jobs=same[arm],
            )
            for (arm, delta), p in zip(changes, holm(family), strict=True)
        ]
    return tuple(shifts)


def _aligned(records: tuple[Record, Record], rows: tuple[ScoreRows, ScoreRows], arms: list[str]) -> list[Aligned]:
    """Both runs' subjects over the same examples, each name marked with its run."""
    by_arm: dict[str, tuple[str, ...]] = {}
    draws: dict[str, tuple[int, ...]] = {}
    marked: dict[tuple[str, str], Sequence[ScoreRow]] = {}
    for record, run_rows, mark in zip(records, rows, (_FIRST, _SECOND), strict=True):
        named = subjects(record)
        by_arm |= {arm + mark: tuple(subject + mark for subject in named[arm]) for arm in arms}
        draws |= {arm + mark: labels for arm, labels in draws_by_arm(record).items()}
        marked |= {(name, subject + mark): scored for (name, subject), scored in run_rows.items()}
    return [
        align_one(measurand, by_arm, marked, draws=draws)
        for spec in records[0].resolved.suite.eval
        for measurand in _both([measurands_of(spec, record) for record in records])
    ]


def _both(by_run: list[list[Measurand]]) -> list[Measurand]:
    """The measurands of both runs; right-or-wrong, or per example, only where they are in both."""
    second = {measurand.name: measurand for measurand in by_run[1]}
    return [
        replace(
            measurand,
            binary=measurand.binary and second[measurand.name].binary,
            per_example=measurand.per_example and second[measurand.name].per_example,
        )
        for measurand in by_run[0]
        if measurand.name in second
    ]


def same_jobs(records: tuple[Record, Record], arm: str, name: str) -> bool:
    """Whether both runs took an arm's scores on an eval from the very same jobs."""
    digests = [
        {e.job.digest for e in record.evaluations if e.eval == name and (e.arm or e.subject) == arm}
        for record in records
    ]
    return bool(digests[0]) and digests[0] == digests[1]


def _costs(records: tuple[Record, Record], arms: list[str]) -> list[CostChange]:
    """Costs that both runs can tell."""
    changes = []
    for kind in COSTS.values():
        for arm in arms:
            sides = [figures(record, arm, kind) for record in reversed(records)]
            if all(any(value is not None for value in side) for side in sides):
                changes.append(CostChange(arm=arm, cost=kind, ratio=cost_ratio(*sides, counted=kind.counted)))
    return changes
