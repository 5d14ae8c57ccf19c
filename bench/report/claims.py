"""The suite's claims, decided: supported, refuted, inconclusive, or incomplete where a needed subject has no score.

Contract: pure. A claim is `incomplete` as soon as one seed replicate of either side is missing on its eval, whatever
the others show: a failure is no random loss. The other claims are one family for Holm's adjustment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.record.record import Record
from bench.report.absence import Absence
from bench.report.align import Aligned, subjects
from bench.report.deltas import Deltas
from bench.stats.claims import Question, Relation, Verdict, decide_family
from bench.stats.paired import Delta
from bench.suite.suite import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """A claim of the suite, decided."""

    claim: Claim
    verdict: Verdict
    delta: Delta | None
    """Left minus right, in the eval's units; `None` where nothing could be compared."""
    gap: str | None
    """What is missing, of an incomplete claim."""


def decided(
    record: Record, aligned: Sequence[Aligned], absences: Sequence[Absence], deltas: Deltas
) -> tuple[ClaimResult, ...]:
    """One result per claim, in the suite's order."""
    entries = {entry.measurand.name: entry for entry in aligned}
    claims = record.resolved.suite.claim
    gaps = [_gap(claim, record, entries, absences) for claim in claims]
    found = [
        _delta(claim, entries[claim.on], deltas) if gap is None else None
        for claim, gap in zip(claims, gaps, strict=True)
    ]
    questions = [
        _question(claim, delta, entries.get(claim.on), gap)
        for claim, delta, gap in zip(claims, found, gaps, strict=True)
    ]
    verdicts = decide_family(questions)
    return tuple(
        ClaimResult(claim=claim, verdict=verdict, delta=delta, gap=gap)
        for claim, verdict, delta, gap in zip(claims, verdicts, found, gaps, strict=True)
    )


def _delta(claim: Claim, entry: Aligned, deltas: Deltas) -> Delta:
    left, _, right = claim.parts()
    return deltas.between(entry, left, right)


def _question(claim: Claim, delta: Delta | None, entry: Aligned | None, gap: str | None) -> Question:
    relation: Relation = claim.parts()[1] if gap is None else ">="
    return Question(
        relation=relation,
        comparison=delta,
        margin=claim.margin,
        higher_is_better=entry is None or entry.measurand.higher_is_better,
        missing=gap or "nothing to compare",
    )


def _gap(claim: Claim, record: Record, entries: Mapping[str, Aligned], absences: Sequence[Absence]) -> str | None:
    """What is missing to decide the claim; `None` if nothing is."""
    left, relation, right = claim.parts()
    if claim.on not in entries:
        return f"the tasks of {claim.on} have no common measure: give each its own eval"
    if relation == "==" and claim.margin == 0:
        return "`==` needs a margin above zero: no run can show an exact equality"
    names = subjects(record)
    absent_sides = [side for side in (left, right) if side not in names]
    if absent_sides:
        return f"{absent_sides[0]} is not part of this run"
    needed = {*names[left], *names[right]}
    missing = [absence for absence in absences if absence.eval == claim.on and absence.subject in needed]
    if not missing:
        return None
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return f"{missing[0].subject} has no score: {missing[0].message}{more}"
