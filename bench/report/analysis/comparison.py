"""From a run to what can be said of it: results, ranks, verdicts of claims, costs, failures, answers.

Contract: pure and deterministic; a function of the record, the per-example scores and this code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.record.record import Record
from bench.report.analysis.absence import Absence, absences_of
from bench.report.analysis.align import Measurand, Rows, Run, align, read_rows, subjects
from bench.report.analysis.answers import Exhibit, exhibits
from bench.report.analysis.claims import ClaimResult, decided
from bench.report.analysis.completeness import Completeness, completeness
from bench.report.analysis.contamination import Contamination, contamination
from bench.report.analysis.cost import Cost, costs
from bench.report.analysis.deltas import Deltas
from bench.report.analysis.flips import Flips, find_flips
from bench.report.analysis.judge import JudgedArm, judged_arms
from bench.report.analysis.results import Result, results
from bench.report.analysis.tradeoff import Tradeoff, tradeoffs
from bench.report.ranks import ranks
from bench.stats.paired import REPLICATES
from bench.stats.ranking import Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that the report says, as numbers."""

    record: Record
    measurands: tuple[Measurand, ...]
    arms: tuple[str, ...]
    """`base` first."""
    results: Mapping[tuple[str, str], Result]
    """By arm and measurand."""
    ranks: Mapping[str, tuple[Rank, ...]]
    """By measurand; empty where none can be given."""
    claims: tuple[ClaimResult, ...]
    costs: tuple[Cost, ...]
    absences: tuple[Absence, ...]
    contamination: Contamination
    flips: Flips
    tradeoffs: tuple[Tradeoff, ...]
    exhibits: tuple[Exhibit, ...]
    judged: tuple[JudgedArm, ...]
    completeness: Completeness


def compare(run: Run, *, replicates: int = REPLICATES) -> Comparison:
    """Everything that the report says of `run`. Raises `InputError` where its record or scores cannot be read."""
    record = run.load()
    return compare_record(record, read_rows(run, record), replicates=replicates)


def compare_record(record: Record, rows: Rows, *, replicates: int = REPLICATES) -> Comparison:
    """The same from what was read already."""
    aligned = align(record, rows)
    absences = absences_of(record)
    deltas = Deltas.of(record, replicates=replicates)
    measurands = tuple(entry.measurand for entry in aligned)
    found = results(record, aligned, absences, deltas)
    claims = decided(record, aligned, absences, deltas, found)
    return Comparison(
        record=record,
        measurands=measurands,
        arms=tuple(subjects(record)),
        results=found,
        ranks={entry.measurand.name: ranks(entry, deltas) for entry in aligned},
        claims=claims,
        costs=costs(record),
        absences=absences,
        contamination=contamination(record, aligned, found, deltas),
        flips=find_flips(record, aligned, rows),
        tradeoffs=tradeoffs(record, measurands, found),
        exhibits=exhibits(record, aligned, rows),
        judged=judged_arms(record, rows, deltas),
        completeness=completeness(record, absences=absences, results=found, claims=claims),
    )
