"""The suite's claims, decided: supported, refuted, inconclusive, or incomplete where a needed subject has no score.

Contract: pure. A claim is `incomplete` as soon as one seed replicate of either side is missing on what it is about,
whatever the others show (a failure is no random loss), or where its missing scores decide it. All claims but
exact ones are one family for Holm's adjustment.

"Not worse" and "equal" between two sides that are both at chance, or both at the ceiling, is `inconclusive`: an eval
that neither side can do, or that both do without fault, cannot distinguish them (assay sensitivity, ICH E10, 1.5).
Between an arm and a deployed form of it with the same weights, to the last bit, it is `supported` without a statistic.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.aligned.named import entry_named
from bench.report.analysis.conclusions.difference_words import asked_words, difference_words, ratio_words
from bench.report.analysis.conclusions.looks import looks_at
from bench.report.analysis.conclusions.verdict_sentence import margin_text, verdict_sentence
from bench.report.analysis.run_facts.absence import Absence
from bench.report.analysis.run_facts.subjects import seeds_of, subjects
from bench.report.analysis.scores.results import Result
from bench.report.analysis.training.costs.cost_kinds import COSTS, CostKind, figures, unreached, why_missing
from bench.report.analysis.training.deployed import deployed_arms
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import ClaimQuestion, ClaimRelation, ClaimVerdict
from bench.stats.conclusions.claims import decide_family
from bench.stats.estimates.costs.efficiency import Costly, efficiency_prior, efficiency_ratio
from bench.stats.estimates.costs.ratio import Ratio, cost_ratio
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.single import Estimate, score_interval
from bench.suite.tables.arms import is_base
from bench.suite.tables.conclusions.claim import Claim

_ROUNDING = 1e-9
"""By which a bound of an interval may miss the end of its scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """A claim of the suite, decided."""

    claim: Claim
    verdict: ClaimVerdict
    delta: Delta | None
    """Left minus right, in the eval's units; `None` where nothing could be compared, and of a cost."""
    ratio: Ratio | None
    """Left by right, of a cost or of quality per cost."""
    margin: str
    """In the eval's units, or as per cent of a cost."""
    asked: str
    """What the claim asks of its left side, such as `not worse by more than 2.0 points`."""
    seen: str | None
    """The difference in words, such as `better by 46.5 points (41.4 to 51.3)`; `None` where there is none."""
    why: str
    """What the interval shows, what is missing, or what would decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClaimCase:
    """A claim with what it is decided from. entry: `None` of a cost alone. gap: why it cannot be decided. unreached:
    trainings that did not reach the target whose cost it is about."""

    claim: Claim
    entry: Aligned | None
    gap: str | None
    unreached: tuple[str, ...] = ()


def decided(
    record: Record,
    aligned: Sequence[Aligned],
    absences: Sequence[Absence],
    deltas: Deltas,
    results: Mapping[tuple[str, str], Result],
) -> tuple[ClaimResult, ...]:
    """One result per claim, in the suite's order."""
    entries = {entry.measurand.name: entry for entry in aligned}
    cases = [_case(claim, record, entries, absences) for claim in record.resolved.suite.claim]
    comparisons = [None if case.gap is not None else _comparison(case, record, deltas) for case in cases]
    questions = [_question(case, comparison, record) for case, comparison in zip(cases, comparisons, strict=True)]
    decisions = [_named(case, verdict) for case, verdict in zip(cases, decide_family(questions), strict=True)]
    verdicts = [_sensitive(case, verdict, results, deltas) for case, verdict in zip(cases, decisions, strict=True)]
    same = {frozenset((form.arm, form.trained)) for form in deployed_arms(record) if form.same_weights}
    verdicts = [_by_identity(case, verdict, same) for case, verdict in zip(cases, verdicts, strict=True)]
    family = sum(not _exact(comparison) for comparison in comparisons)
    single = len(seeds_of(record)) == 1
    return tuple(
        ClaimResult(
            claim=case.claim,
            verdict=verdict,
            delta=comparison if isinstance(comparison, Delta) else None,
            ratio=comparison if isinstance(comparison, Ratio) else None,
            margin=margin_text(case.claim),
            asked=asked_words(case.claim, None if case.entry is None else case.entry.measurand),
            seen=_seen(case, comparison, verdict, family=len(cases)),
            why=verdict_sentence(case.claim, verdict, comparison, family=family, single_seed=single),
        )
        for case, verdict, comparison in zip(cases, verdicts, comparisons, strict=True)
    )


def _exact(comparison: Delta | Ratio | None) -> bool:
    return isinstance(comparison, Ratio) and comparison.exact


_DIRECTED = {("supported", ">"), ("refuted", ">="), ("refuted", "==")}
"""Verdicts that show which side is better, by outcome and relation."""


def _seen(case: _ClaimCase, comparison: Delta | Ratio | None, verdict: ClaimVerdict, *, family: int) -> str | None:
    proven = (verdict.outcome, case.claim.parts()[1]) in _DIRECTED
    if isinstance(comparison, Ratio):
        return ratio_words(comparison, case.claim, proven=proven)
    if comparison is None or case.entry is None:
        return None
    return difference_words(comparison, case.entry.measurand, family=family, proven=proven)


def _named(case: _ClaimCase, verdict: ClaimVerdict) -> ClaimVerdict:
    """The verdict with the arms whose missing scores decide it, and what they could make of it."""
    outcomes = verdict.missing_scores
    if outcomes is None or case.entry is None:
        return verdict
    left, _, right = case.claim.parts()
    shares = {side: case.entry.missing_share(side) for side in (left, right)}
    lack = " and ".join(f"{side} lacks {fmt.percent(share)} of its scores" for side, share in shares.items() if share)
    reason = f"{lack}, which decide the claim: {outcomes.as_scored} as scored, "
    reason += f"{outcomes.against} if they all count against {left}, {outcomes.in_favour} if all count for it"
    return replace(verdict, reason=reason)


def _sensitive(
    case: _ClaimCase, verdict: ClaimVerdict, results: Mapping[tuple[str, str], Result], deltas: Deltas
) -> ClaimVerdict:
    """The verdict, or inconclusive where the eval cannot distinguish the two sides, or a target was not reached."""
    if case.unreached:
        reason = f"{fmt.listed(case.unreached)} did not reach the target: what that would take is not known"
        return replace(verdict, outcome="inconclusive", reason=reason)
    if verdict.outcome != "supported":
        return verdict
    if _both_at_chance(case, results, deltas):
        return replace(verdict, outcome="inconclusive", reason=_insensitive(case))
    if _both_at_ceiling(case, results, deltas):
        reason = "both sides are at the ceiling: this eval is too easy to distinguish them"
        return replace(verdict, outcome="inconclusive", reason=reason)
    return verdict


def _by_identity(case: _ClaimCase, verdict: ClaimVerdict, same: Container[frozenset[str]]) -> ClaimVerdict:
    """The verdict, or supported where both sides are the same weights: no example could show a difference."""
    left, relation, right = case.claim.parts()
    if case.gap is not None or case.claim.cost is not None or relation == ">" or frozenset((left, right)) not in same:
        return verdict
    return replace(verdict, outcome="supported", reason="both sides have the same weights, to the last bit")


def _insensitive(case: _ClaimCase) -> str:
    """Why an eval whose scores do not rise above guessing decides nothing."""
    if case.entry is not None and case.entry.measurand.kind == "judge":
        return "neither side is preferred to what both were compared with: this judge may not distinguish them"
    return "both sides are at chance: this eval cannot distinguish them"


def _both_at_chance(case: _ClaimCase, results: Mapping[tuple[str, str], Result], deltas: Deltas) -> bool:
    """Whether a claim of "not worse" or "equal" is about two sides whose scores do not rise above guessing."""
    left, relation, right = case.claim.parts()
    if case.entry is None or case.claim.cost is not None or relation == ">":
        return False
    measurand, chance = case.entry.measurand, case.entry.measurand.chance
    if chance is None or not measurand.higher_is_better:
        return False
    values = [_value(case.entry, side, results, deltas) for side in (left, right)]
    return all(value.low is not None and value.low <= chance for value in values)


def _both_at_ceiling(case: _ClaimCase, results: Mapping[tuple[str, str], Result], deltas: Deltas) -> bool:
    """Whether a claim of "not worse" or "equal" is about two sides whose scores reach the end of the scale."""
    left, relation, right = case.claim.parts()
    if case.entry is None or case.claim.cost is not None or relation == ">":
        return False
    measurand = case.entry.measurand
    if measurand.bounds is None or measurand.kind == "judge":
        return False
    values = [_value(case.entry, side, results, deltas) for side in (left, right)]
    if measurand.higher_is_better:
        return all(value.high is not None and value.high >= measurand.bounds[1] - _ROUNDING for value in values)
    return all(value.low is not None and value.low <= measurand.bounds[0] + _ROUNDING for value in values)


def _value(entry: Aligned, side: str, results: Mapping[tuple[str, str], Result], deltas: Deltas) -> Estimate:
    """A side's own score; of a part of an eval it is no result of the report's."""
    result = results.get((side, entry.measurand.name))
    if result is not None:
        return result.value
    return score_interval(
        entry.arms[side], seed=deltas.seed, replicates=deltas.replicates, prior=deltas.seed_prior(entry)
    )


def _comparison(case: _ClaimCase, record: Record, deltas: Deltas) -> Delta | Ratio:
    """Paired scores, costs, or both."""
    left, _, right = case.claim.parts()
    if case.claim.cost is None:
        assert case.entry is not None, "a claim without a cost is on an eval"
        return deltas.between(case.entry, left, right)
    kind = COSTS[case.claim.cost]
    spent = [figures(record, side, kind) for side in (left, right)]
    if case.entry is None:
        return cost_ratio(*spent, counted=kind.counted)
    costly = _costly(case.entry, record, kind)
    return efficiency_ratio(
        costly[left],
        costly[right],
        counted=kind.counted,
        seed=deltas.seed,
        replicates=deltas.replicates,
        prior=efficiency_prior(costly.values()),
    )


def _costly(entry: Aligned, record: Record, kind: CostKind) -> dict[str, Costly]:
    """Scores and costs of the arms whose trainings all have a cost."""
    costly: dict[str, Costly] = {}
    for arm, scores in entry.arms.items():
        spent = [] if is_base(arm) else [value for value in figures(record, arm, kind) if value is not None]
        if len(spent) == scores.values.shape[0]:
            costly[arm] = (scores, spent)
    return costly


def _question(case: _ClaimCase, comparison: Delta | Ratio | None, record: Record) -> ClaimQuestion:
    relation: ClaimRelation = case.claim.parts()[1] if case.gap is None else ">="
    if case.claim.cost is not None:
        higher = case.claim.per is not None
    else:
        higher = case.entry is None or case.entry.measurand.higher_is_better
    return ClaimQuestion(
        relation=relation,
        comparison=comparison,
        margin=case.claim.margin,
        higher_is_better=higher,
        missing=case.gap or "nothing to compare",
        looks=looks_at(case.claim, record, None if comparison is None else comparison.components),
    )


def _case(claim: Claim, record: Record, entries: Mapping[str, Aligned], absences: Sequence[Absence]) -> _ClaimCase:
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
    return _ClaimCase(claim=claim, entry=entry, gap=gap, unreached=unreached)


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
            return f"{side}: {why_missing(record, side, kind)}"
    return None
