"""A claim with what it is decided from, or what is missing for that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.named import entry_named
from bench.report.analysis.run_facts.absence import Absence
from bench.report.analysis.run_facts.subjects import arms_by_name, subjects
from bench.report.analysis.training.costs.cost_kinds import COSTS, figures, unreached, why_missing
from bench.suite.tables.conclusions.claim import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCase:
    """A claim with what it is decided from. entry: `None` of a cost alone. gap: why it cannot be decided. unreached:
    trainings that did not reach the target whose cost it is about. lone: sides that the suite trains once."""

    claim: Claim
    entry: Aligned | None
    gap: str | None
    unreached: tuple[str, ...] = ()
    lone: tuple[str, ...] = ()


def claim_case(claim: Claim, record: Record, entries: Mapping[str, Aligned], absences: Sequence[Absence]) -> ClaimCase:
    """What the claim is decided from, or what is missing for that."""
    left, relation, right = claim.parts()
    entry = None if claim.eval is None else entry_named(claim.on, record, entries)
    names = subjects(record)
    absent_sides = [side for side in (left, right) if side not in names]
    gap = None
    if claim.eval is not None and entry is None:
        gap = _no_measure(claim, entries)
    elif entry is not None and _vacuous(claim, entry.measurand.largest_difference):
        gap = f"the margin spans the whole scale of {claim.on}: no score could decide the claim"
    elif relation == "==" and claim.margin == 0:
        gap = "`==` needs a margin above zero: no run can show an exact equality"
    elif absent_sides:
        gap = f"{absent_sides[0]} is not part of this run"
    else:
        gap = _missing_score(claim, (left, right), names, absences) or _missing_cost(claim, (left, right), record)
    if gap is None and claim.per is not None and entry is not None and not entry.measurand.higher_is_better:
        gap = f"lower is better on {claim.on}: it has no quality per cost"
    unreached = _unreached(claim, (left, right), record)
    return ClaimCase(claim=claim, entry=entry, gap=gap, unreached=unreached, lone=_lone((left, right), record))


def _lone(sides: tuple[str, str], record: Record) -> tuple[str, ...]:
    """Sides of one training by this suite: what is given, or deployed, is judged as it is."""
    suite, arms = record.resolved.suite, arms_by_name(record)
    trained = [side for side in dict.fromkeys(sides) if side in arms and suite.trains(arms[side])]
    if any(side in arms and arms[side].deployed is not None for side in sides):
        return ()
    return tuple(side for side in trained if len(suite.seeds_of(side)) == 1)


def _unreached(claim: Claim, sides: tuple[str, str], record: Record) -> tuple[str, ...]:
    """Trainings of both sides that did not reach the target, of a claim on what that takes."""
    if claim.cost is None or not COSTS[claim.cost].to_target:
        return ()
    return tuple(f"{side}#{seed}" for side in dict.fromkeys(sides) for seed in unreached(record, side))


def _vacuous(claim: Claim, largest: float | None) -> bool:
    """Whether no difference of scores could refute the claim, or none could support it."""
    return claim.cost is None and largest is not None and claim.margin >= largest


def _no_measure(claim: Claim, entries: Mapping[str, Aligned]) -> str:
    matching = [entry for entry in entries.values() if entry.measurand.eval == claim.eval]
    tasks = sorted({task for entry in matching for task in entry.measurand.metrics})
    if claim.task is not None:
        has = f"; it has {', '.join(tasks)}" if tasks else ""
        return f"{claim.eval} has no scored task or group {claim.task!r}{has}"
    if not tasks:
        return f"{claim.on} has no score"
    return f"the tasks of {claim.on} have no common measure: claim on one of them, such as {claim.on}/{tasks[0]}"


def _missing_score(
    claim: Claim, sides: tuple[str, str], names: Mapping[str, Sequence[str]], absences: Sequence[Absence]
) -> str | None:
    """The first subject without what the claim is about: its score, or its training."""
    needed = {subject for side in sides for subject in names[side]}
    missing = [absence for absence in absences if absence.eval == claim.eval and absence.subject in needed]
    if not missing:
        return None
    what = "score" if claim.eval is not None else "training"
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return f"{missing[0].subject} has no {what}: {missing[0].message}{more}"


def _missing_cost(claim: Claim, sides: tuple[str, str], record: Record) -> str | None:
    if claim.cost is None:
        return None
    kind = COSTS[claim.cost]
    for side in sides:
        if any(value is None for value in figures(record, side, kind)):
            return f"{side} has no {claim.cost.replace('_', ' ')} to compare: {why_missing(record, side, kind)}"
    return None
