"""Whether an eval can distinguish two sides at all.

"Not worse" and "equal" between two sides that are both at chance, or both at the ceiling, is inconclusive: an eval
that neither side can do, or that both do without fault, cannot distinguish them (assay sensitivity, ICH E10, 1.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.conclusions.claim_case import ClaimCase
from bench.report.analysis.scores.results import Result
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import ClaimVerdict
from bench.stats.estimates.single import Estimate, score_interval

_ROUNDING = 1e-9
"""By which a bound of an interval may miss the end of its scale."""


def if_sensitive(
    case: ClaimCase, verdict: ClaimVerdict, results: Mapping[tuple[str, str], Result], deltas: Deltas
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


def _insensitive(case: ClaimCase) -> str:
    """Why an eval whose scores do not rise above guessing decides nothing."""
    if case.entry is not None and case.entry.measurand.kind == "judge":
        return "neither side is preferred to what both were compared with: this judge may not distinguish them"
    return "both sides are at chance: this eval cannot distinguish them"


def _both_at_chance(case: ClaimCase, results: Mapping[tuple[str, str], Result], deltas: Deltas) -> bool:
    """Whether a claim of "not worse" or "equal" is about two sides whose scores do not rise above guessing."""
    left, relation, right = case.claim.parts()
    if case.entry is None or case.claim.cost is not None or relation == ">":
        return False
    measurand, chance = case.entry.measurand, case.entry.measurand.chance
    if chance is None or not measurand.higher_is_better:
        return False
    values = [_value(case.entry, side, results, deltas) for side in (left, right)]
    return all(value.low is not None and value.low <= chance for value in values)


def _both_at_ceiling(case: ClaimCase, results: Mapping[tuple[str, str], Result], deltas: Deltas) -> bool:
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
