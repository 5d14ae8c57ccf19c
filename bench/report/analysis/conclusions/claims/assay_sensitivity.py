"""Whether an eval can distinguish two sides at all.

"Not worse" and "equal" between two sides that are both at chance, or both at the ceiling, is inconclusive: an eval
that neither side can do, or that both do without fault, cannot distinguish them (assay sensitivity, ICH E10, 1.5). So
is "not worse" than a side that has less to lose than the margin, and every claim whose margin spans all scores that
were seen on a scale without ends.
"""

from collections.abc import Mapping

import numpy as np

from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.conclusions.claims.claim_case import ClaimCase
from bench.report.analysis.scores.results import Result
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import DECIDED, ClaimVerdict
from bench.stats.estimates.single import Estimate, score_interval

_ROUNDING = 1e-9
"""By which a bound of an interval may miss the end of its scale."""


def if_sensitive(
    case: ClaimCase, verdict: ClaimVerdict, results: Mapping[tuple[str, str], Result], deltas: Deltas
) -> ClaimVerdict:
    """The verdict, or inconclusive where the eval cannot distinguish the two sides, or a target was not reached."""
    reason = _why_insensitive(case, verdict, results, deltas)
    return verdict if reason is None else verdict.undecided("inconclusive", reason)


def _why_insensitive(
    case: ClaimCase, verdict: ClaimVerdict, results: Mapping[tuple[str, str], Result], deltas: Deltas
) -> str | None:
    """The reason; one that is open and leans to be supported has it, too, where no further example would help."""
    if case.unreached:
        return f"{fmt.listed(case.unreached)} did not reach the target: what that would take is not known"
    seen = _scores_within_margin(case) if verdict.outcome in DECIDED else None
    if seen is not None:
        return (
            f"the margin is wider than all scores of {case.claim.on} together, {seen}: none like them could decide it"
        )
    if verdict.outcome == "supported" and _both_at_chance(case, results, deltas):
        return _at_chance(case)
    if (verdict.outcome if verdict.outcome in DECIDED else verdict.leaning) != "supported":
        return None
    if _both_at_ceiling(case, results, deltas):
        return "both sides are at the ceiling: this eval is too easy to distinguish them"
    if _nothing_to_lose(case, results, deltas):
        left, _, right = case.claim.parts()
        return f"{right} has less to lose than the margin: no score of {left} could refute it"
    return None


def _at_chance(case: ClaimCase) -> str:
    """Why an eval whose scores do not rise above guessing decides nothing."""
    if case.entry is not None and case.entry.measurand.judged:
        return "neither side is preferred to what both were compared with: this judge may not distinguish them"
    return "both sides are at chance: this eval cannot distinguish them"


def _scores_within_margin(case: ClaimCase) -> str | None:
    """Lowest and highest score of any example and side, where the scale has no ends and the margin spans them."""
    entry = case.entry
    if entry is None or case.claim.cost is not None or entry.measurand.bounds is not None:
        return None
    scored = [scores.values[scores.present] for scores in entry.arms.values()]
    if not entry.measurand.per_example:
        scored = [counts.metric.of_sums(counts.values[counts.present]) for counts in entry.counts.values()]
    seen = np.concatenate(scored) if scored else np.empty(0)
    if not seen.size or case.claim.margin < np.ptp(seen):
        return None
    return f"{fmt.number(float(seen.min()))} to {fmt.number(float(seen.max()))}"


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
    if measurand.bounds is None or measurand.judged:
        return False
    values = [_value(case.entry, side, results, deltas) for side in (left, right)]
    if measurand.higher_is_better:
        return all(value.high is not None and value.high >= measurand.bounds[1] - _ROUNDING for value in values)
    return all(value.low is not None and value.low <= measurand.bounds[0] + _ROUNDING for value in values)


def _nothing_to_lose(case: ClaimCase, results: Mapping[tuple[str, str], Result], deltas: Deltas) -> bool:
    """Whether the whole interval of the right side is within the margin of the worst score that there is."""
    _, relation, right = case.claim.parts()
    if case.entry is None or case.claim.cost is not None or relation != ">=" or case.entry.measurand.bounds is None:
        return False
    (lowest, highest), value = case.entry.measurand.bounds, _value(case.entry, right, results, deltas)
    if value.low is None or value.high is None:
        return False
    room = value.high - lowest if case.entry.measurand.higher_is_better else highest - value.low
    return room <= case.claim.margin


def _value(entry: Aligned, side: str, results: Mapping[tuple[str, str], Result], deltas: Deltas) -> Estimate:
    """A side's own score; of a part of an eval it is no result of the report's."""
    result = results.get((side, entry.measurand.name))
    if result is not None:
        return result.value
    return score_interval(
        entry.arms[side], seed=deltas.seed, replicates=deltas.replicates, prior=deltas.seed_prior(entry)
    )
